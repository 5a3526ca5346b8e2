"""Deriving lists from a ledger file: synchronous, one caller at a time; ``ledger_source`` awaits it.

The list at a reference height is kept with that block's hash (a *checkpoint*).  The next round starts
from the newest checkpoint below its own reference height whose block is still in the ledger; a rollback
below one makes it void, and the list is derived again from an older one or from the start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypernode.core.params import Network
from hypernode.core.registry import (
    REGISTER,
    PowRow,
    RegistryState,
    RowResult,
    apply_rows,
    list_voided,
    sort_rows,
)
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import PowHeight, Round
from hypernode.ports import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.ledger_balances import read_balances
from hypernode.pow.ledger_file import LedgerFile, LedgerReader, to_number, to_text
from hypernode.pow.ledger_index import CHUNK_ROWS, LedgerIndex, PowBlock

MAX_CHECKPOINTS: Final = 8
"""The round that is, the one before, the one to come, and some that catching up goes back to."""

_TIP: Final = (
    "SELECT block_height, timestamp, block_hash FROM transactions"
    " WHERE +reward > 0 AND +block_height > 0 ORDER BY rowid DESC LIMIT 1"
)

_log = logging.getLogger("hypernode.pow")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The registry as it was right after a block."""

    block: PowBlock
    state: RegistryState


class LedgerRegistry:
    """Reads one ledger file.  Every method raises PowNotReady with words for the operator, but
    ``get_status``, which puts them into the status."""

    def __init__(
        self,
        file: LedgerFile,
        network: Network,
        *,
        chunk_rows: int = CHUNK_ROWS,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._file = file
        self._network = network
        self._is_stopped = is_stopped
        self._index = LedgerIndex(chunk_rows)
        self._checkpoints: list[Checkpoint] = []

    @property
    def path(self) -> Path:
        """Of the ledger."""
        return self._file.path

    def get_status(self, now: float) -> PowStatus:
        """The last block and its age; never raises."""
        try:
            with self._file.open(self._is_stopped) as reader:
                rows = reader.query(_TIP)
        except PowNotReady as error:
            return PowStatus(str(self.path), 0, 0.0, "", str(error))
        if not rows:
            return PowStatus(str(self.path), 0, 0.0, "", f"{self.path}: the ledger has no block yet")
        height, timestamp, block_hash = rows[0][0], to_number(rows[0][1]), to_text(rows[0][2])
        age, allowed = now - timestamp, self._network.pow_synced_s
        problem = ""
        if age > allowed:
            problem = (
                f"{self.path}: the last block ({height}) is {age:.0f} s old, expected at most {allowed} s: "
                "the PoW node is catching up or stands still; look at it, and at its connections"
            )
        return PowStatus(str(self.path), height, timestamp, block_hash, problem)

    def derive_round(self, round_: Round) -> RegisteredList:
        """registered(R) of spec 3."""
        height, state = self.derive_at(compute_reference_time(self._network, round_))
        return RegisteredList(round_, height, state.entries, list_voided(state))

    def derive_at(self, t: float) -> tuple[PowHeight, RegistryState]:
        """The reference height at time ``t`` and the registry there."""
        with self._file.open(self._is_stopped) as reader:
            self._refresh(reader)
            height = self._get_confirmed_height(reader, t)
            return height, self._derive(reader, height)

    def find_height(self, t: float, *, confirmed: bool = True) -> PowHeight:
        """Height at a time; 0 when no block is as old, or, if ``confirmed``, too few follow it."""
        with self._file.open(self._is_stopped) as reader:
            self._refresh(reader)
            height = self._index.find_height(reader, t)
            return height if not confirmed or self._is_confirmed(height) else 0

    def derive_feed(self, height: PowHeight) -> tuple[RegistryState, list[tuple[PowRow, RowResult]]]:
        """What became of each row of the registry up to ``height``, from the first one on."""
        with self._file.open(self._is_stopped) as reader:
            self._refresh(reader)
            rows, state, results = self._apply(reader, RegistryState(), 0, height)
            return state, list(zip(rows, results, strict=True))

    def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """The hashes of those blocks, in the order asked for."""
        with self._file.open(self._is_stopped) as reader:
            self._refresh(reader)
            hashes = self._index.find_hashes(reader, heights)
        missing = [height for height in heights if height not in hashes]
        if missing:
            raise PowNotReady(
                f"{self.path}: the ledger has no block {missing[0]}; expected it to be complete"
            )
        return [hashes[height] for height in heights]

    def _refresh(self, reader: LedgerReader) -> None:
        if not self._index.refresh(reader):
            _log.warning("%s: older blocks have changed or moved; the ledger was read anew", self.path)
        there = [point for point in self._checkpoints if point.block.is_there(reader)]
        for point in self._checkpoints:
            if point not in there:
                _log.warning("%s: block %d was rolled back; deriving again", self.path, point.block.height)
        self._checkpoints = there

    def _is_confirmed(self, height: PowHeight) -> bool:
        return self._index.highest - height > self._network.pow_confirmations

    def _get_confirmed_height(self, reader: LedgerReader, t: float) -> PowHeight:
        height = self._index.find_height(reader, t)
        if height == 0:
            raise PowNotReady(f"{self.path}: no block is as old as {t:.0f}; expected the whole chain")
        if not self._is_confirmed(height):
            raise PowNotReady(
                f"{self.path}: the ledger ends at block {self._index.highest}, expected more than "
                f"{self._network.pow_confirmations} blocks after {height}: wait until the PoW node has them"
            )
        return height

    def _derive(self, reader: LedgerReader, height: PowHeight) -> RegistryState:
        block = self._index.find_block(reader, height)
        base = max(
            (point for point in self._checkpoints if point.block.height <= height),
            key=lambda point: point.block.height,
            default=None,
        )
        if base is not None and base.block == block:
            return base.state
        after, state = (0, RegistryState()) if base is None else (base.block.height, base.state)
        _, state, _ = self._apply(reader, state, after, height)
        if block is None or not block.is_there(reader):
            raise PowNotReady(f"{self.path}: block {height} was rolled back while it was read; trying again")
        self._checkpoints = [*self._checkpoints, Checkpoint(block, state)][-MAX_CHECKPOINTS:]
        return state

    def _apply(
        self, reader: LedgerReader, state: RegistryState, after: PowHeight, up_to: PowHeight
    ) -> tuple[list[PowRow], RegistryState, list[RowResult]]:
        after = max(after, self._network.first_pow_height - 1)
        rows = sort_rows(self._network, self._index.list_rows(after, up_to))
        senders = {row.address for row in rows if row.operation == REGISTER}
        balances = read_balances(reader, self._index.spans, senders)
        state, results = apply_rows(self._network, state, rows, balances.get)
        return rows, state, results
