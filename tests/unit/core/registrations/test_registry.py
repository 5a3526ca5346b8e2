"""The rules of the PoW list (spec 5), each accepted and refused, told by its number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.address import encode_address
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import (
    COIN,
    REGISTER,
    UNREGISTER,
    PowRow,
    RegistryState,
    compute_balance,
    compute_weight,
    filter_by_balance,
    is_near_boundary,
    sort_rows,
)
from hypernode.core.registrations.registry_rules import apply_row, apply_rows

NETWORK = mainnet()
HEIGHT = 800_000
A, B, C = ("a" * 56, "b" * 56, "c" * 56)


def pos(number: int) -> str:
    return encode_address(bytes([number]) * 20, NETWORK.address_byte)


def openfield(number: int, *, ip: str | None = None, extras: str = "") -> str:
    return f"{ip or f'10.0.0.{number}'}:6969:{pos(number)}{extras}"


def row(sender: str, operation: str, text: str, height: int = HEIGHT) -> PowRow:
    return PowRow(height, 1.5, sender, sender, 0, COIN // 100, 0, operation, text)


def rich(address: str, height: int) -> int:
    return 15_000 * COIN


def register(*pairs: tuple[str, int]) -> RegistryState:
    rows = [row(sender, REGISTER, openfield(number)) for sender, number in pairs]
    state, results = apply_rows(NETWORK, RegistryState(), rows, rich)
    assert all(result.ok for result in results)
    return state


@pytest.mark.parametrize(
    ("balance", "weight"),
    [
        (None, -1),
        (10_000 * COIN - 1, 0),
        (10_000 * COIN, 1),
        (29_999 * COIN, 2),
        (30_000 * COIN, 3),
        (10**6 * COIN, 3),
        (-1, -1),
        (-24_999 * COIN, -3),
    ],
)
def test_weight_is_rounded_down_and_may_be_negative(balance: int | None, weight: int) -> None:
    assert compute_weight(NETWORK, balance) == weight
    result = apply_row(NETWORK, RegistryState(), row(A, REGISTER, openfield(1)), lambda *_: balance)[1]
    assert (result.ok, result.weight) == (True, weight)


def test_the_final_balance_check_leaves_out_who_moved_the_collateral() -> None:
    state = register((A, 1), (B, 2))
    balances = {A: 9_999 * COIN, B: 10_000 * COIN}
    left = filter_by_balance(NETWORK, state.entries, HEIGHT, lambda address, _: balances[address])
    assert [entry.collateral for entry in left] == [B]


def test_balances_are_exact_and_count_mirror_rows() -> None:
    def move(height: int, sender: str, recipient: str, amount: int, fee: int = 0, reward: int = 0) -> PowRow:
        return PowRow(height, 0, sender, recipient, amount, fee, reward, "", "")

    rows = [
        move(5, A, A, 0, 0, 15 * COIN),
        move(6, A, B, 3 * COIN, 1),
        move(-900, "Development Reward", A, 8 * COIN),
        move(7, A, B, COIN),
    ]
    assert compute_balance(rows, A, 6) == 20 * COIN - 1
    assert compute_balance(rows, B, 7) is None
    assert compute_balance(rows, A, -1000) is None


def test_rows_of_a_block_count_as_in_the_ledger_or_by_operation() -> None:
    rows = [row(A, UNREGISTER, "", 5), row(B, REGISTER, "", 5), row(C, UNREGISTER, "", 4)]
    assert [r.address for r in sort_rows(NETWORK, rows)] == [C, A, B]
    other = replace(NETWORK, pow_row_order="operation")
    assert [r.address for r in sort_rows(other, rows)] == [C, B, A]


@pytest.mark.parametrize(
    ("balance", "is_near"),
    [
        (10_000 * COIN, True),
        (10_000 * COIN - 100, True),
        (10_000 * COIN + 100, True),
        (10_000 * COIN + 101, False),
        (29_999 * COIN, False),
        (30_000 * COIN - 1, True),
        (40_000 * COIN, False),
        (0, True),
        (-3, True),
        (None, False),
    ],
)
def test_a_balance_next_to_another_weight_is_told(balance: int | None, is_near: bool) -> None:
    assert is_near_boundary(NETWORK, balance) is is_near
    _, result = apply_row(
        NETWORK, RegistryState(), row(A, REGISTER, openfield(1)), lambda address, height: balance
    )
    assert result.is_near is is_near
    assert ("legacy nodes" in result.reason) is is_near
