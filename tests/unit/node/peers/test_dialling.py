"""We dial out from the IP that we are registered with whenever this host has it: peers know us by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.params.networks import testnet as make_testnet
from hypernode.core.types import Registration
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.peer_table import Peers
from hypernode.wire.catalogue import Limits

OWN = "B1"


class Host:
    """The connections of a host, and our key: what the dialler asks of the world."""

    def __init__(self, *ips: str) -> None:
        self.ips = set(ips)
        self.signer = self
        self.address = OWN

    def has_address(self, ip: str) -> bool:
        return ip in self.ips


def make_dialler(host: Host, registered: str | None, *source_ips: str) -> Dialler:
    params = make_testnet()
    peers = Peers(params.delays)
    entry = Registration("c", "10.9.9.9", "6969", "B2", "c", 1)
    own = [replace(entry, ip=registered, pos=OWN)] if registered else []
    peers.set_registered([entry, *own])
    unused: Any = None  # tunables, clock, verifier and files
    parts: Any = host
    return Dialler(params, unused, unused, parts, parts, unused, unused, peers, Limits(), 6969, source_ips)


@pytest.mark.parametrize(
    ("registered", "source_ips", "expected"),
    [
        ("10.0.0.2", (), "10.0.0.2"),
        ("10.0.0.2", ("10.0.0.1",), "10.0.0.2"),
        ("203.0.113.7", ("10.0.0.1",), "10.0.0.1"),
        ("203.0.113.7", ("203.0.113.7", "10.0.0.1"), "10.0.0.1"),
        ("203.0.113.7", (), None),
        (None, ("10.0.0.1",), "10.0.0.1"),
        (None, ("203.0.113.7",), None),
    ],
)
def test_the_registered_address_comes_first_if_this_host_has_it(
    registered: str | None, source_ips: tuple[str, ...], expected: str | None
) -> None:
    dialler = make_dialler(Host("10.0.0.1", "10.0.0.2"), registered, *source_ips)
    assert dialler.find_source_ip() == expected


def test_an_address_that_comes_or_goes_is_noticed_at_the_next_connection() -> None:
    host = Host("10.0.0.1")
    dialler = make_dialler(host, "10.0.0.2", "10.0.0.1")
    assert dialler.find_source_ip() == "10.0.0.1"
    host.ips.add("10.0.0.2")
    assert dialler.find_source_ip() == "10.0.0.2"
    host.ips.remove("10.0.0.2")
    assert dialler.find_source_ip() == "10.0.0.1"


def test_a_registration_that_moves_is_followed() -> None:
    host = Host("10.0.0.1", "10.0.0.2")
    dialler = make_dialler(host, "10.0.0.2")
    dialler.peers.set_registered([Registration("c", "10.0.0.1", "6969", OWN, "c", 1)])
    assert dialler.find_source_ip() == "10.0.0.1"


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.77", True),
        ("203.0.113.7", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("no address", False),
        ("127.0.0.1\0", False),
    ],
)
def test_which_addresses_a_real_host_has(ip: str, expected: bool) -> None:
    assert TornadoConnections().has_address(ip) is expected
