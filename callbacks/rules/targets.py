"""Where a webhook may lead: which address a person may write, and which one may be connected to.

A name may be written by anybody and may lead anywhere, also somewhere else a moment later. So both
are judged: the address as it is written, when it is set, and every network address that the name
has, at the moment of the connection.
"""

import ipaddress
import re
from dataclasses import dataclass

LONGEST = 2000
PORTS = frozenset({443, 8443})
DEFAULT_PORTS = {"https": 443, "http": 80}
# One expression reads the whole address, and it is strict: no user, no escape of the host, no
# backslash, no control character, no letter beyond ASCII. Two readers can then not disagree.
WRITTEN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*)?"
    r"(?P<query>\?[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?"
)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa")
NOWHERE = [
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "169.254.0.0/16", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2002::/16",
        "3fff::/20", "5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
"""Never a target: unspecified, link-local (where clouds keep their secrets), multicast, reserved,
and all that wraps an IPv4 address into another one."""
HERE = [
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]  # fmt: skip
"""This machine and its network: a target only where the installation allows it."""


@dataclass(frozen=True)
class Target:
    """An address, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The address in its one spelling."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"


class TargetRefused(ValueError):
    """The address cannot be a target; the message says why, for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def parse(text: str, *, private: bool = False) -> Target:
    """Take a written address apart. Raises ``TargetRefused``.

    ``private``: http, any port, and names and addresses of this machine and network are fine, too.
    """
    written = text.strip(" ")
    found = WRITTEN.fullmatch(_lowered(written))
    if found is None or len(written) > LONGEST:
        raise TargetRefused(_why_unread(written))
    scheme, host = found["scheme"], found["host"]
    port = int(found["port"] or DEFAULT_PORTS[scheme])
    _require_known_way(scheme, port, private=private)
    _require_name(host, private=private)
    return Target(scheme, host, port, (found["path"] or "/") + (found["query"] or ""))


def _lowered(written: str) -> str:
    """Scheme and host in small letters; path and query keep theirs."""
    scheme, slashes, rest = written.partition("://")
    host = re.match(r"[^/?]*", rest)
    length = host.end() if host else 0
    return scheme.lower() + slashes + rest[:length].lower() + rest[length:]


def _why_unread(written: str) -> str:
    """The first of these that is wrong with it."""
    authority = re.split(r"[/?]", written.partition("://")[2])[0]
    wrong = {
        "Give the address that events are sent to, such as https://crm.example.com/ringback.": (
            not written
        ),
        f"An address has at most {LONGEST} characters.": len(written) > LONGEST,
        "The address must begin with https://.": (
            not written.lower().startswith(("https://", "http://"))
        ),
        "The address must not hold a user name or a password. Check the signature instead.": (
            "@" in authority
        ),
        "The address must not have a part after #: it is never sent.": "#" in written,
        "Write the address in ASCII: a name with other letters begins with xn--.": (
            not written.isascii()
        ),
        "This cannot be read as an address without doubt. Look for stray characters.": True,
    }
    return next(message for message, applies in wrong.items() if applies)


def _require_known_way(scheme: str, port: int, *, private: bool) -> None:
    if not 1 <= port <= 65535:
        raise TargetRefused("There is no such port.")
    if private:
        return
    if scheme != "https":
        raise TargetRefused("Only https: what is sent names people and their numbers.")
    if port not in PORTS:
        raise TargetRefused("Only the ports 443 and 8443.")


def _require_name(host: str, *, private: bool) -> None:
    """A name that people registered; addresses in figures, however spelt, are none."""
    if private and _is_plain_address(host):
        return
    labels = host.split(".")
    if host.startswith("[") or NUMERIC.fullmatch(labels[-1] or labels[-2:][0]):
        raise TargetRefused("Write the name of the host, not its address in figures.")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise TargetRefused("This is no name of a host.")
    if not private and (len(labels) < 2 or labels[-1] in LOCAL_NAMES):
        raise TargetRefused("This name leads into a local network, where nothing may be sent.")


def _is_plain_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def may_connect(address: str, *, private: bool = False) -> bool:
    """Whether this network address may be connected to. Anything that is none may not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id:
            return False
        # Also where it is wrapped: the system unwraps it, and connects to what is inside.
        found = found.ipv4_mapped or found
    if private and _is_in(found, HERE):
        return True
    return found.is_global and not found.is_multicast and not _is_in(found, NOWHERE)


def _is_in(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> bool:
    return any(address in network for network in networks)
