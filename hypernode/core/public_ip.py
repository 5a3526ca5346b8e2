"""Whether an address can be a hypernode's: IPv4, and reachable for other hypernodes."""

from __future__ import annotations

import ipaddress

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def find_ip_fault(text: str) -> str | None:
    """Why no hypernode can ever have this address, in words; None where one can."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "is no IP address"
    if address.version == 6:
        return "is an IPv6 address, and only IPv4 ones can be registered"
    if address.is_multicast:
        return "is a multicast address: nobody can be reached there"
    if address.is_unspecified or address == _BROADCAST or address.is_reserved:
        return "is an address of no host"
    return None


def find_reach_fault(text: str) -> str | None:
    """Why the others on the public network cannot reach it, in words; None where they can."""
    if fault := find_ip_fault(text):
        return fault
    address = ipaddress.IPv4Address(text)
    if address.is_loopback:
        return "is a loopback address: it is this host alone, the others cannot reach it"
    if address.is_link_local:
        return "is an address of the local link: the others cannot reach it"
    if not address.is_global:
        return "is a private address, no public one: the others cannot reach it"
    return None
