"""What became of every row of the registry, for operators: who registered, what was void, and why.

Pure: the rows with their results come from the companion (``LedgerPowSource.get_feed``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registration_text import parse_registration
from hypernode.core.registrations.registry import COIN, PowRow, RegistryState, RowResult, compute_weight
from hypernode.core.registrations.registry_rules import RegistryBuilder
from hypernode.core.types import PowHeight, Registration

Event: TypeAlias = tuple[PowRow, RowResult]


@dataclass(frozen=True, slots=True)
class BalanceCheck:
    """A registration against its collateral at a height: the balance (1e-8 BIS; None when it never received
    or never sent), and the weight that it gives.  ``is_enough``: not below the registered weight."""

    entry: Registration
    balance: int | None
    weight: int

    @property
    def is_enough(self) -> bool:
        return self.weight >= self.entry.weight


def replay(params: ChainParams, events: Sequence[Event]) -> RegistryState:
    """The list that the rows lead to."""
    builder = RegistryBuilder(params, RegistryState())
    for row, result in events:
        if result.ok:
            builder.apply(row, partial(_stand_in, params, result.weight or 0))
    return builder.to_state()


def _stand_in(params: ChainParams, weight: int, address: str, height: PowHeight) -> int:
    """A balance that gives a weight that is known, for the one it was taken from."""
    return weight * params.collateral_unit * COIN


def select_by_ip(events: Sequence[Event], ip: str) -> list[Event]:
    """Those that name an ip."""
    return [event for event in events if _read_place(event[0])[0] == ip]


def select_by_sender(events: Sequence[Event], pow_address: str) -> list[Event]:
    """Those that a collateral address sent, and those of others about what it had registered."""
    places = {_read_place(row) for row, result in events if row.address == pow_address and result.ok}
    return [event for event in events if event[0].address == pow_address or _read_place(event[0]) in places]


def select_by_pos(events: Sequence[Event], pos: str) -> list[Event]:
    """Those that name a PoS address."""
    return [event for event in events if _read_place(event[0])[2] == pos]


def count_equal(known: Sequence[Event], events: Sequence[Event]) -> int:
    """How many of ``known`` stand at the beginning of ``events``; what follows was rolled back."""
    pairs = enumerate(zip(known, events, strict=False))
    return next((count for count, (old, new) in pairs if old != new), min(len(known), len(events)))


def check_balances(
    params: ChainParams, state: RegistryState, get_balance: Callable[[str], int | None]
) -> list[BalanceCheck]:
    """The final balance check (spec 5) of every registration, in list order."""
    balances = [(entry, get_balance(entry.collateral)) for entry in state.entries]
    return [BalanceCheck(entry, balance, compute_weight(params, balance)) for entry, balance in balances]


_NOWHERE = ("", "", "")


def _read_place(row: PowRow) -> tuple[str, str, str]:
    """ip, port and PoS address of an openfield; empty texts for one that cannot be read."""
    try:
        text = parse_registration(row.openfield, row.address)
    except Reject:
        # a malformed extra does not hide which ip somebody meant
        parts = row.openfield.split(",", 1)[0].split(":")
        return (parts[0], parts[1], parts[2]) if len(parts) == 3 else _NOWHERE
    return text.ip, text.port, text.pos
