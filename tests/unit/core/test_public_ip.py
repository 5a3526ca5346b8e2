"""Which addresses a hypernode can have, and which the others can reach."""

from __future__ import annotations

import pytest

from hypernode.core.public_ip import find_ip_fault, find_reach_fault


@pytest.mark.parametrize("ip", ["8.8.8.8", "1.1.1.1", "223.255.255.254"])
def test_a_public_address_is_right(ip: str) -> None:
    assert find_ip_fault(ip) is find_reach_fault(ip) is None


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("2001:db8::1", "IPv6"),
        ("::1", "IPv6"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("0.0.0.0", "no host"),
        ("255.255.255.255", "no host"),
        ("240.0.0.1", "no host"),
        ("node.example", "no IP address"),
        ("", "no IP address"),
    ],
)
def test_what_no_hypernode_can_have_is_named(ip: str, words: str) -> None:
    assert words in (find_ip_fault(ip) or "")
    assert find_reach_fault(ip) == find_ip_fault(ip)


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("127.0.0.1", "loopback"),
        ("169.254.1.1", "local link"),
        ("10.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("172.16.0.1", "private"),
        ("100.64.0.1", "private"),
    ],
)
def test_what_the_others_cannot_reach_is_named(ip: str, words: str) -> None:
    assert find_ip_fault(ip) is None
    assert words in (find_reach_fault(ip) or "")
