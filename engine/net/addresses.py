"""Judge IP addresses: public, private to the operator's network, or never to be reached.

The tables are written out, since `ipaddress` changes its mind between Python
releases about what is global.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Verdict = Literal["public", "private", "forbidden"]

# Found through plain names or literals alike; some lie in ranges that are otherwise open.
_METADATA: Final = (
    "169.254.169.254/32",
    "169.254.170.2/32",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
)

# An operator may open these as a whole: loopback, the LAN, carrier-grade and overlay networks.
_PRIVATE: Final = (
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
)

# Order matters: the first range that holds the address names it.
_FORBIDDEN: Final = (
    ("0.0.0.0/8", "unspecified"),
    ("169.254.0.0/16", "link-local"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("198.18.0.0/15", "reserved"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::ffff:0:0/96", "IPv4 mapped into IPv6"),
    ("::ffff:0:0:0/96", "IPv4 translated into IPv6"),
    ("::/96", "IPv4-compatible IPv6"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "reserved"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "reserved"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)

_NAT64: Final = IPv6Network("64:ff9b::/96")
_UNICAST6: Final = IPv6Network("2000::/3")
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


def _table(ranges: Sequence[tuple[str, str]]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(text), name) for text, name in ranges)


_METADATA_RANGES: Final = _table([(text, "cloud metadata") for text in _METADATA])
_PRIVATE_RANGES: Final = _table(_PRIVATE)
_FORBIDDEN_RANGES: Final = _table(_FORBIDDEN)


def judge(address: Address) -> tuple[Verdict, str]:
    """Say whether an address may be reached, and what kind of address it is."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "forbidden", "link-local"
        if address in _NAT64:
            # On a network without IPv4 every public IPv4 host looks like this.
            inner, kind = judge(IPv4Address(int(address) & 0xFFFF_FFFF))
            return ("public" if inner == "public" else "forbidden"), f"NAT64 of {kind}"
    for verdict, ranges in _VERDICTS:
        for network, kind in ranges:
            if address in network:
                return verdict, kind
    if isinstance(address, IPv6Address):
        if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return "forbidden", "ISATAP"
        if address not in _UNICAST6:
            return "forbidden", "reserved"
    return "public", "public"


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Tell whether one of the networks holds the address."""
    return any(address in network for network in networks)


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read ranges such as `10.1.0.0/16` or `fd12::/48` from the operator's settings.

    Raises:
        ValueError: one of them is no network.
    """
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def read_address(text: str) -> Address:
    """Read one address as a resolver gives it.

    Raises:
        ValueError: it is no address.
    """
    return ip_address(text)


_VERDICTS: Final[tuple[tuple[Verdict, tuple[tuple[Network, str], ...]], ...]] = (
    ("forbidden", _METADATA_RANGES),
    ("private", _PRIVATE_RANGES),
    ("forbidden", _FORBIDDEN_RANGES),
)
