"""Where a configured URL may lead: addresses judged before we connect, and no way from there to another host.

The URL comes from the operator, what it answers from outside. So:
- the name is resolved once, every address it has is judged, and the connection goes to one of those (no rebinding);
- public addresses are fine over https; over plain http they are refused, because a token travels along;
- loopback only where the URL itself says localhost, 127.x.x.x or [::1], spelled that way;
- private networks only where the URL says so itself: a private address, a name without dots (a container's), a name under
  .internal, .local, .lan or .home.arpa, or CARILLON_USER_SOURCE_PRIVATE=1 for any other name (split-horizon DNS);
- never: link-local (cloud metadata lives there), multicast, reserved and translated addresses (6to4, NAT64, Teredo, mapped).
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Zone = Literal["public", "private", "loopback", "never"]

# No blanks, controls, quotes or backslashes. ASCII matters: without it, ignoring case lets a long s pass for an s.
URL = re.compile(r"https?://[\x21\x23-\x5b\x5d\x5f\x61-\x7a\x7e]+", re.IGNORECASE | re.ASCII)
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
HOST = re.compile(rf"(?=.{{1,253}}\Z)(?![_]){LABEL}(\.{LABEL})*", re.ASCII)  # the resolver raises for labels no name can have
OWN_SUFFIXES = (".internal", ".local", ".lan", ".home.arpa", ".localdomain")
MAX_URL = 2_000
PORTS = {"http": 80, "https": 443}
METADATA = {
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
}
PRIVATE = [
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
# Addresses with another one inside: their relays would carry us anywhere.
TRANSLATED = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")]
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class UnsafeUrl(ValueError):
    """The URL, or where it leads, is not allowed. The message says why."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked URL and the addresses its name has, each of them judged."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]
    target: str  # path and query

    @property
    def judged(self) -> list[Address]:
        """The addresses as such: for who asks more of them."""
        return [ipaddress.ip_address(text) for text in self.addresses]

    @property
    def urls(self) -> list[str]:
        """The URL with an address in the host's place: what is really connected to, the first that answers."""
        literals = [f"[{address}]" if ":" in address else address for address in self.addresses]
        return [f"{self.scheme}://{literal}:{self.port}{self.target}" for literal in literals]

    @property
    def host_header(self) -> str:
        """The host as the URL named it, with its port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def split_url(url: str) -> SplitResult:
    """The parts of a plain http or https URL. Raises UnsafeUrl for anything that two parsers could read in two ways."""
    if len(url) > MAX_URL or not URL.fullmatch(url):
        raise UnsafeUrl("it is no plain http or https URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnsafeUrl(str(error)) from None
    if "@" in parts.netloc:
        raise UnsafeUrl("it holds a user name or password")
    host = parts.hostname or ""
    plain = _literal(host) and "%" not in host if "[" in parts.netloc else HOST.fullmatch(host)
    if not plain:
        raise UnsafeUrl("its host is no plain name or address")
    if port == 0 or parts.fragment:
        raise UnsafeUrl("it has port 0 or a fragment")
    return parts


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port: what must stay the same from page to page."""
    return parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme]


def destination(url: str, *, private: bool = False) -> Destination:
    """Resolve the URL's host and judge where it leads. `private`: any name may lead into a private network.

    Raises UnsafeUrl where one of its addresses is not allowed, OSError where the name has none.
    """
    parts = split_url(url)
    scheme, host, port = origin(parts)
    addresses = _resolve(host, port)
    for address in addresses:
        _judge(address, scheme, host, private)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(scheme, host, port, tuple(str(address) for address in addresses), target)


def zone(address: Address) -> Zone:
    """What kind of place an address is in."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return "never"
    if address.is_loopback:
        return "loopback"
    if address in METADATA or any(address in network for network in TRANSLATED if network.version == address.version):
        return "never"
    if any(address in network for network in PRIVATE if network.version == address.version):
        return "private"
    assigned = address.version == 4 or address in GLOBAL_UNICAST
    return "public" if assigned and address.is_global and not address.is_multicast else "never"


def _judge(address: Address, scheme: str, host: str, private: bool) -> None:
    found = zone(address)
    allowed = {
        "never": False,
        "public": scheme == "https",
        "loopback": host == "localhost" or _literal(host) is not None,
        "private": private or _own_name(host) or _literal(host) is not None,
    }[found]
    if not allowed:
        why = "plain http is not enough for a public address" if found == "public" else f"it leads to {address} ({found})"
        raise UnsafeUrl(why)


def _own_name(host: str) -> bool:
    """True for a name that no public DNS can answer for."""
    return host.endswith(OWN_SUFFIXES) or ("." not in host and not host.isdigit() and not host.startswith("0x"))


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _resolve(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))
