"""URLs of PoW transactions, as wallets of Bismuth make them."""

from __future__ import annotations

import pytest

from hypernode.core.registrations.bis_url import encode_bis_url


@pytest.mark.parametrize(
    ("recipient", "amount", "operation", "openfield", "rest"),
    [
        (
            "8342c1610de5d7aa026ca7ae6d21bd99b1b3a4654701751891f08742",
            "1.234",
            "token:transfer",
            "test:1",
            "bZ={AZaQ>wVQzC~WpV/bY*jNIxz/>H!cQZ*|L=^XYba0XP&1",
        ),
        ("437b30a2ea780cffb67cc220428d462cf2bedcbd3aab094aa7d4df9c", "10", "", "", "//sLqe+F#1D1pM4>M4N+tb"),
    ],
)
def test_urls_are_those_that_wallets_of_bismuth_make(
    recipient: str, amount: str, operation: str, openfield: str, rest: str
) -> None:
    assert encode_bis_url(recipient, amount, operation, openfield) == f"bis://pay/{recipient}/{amount}/{rest}"
