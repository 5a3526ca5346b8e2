"""The list of hypernodes, row by row from the companion's ledger (spec 5, registration).

A ``RegistryState`` is the list at some PoW height; ``registry_rules`` extends it with the rows that follow.
The list of a round is thus that of the round before plus the rows between the two reference heights,
and never depends on where it was cut.  Where legacy software is lenient so are we (spec 8): everything
else of a round depends on all nodes having the same list in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule, Unchecked
from hypernode.core.types import PowHeight, Registration

COIN: Final = 100_000_000
"""Amounts are integers of 1e-8 BIS: sums are exact and the same everywhere."""

REGISTER: Final = "hypernode:register"
UNREGISTER: Final = "hypernode:unregister"
VOID: Final = "hypernode:void"
UNVOID: Final = "hypernode:unvoid"
OPERATIONS: Final = (REGISTER, UNREGISTER, VOID, UNVOID)

NO_BALANCE_WEIGHT: Final = -1
"""Of an address that never received or never sent (spec 5, ledger schema)."""
NEAR_UNITS: Final = COIN // 1_000_000
"""Legacy software sums floats: so near to a multiple of the collateral it may see another weight."""

GetBalance: TypeAlias = Callable[[str, PowHeight], int | None]
"""Balance (1e-8 BIS) of an address at a height; None when it never received or never sent."""


@dataclass(frozen=True, slots=True)
class PowRow:
    """A row of the companion's table ``transactions``, without key and signature.  ``timestamp`` is
    its sender's; ``amount``, ``fee`` and ``reward`` are integers of 1e-8 BIS.  ``verified`` says whether its
    signature is its sender's; UNCHECKED where nobody looked.  ``fault`` says why it could not be read whole,
    or that its openfield, of which only the beginning is kept, is malformed: such a row is void."""

    height: PowHeight
    timestamp: float
    address: str
    recipient: str
    amount: int
    fee: int
    reward: int
    operation: str
    openfield: str
    block_hash: str = ""
    verified: bool | Unchecked = UNCHECKED
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row: taken or not, in plain words; ``weight`` of a register that was taken,
    ``rule`` (spec 5) of one that was not.  ``is_near``: its balance was within 1e-6 BIS of another weight."""

    ok: bool
    reason: str
    weight: int | None = None
    rule: Rule | None = None
    is_near: bool = False


@dataclass(frozen=True, slots=True)
class RegistryState:
    """The present registrations in list order, and the PoS addresses that are voided, in the order in
    which they were (also those that have since left the list: they come back voided)."""

    entries: tuple[Registration, ...] = ()
    voids: tuple[str, ...] = ()


def compute_weight(params: ChainParams, balance: int | None) -> int:
    """Rule 7 of spec 5: one per 10,000 BIS, rounded down, 3 at most, and below zero where the balance
    is; -1 for an address that never received or never sent."""
    if balance is None:
        return NO_BALANCE_WEIGHT
    return min(params.max_weight, balance // (params.collateral_unit * COIN))


def is_near_boundary(params: ChainParams, balance: int | None) -> bool:
    """Whether a balance (1e-8 BIS) is within 1e-6 BIS of one where the weight changes."""
    if balance is None:
        return False
    step = params.collateral_unit * COIN
    nearest = (balance + step // 2) // step
    return nearest <= params.max_weight and abs(balance - nearest * step) <= NEAR_UNITS


def compute_balance(rows: Iterable[PowRow], address: str, height: PowHeight) -> int | None:
    """Balance of an address at ``height`` over ``rows``: sum(amount + reward) received less
    sum(amount + fee) sent, in 1e-8 BIS, rows of negative heights (mirrors) included (spec 5)."""
    received: int | None = None
    sent: int | None = None
    for row in rows:
        if row.height > height:
            continue
        if row.recipient == address:
            received = (received or 0) + row.amount + row.reward
        if row.address == address:
            sent = (sent or 0) + row.amount + row.fee
    return None if received is None or sent is None else received - sent


def sort_rows(params: ChainParams, rows: Iterable[PowRow]) -> list[PowRow]:
    """Rows in the order in which they count: by height, and within a block as they come, which is
    the ledger's order (or, on networks of ``pow_row_order`` "operation", by operation first)."""
    if params.pow_row_order == "operation":
        return sorted(rows, key=lambda row: (row.height, row.operation))
    return sorted(rows, key=lambda row: row.height)


def list_voided(state: RegistryState) -> tuple[str, ...]:
    """PoS addresses that are on the list and voided, in list order."""
    voids = frozenset(state.voids)
    return tuple(entry.pos for entry in state.entries if entry.pos in voids)


def filter_by_balance(
    params: ChainParams, entries: Sequence[Registration], height: PowHeight, get_balance: GetBalance
) -> tuple[Registration, ...]:
    """The final balance check, used for rewards: without those whose weight at the reference height is
    below the registered one (spec 5)."""
    return tuple(
        entry
        for entry in entries
        if compute_weight(params, get_balance(entry.collateral, height)) >= entry.weight
    )
