"""What an operator should know about the present registrations: rows that were left out, weights in doubt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import REGISTER, PowRow, RegistryState, is_near_boundary
from hypernode.core.types import PowHeight
from hypernode.pow.ledger.index import LedgerIndex
from hypernode.pow.ledger.reader import LedgerReader

MAX_JUDGED: Final = 10_000
"""Registrations whose balance was looked at: some times as many as main ever had."""
MAX_REMARKS: Final = 20
"""Of each kind, in the status; the feed has them all."""


class Remarks:
    """``texts`` are of the registry at the highest height that was derived."""

    def __init__(self, params: ChainParams) -> None:
        self._params = params
        self._at: PowHeight = 0
        self._state: RegistryState | None = None
        self._near: dict[tuple[str, PowHeight], bool] = {}
        """Whether the balance of a registration, by address and height, is next to another weight."""
        self.texts: tuple[str, ...] = ()

    def forget(self) -> None:
        """The chain is another one now."""
        self._state = None
        self._near.clear()

    def update(
        self, reader: LedgerReader, index: LedgerIndex, height: PowHeight, state: RegistryState
    ) -> None:
        """Look at the registry at ``height``.  Raises PowNotReady."""
        if self._state is not None and (height < self._at or state == self._state):
            return
        left_out = [
            f"block {row.height}: {row.operation} of {row.address} is left out, its signature is not valid"
            for row in index.list_unverified()
        ]
        near = list(self._list_near(reader, index, state))
        self._at, self._state = height, state
        self.texts = (*left_out[-MAX_REMARKS:], *near[-MAX_REMARKS:])

    def _list_near(self, reader: LedgerReader, index: LedgerIndex, state: RegistryState) -> Iterable[str]:
        present = {(entry.collateral, entry.timestamp): entry for entry in state.entries}
        rows = [
            row
            for row in index.list_rows(0, index.highest)
            if row.operation == REGISTER and (row.address, row.timestamp) in present
        ]
        self._judge(reader, index, rows)
        for row in rows:
            if self._near[row.address, row.height]:
                weight = present[row.address, row.timestamp].weight
                yield (
                    f"block {row.height}: the balance of {row.address} is within 1e-6 of another weight than "
                    f"{weight}: legacy nodes, who sum floats, may see that one"
                )

    def _judge(self, reader: LedgerReader, index: LedgerIndex, rows: Iterable[PowRow]) -> None:
        if len(self._near) > MAX_JUDGED:
            self._near.clear()
        pairs = {(row.address, row.height): None for row in rows}
        unknown = [pair for pair in pairs if pair not in self._near]
        for pair, balance in index.find_balances(reader, unknown).items():
            self._near[pair] = is_near_boundary(self._params, balance)
