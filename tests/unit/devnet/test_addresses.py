"""Loopback addresses of a devnet."""

from __future__ import annotations

import socket
from random import Random

import pytest

from hypernode.devnet.addresses import (
    FIRST_PORT,
    LAST_PORT,
    NoFreeAddress,
    choose_addresses,
    is_free,
)


def test_nodes_get_an_ip_each_in_one_subnet_and_share_a_port() -> None:
    addresses = choose_addresses(5, None, random=Random(1), is_free=lambda ip, port: True)
    assert len(set(addresses.ips)) == 5
    assert len({ip.rsplit(".", 1)[0] for ip in addresses.ips}) == 1
    assert all(ip.startswith("127.0.") and not ip.startswith("127.0.0.") for ip in addresses.ips)
    assert FIRST_PORT <= addresses.port <= LAST_PORT


def test_given_port_is_taken() -> None:
    assert choose_addresses(3, 6969, random=Random(1), is_free=lambda ip, port: True).port == 6969


def test_subnet_in_use_is_left_alone() -> None:
    first = choose_addresses(3, 6969, random=Random(1), is_free=lambda ip, port: True)
    taken = first.ips[2]
    second = choose_addresses(3, 6969, random=Random(1), is_free=lambda ip, port: ip != taken)
    assert not set(first.ips) & set(second.ips)


def test_nothing_free_says_what_to_do() -> None:
    with pytest.raises(NoFreeAddress, match=r"port 6969.*--port"):
        choose_addresses(3, 6969, random=Random(1), is_free=lambda ip, port: False)


def test_address_of_a_listener_is_not_free_until_it_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)
