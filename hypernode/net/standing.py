"""What an IP counts for when places, budgets and tokens are shared out (spec 2, limits; spec 3, who counts).

The doors that honest legacy nodes use (the size of a first frame, ``block``, ``test``, no hold for answers
that we asked for) go by the list of registered hypernodes alone, not by this.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias


class Standing(Enum):
    """What an IP counts for: the best that is known of it.  Best first."""

    OPERATOR = "loopback or ALLOW_QUERIES_FROM: has places of its own"
    COUNTED = "a hypernode whose collateral is there: has reserved places and a hypernode's budgets"
    REGISTERED = "on the list for nothing: legacy nodes' doors are open to it, else it is a stranger"
    STRANGER = "anybody else"

    @property
    def is_peer(self) -> bool:
        """Whether it may use what is kept for hypernodes."""
        return self is Standing.COUNTED


StandingOf: TypeAlias = Callable[[str], Standing]
"""The standing of an IP at present."""


def get_site(ip: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one, as text: what one tenant gets for the price of one
    address.  A text that is no address stands for itself."""
    if ":" not in ip:
        return ip.rpartition(".")[0] or ip
    try:
        return str(ipaddress.ip_network(f"{ip}/48", strict=False))
    except ValueError:
        return ip
