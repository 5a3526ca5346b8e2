"""Loopback addresses for a devnet: one IP a node, from a subnet that is not in use, and one port for all.

Hypernodes are known by their IPs, so each gets one of its own; a second devnet beside takes another subnet.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

MAX_NODES: Final = 200
"""Addresses of a subnet 127.0.x.y, the first and the last ones left alone."""
FIRST_PORT: Final = 10_000
LAST_PORT: Final = 32_767
"""Below the ports that systems give to dialling ends."""
_ATTEMPTS: Final = 200
"""Of 254 subnets and 22,000 ports; more than a few are tried only where nothing can be bound at all."""

IsFree = Callable[[str, int], bool]


class NoFreeAddress(OSError):
    """Nothing to listen on: the words say what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the nodes listen on: ``ips`` in the order of the nodes, one ``port``."""

    ips: tuple[str, ...]
    port: int


def choose_addresses(count: int, port: int | None, *, random: Random, is_free: IsFree) -> Addresses:
    """Addresses for ``count`` nodes of which all are free; a random port when none is given.  Raises
    NoFreeAddress."""
    for _ in range(_ATTEMPTS):
        subnet = random.randint(1, 254)
        chosen = port if port is not None else random.randint(FIRST_PORT, LAST_PORT)
        ips = tuple(f"127.0.{subnet}.{node}" for node in range(1, count + 1))
        if all(is_free(ip, chosen) for ip in ips):
            return Addresses(ips, chosen)
    where = "any port" if port is None else f"port {port}"
    raise NoFreeAddress(
        f"no subnet 127.0.x.* where {where} is free on {count} addresses: give another --port"
    )


def is_free(ip: str, port: int) -> bool:
    """Whether a listener could have this address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((ip, port))
        except OSError:
            return False
        return True
