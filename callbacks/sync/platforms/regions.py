"""The regions of Genesys Cloud: where its API and its log-in are. No other host gets our secret."""

from collections.abc import Mapping
from types import MappingProxyType

REGIONS: Mapping[str, str] = MappingProxyType({
    "us-east-1": "mypurecloud.com",
    "us-east-2": "use2.us-gov-pure.cloud",
    "us-west-2": "usw2.pure.cloud",
    "ca-central-1": "cac1.pure.cloud",
    "mx-central-1": "mxc1.pure.cloud",
    "sa-east-1": "sae1.pure.cloud",
    "eu-central-1": "mypurecloud.de",
    "eu-central-2": "euc2.pure.cloud",
    "eu-west-1": "mypurecloud.ie",
    "eu-west-2": "euw2.pure.cloud",
    "eusc-de-east-1": "edee1.eusc-pure.cloud",
    "me-central-1": "mec1.pure.cloud",
    "ap-northeast-1": "mypurecloud.jp",
    "ap-northeast-2": "apne2.pure.cloud",
    "ap-northeast-3": "apne3.pure.cloud",
    "ap-south-1": "aps1.pure.cloud",
    "ap-southeast-1": "apse1.pure.cloud",
    "ap-southeast-2": "mypurecloud.com.au",
})  # fmt: skip
"""The domain of each region, by the region's name."""


class NoRegion(Exception):
    """The address is none of the platform's regions, and this installation allows no other."""

    def __init__(self, base_url: str) -> None:
        super().__init__(
            f"{base_url or 'An empty address'} is no region of Genesys Cloud. Choose the region of "
            "your organisation; another host needs PRIVATE_PLATFORMS."
        )


def addresses(region: str) -> tuple[str, str]:
    """The address of a region's API, and of its log-in. Raises ``KeyError`` for no region."""
    domain = REGIONS[region]
    return f"https://api.{domain}", f"https://login.{domain}/oauth/token"


def region_of(base_url: str) -> str | None:
    """The region whose API has this address."""
    return next((name for name in REGIONS if addresses(name)[0] == base_url.rstrip("/")), None)


def called(said: str) -> str | None:
    """The region that somebody names, by its name or by the address of its API."""
    wanted = said.strip()
    return wanted if wanted in REGIONS else region_of(wanted)


def checked(base_url: str, token_url: str, *, is_private: bool) -> tuple[str, str]:
    """The addresses to use: a region's own, or free ones where they are allowed. Raises ``NoRegion``."""
    if region := region_of(base_url):
        return addresses(region)
    if not is_private:
        raise NoRegion(base_url)
    return base_url.rstrip("/"), token_url
