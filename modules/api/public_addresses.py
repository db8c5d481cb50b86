"""Which addresses lie on the public internet, whatever they are wrapped in."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is handed out for the public internet (RFC 4291, section 2.4)."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""
TEREDO = ipaddress.IPv6Network("2001::/32")
"""RFC 4380: leads to an IPv4 address and a port behind somebody's router."""
NOT_FOR_PICTURES = (
    ipaddress.IPv6Network("3fff::/20"),  # RFC 9637, documentation
    ipaddress.IPv4Network("192.88.99.0/24"),  # RFC 7526, relays of 6to4
)
ISATAP = (0x00005EFE, 0x02005EFE)
"""RFC 5214: the third quarter of an address whose last quarter is an IPv4 address."""


def is_public(address: str) -> bool:
    """Whether `address` (a literal, such as the system's resolver returns) is publicly routable.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64, ISATAP) are looked at themselves; Teredo
    and scoped addresses are never public. What is no address is not public either.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return _is_global(found)
    if found.scope_id is not None:
        return False
    inside = _inside(found)
    if inside is not None and not _is_global(inside):
        return False
    if found.ipv4_mapped is not None or found in NAT64:
        return True
    return found in UNICAST and found not in TEREDO and (inside is not None or _is_global(found))


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to `address` end at, if it is such a one."""
    number = int(address)
    if address.ipv4_mapped is not None or address in NAT64:
        return IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if (number >> 32) & 0xFFFFFFFF in ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in NOT_FOR_PICTURES):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
