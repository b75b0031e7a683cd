"""Where a webhook may lead: what may be written, and what may be connected to."""

import pytest

from callbacks.rules import targets
from callbacks.rules.targets import TargetRefused, may_connect, parse

BAD = [
    "", " ", "crm.example.com", "//crm.example.com/", "/path", "https:", "https://", "https:///path",
    "http://crm.example.com/", "ftp://crm.example.com/", "file:///etc/passwd",
    "gopher://crm.example.com:70/_x", "javascript:alert(1)", "data:text/plain,x", "unix:/run/x.sock",
    "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/",
    "https://017700000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.1/", "https://0/",
    "https://127.0.0.1./", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/",
    "https://192.168.1.1/", "https://8.8.8.8/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/", "https://[2606:4700:4700::1111]/", "https://[::]/", "https://[/",
    "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://x.localhost/",
    "https://intranet/", "https://printer.local/", "https://db.internal/", "https://1.0.0.127.in-addr.arpa/",
    "https://a@127.0.0.1/", "https://user:secret@crm.example.com/", "https://crm.example.com@127.0.0.1/",
    "https://crm.example.com:80/", "https://crm.example.com:22/", "https://crm.example.com:6379/",
    "https://crm.example.com:0/", "https://crm.example.com:443443/", "https://crm.example.com:/",
    "https://crm.example.com:８443/", "https://crm.example.com/#part", "https://crm.example.com\\@127.0.0.1/",
    "https://crm.example.com/\r\nX-Injected: 1", "https://crm.exa\tmple.com/", "https://crm.example.com/a b",
    "https://crm。example。com/", "https://１２７.０.０.１/", "https://ⓛocalhost/", "https://bücher.example/",
    "https://%6c%6f%63alhost/", "https://crm..example.com/", "https://.example.com/", "https://-crm.example.com/",
    "https://crm.example.com/\0", "https://crm.example.com/" + "x" * 2000, "https://" + "a" * 64 + ".example.com/",
    "https://crm.example.com?a=\"<script>", "https:crm.example.com", "https:\\\\crm.example.com",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_leads_astray_is_refused_in_words(url: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        parse(url)
    assert len(refused.value.message) > 15


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://crm.example.com", "https://crm.example.com/"),
        (" HTTPS://CRM.Example.com/Hook?Key=A ", "https://crm.example.com/Hook?Key=A"),
        ("https://crm.example.com:443/x", "https://crm.example.com/x"),
        ("https://crm.example.com:8443/x", "https://crm.example.com:8443/x"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://my_bucket.example.com?x=1", "https://my_bucket.example.com/?x=1"),
        ("https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/"),
    ],
)
def test_a_good_address_has_one_spelling(written: str, kept: str) -> None:
    """Where a name leads is judged when it is connected to, as with the last of these."""
    assert parse(written).url == kept


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/x", "http://localhost:1/", "http://[::1]:9/"]
)
def test_this_machine_only_where_the_installation_allows_it(url: str) -> None:
    assert parse(url, private=True).url == url
    with pytest.raises(TargetRefused):
        parse(url)


@pytest.mark.parametrize("url", ["http://2130706433/", "http://127.1/", "file:///x", "http://a@b/"])
def test_tricks_are_refused_there_too(url: str) -> None:
    with pytest.raises(TargetRefused):
        parse(url, private=True)


PRIVATE = ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.0.1", "::1", "fd00::1",
           "::ffff:127.0.0.1", "::ffff:10.0.0.1"]  # fmt: skip
NOWHERE = [
    "0.0.0.0", "0.1.2.3", "100.64.0.1", "169.254.169.254", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::7f00:1", "::ffff:169.254.169.254", "::ffff:0:0", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1",
    "3fff::1", "5f00::1", "localhost", "", "127.1", "0x7f000001",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE + NOWHERE)
def test_only_the_public_internet_may_be_connected_to(address: str) -> None:
    assert not may_connect(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"]
)
def test_the_public_internet_may_be(address: str) -> None:
    assert may_connect(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_the_own_network_where_the_installation_allows_it(address: str) -> None:
    assert may_connect(address, private=True)


@pytest.mark.parametrize("address", NOWHERE)
def test_what_is_nobodys_or_the_clouds_stays_closed_even_then(address: str) -> None:
    assert not may_connect(address, private=True)


def test_there_are_sixty_cases_and_more() -> None:
    assert len(BAD) >= 60
    assert {443, 8443} == targets.PORTS
