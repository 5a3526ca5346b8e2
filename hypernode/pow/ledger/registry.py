"""Derives lists from a ledger file.  Synchronous, one caller at a time; ``pow.ledger.source`` awaits it.

The list at a reference height is kept with that block's hash (a *checkpoint*).  The next round starts
from the newest checkpoint below its own reference height whose block is still in the ledger; a rollback
below one makes it void, and the list is derived again from an older one or from the start.  What is known of
the ledger (``pow.ledger.index``) and the newest checkpoints are kept in our own file: a restart costs no
scan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from hypernode.core.errors import InvariantBroken
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import collect_colours
from hypernode.core.registrations.registry import (
    REGISTER,
    PowRow,
    RegistryState,
    RowResult,
    sort_rows,
)
from hypernode.core.registrations.registry_json import decode_state, encode_state
from hypernode.core.registrations.registry_rules import apply_rows
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import PowHeight, Registration, Round
from hypernode.files.own_files import DAMAGED
from hypernode.ports.registrations import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.ledger.cache import KeptCheckpoint, LedgerCache, open_cache
from hypernode.pow.ledger.chunks import PowBlock, RolledBack
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.index import CHUNK_ROWS, SEAL_FROM_CHUNKS, LedgerIndex
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.remarks import Remarks
from hypernode.pow.ledger.sql import HASH, IS_MINED
from hypernode.pow.ledger.values import Row, to_number, to_text
from hypernode.pow.listing import compute_weights, is_recent, make_list

MAX_CHECKPOINTS: Final = 8
"""The round that is, the one before, the one to come, and some that catching up goes back to."""
MAX_LISTS: Final = 64
"""Lists that are remembered while the ledger stays as it is: as many as plans of rounds."""
ATTEMPTS: Final = 3
"""To read a ledger whose last blocks are rolled back meanwhile; a rollback is over in parts of a second."""
PROGRESS_PARTS: Final = 10
"""How often a long scan says how far it is."""

_TIP: Final = (
    f"SELECT block_height, timestamp, {HASH} FROM transactions WHERE {IS_MINED} ORDER BY rowid DESC LIMIT 1"
)
_FIRST: Final = f"SELECT block_height FROM transactions WHERE {IS_MINED} ORDER BY rowid LIMIT 1"


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The registry as it was right after a block."""

    block: PowBlock
    state: RegistryState


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How a ledger is read.  ``cache_path``: where what was read is kept, None for nowhere; ``copy_cache``:
    it belongs to a running node, look only.  ``verify``: check the signatures of registrations.
    ``is_fragment``: take one that begins in the middle of the chain, too: it is made for a test."""

    chunk_rows: int = CHUNK_ROWS
    verify: bool = False
    cache_path: Path | None = None
    copy_cache: bool = False
    is_fragment: bool = False


DEFAULT_OPTIONS: Final = RegistryOptions()


class LedgerRegistry:
    """Reads one ledger file.  Every method raises PowNotReady with words for the operator, but
    ``get_status``, which puts them into the status."""

    def __init__(
        self,
        file: LedgerFile,
        params: ChainParams,
        options: RegistryOptions = DEFAULT_OPTIONS,
        *,
        is_stopped: Callable[[], bool] = lambda: False,
        log: Callable[[str], None] = lambda text: None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._file = file
        self._params = params
        self._options = options
        self._is_stopped = is_stopped
        self._log, self._warn = log, warn
        self._cache: LedgerCache | None = None
        self._known_index: LedgerIndex | None = None
        self._checkpoints: list[Checkpoint] = []
        self._remarks = Remarks(params)
        self._told_part = 0
        self._is_read = False
        """The ledger was gone through once."""
        self._version: tuple[object, ...] | None = None
        self._balances: dict[PowBlock, dict[str, int]] = {}
        """At the reference heights that were asked for last."""
        self._lists: dict[Round, RegisteredList] = {}
        """Of that version of the file, which is the one that the index knows."""

    @property
    def path(self) -> Path:
        """Of the ledger."""
        return self._file.path

    @property
    def _index(self) -> LedgerIndex:
        """What is known of the ledger; the first time, what was kept of it."""
        if self._known_index is None:
            options = self._options
            cache = open_cache(options.cache_path, copy=options.copy_cache, log=self._warn)
            try:
                cache.require_fingerprint(_fingerprint(self._params, options))
                index = LedgerIndex(self._params, cache, options.chunk_rows, verify=options.verify)
                self._checkpoints = [
                    _load(kept, str(options.cache_path)) for kept in cache.list_checkpoints()
                ]
            except BaseException:
                cache.close()
                raise
            self._cache, self._known_index = cache, index
        return self._known_index

    def close(self) -> None:
        """Close what is kept; a later call opens it again."""
        cache, self._cache, self._known_index = self._cache, None, None
        self._checkpoints = []
        if cache is not None:
            cache.close()

    def get_status(self, now: float) -> PowStatus:
        """The last block and its age; never raises.  Nobody waits for a list here, so that what is due is
        sealed."""
        try:
            rows = self._ask(self._read_tip, refresh=self._is_read, seal_from=1)
        except PowNotReady as error:
            return PowStatus(str(self.path), 0, 0.0, "", str(error))
        if not rows:
            return PowStatus(str(self.path), 0, 0.0, "", f"{self.path}: the ledger has no block yet")
        height, timestamp, block_hash = rows[0][0], to_number(rows[0][1]), to_text(rows[0][2])
        age, allowed = now - timestamp, self._params.pow_synced_s
        problem = ""
        if age > allowed:
            problem = (
                f"{self.path}: the last block ({height}) is {age:.0f} s old, expected at most {allowed} s: "
                "the PoW node is catching up or stands still; look at it, and at its connections"
            )
        return PowStatus(str(self.path), height, timestamp, block_hash, problem, self._remarks.texts)

    def _read_tip(self, reader: LedgerReader) -> list[Row]:
        """The last block.  Raises PowNotReady for a ledger that begins in the middle of the chain."""
        # before all of it was read: by its first block, which in a ledger of a node is the lowest
        first = [(self._index.lowest,)] if self._is_read else reader.query(_FIRST)
        self._require_whole(reader, first[0][0] if first else 0)
        return reader.query(_TIP)

    def _require_whole(self, reader: LedgerReader, lowest: PowHeight) -> None:
        begins = max(self._params.first_pow_height, 1)
        if lowest > begins and not self._options.is_fragment:
            raise PowNotReady(
                reader.explain_pruned(f"its first block is {lowest}, expected one up to {begins}")
            )

    def derive_round(self, round_: Round) -> RegisteredList:
        """registered(R) of spec 3, with the coloured lists at its reference height.  While the file does not
        change, neither does a list: a sync asks for the same ones block after block."""
        version = self._file.read_version()
        is_known = version is not None and version == self._version and not self._is_stopped()
        if not is_known:
            self._version, self._lists = None, {}
        if round_ not in self._lists:
            listed = self._derive_round(round_, refresh=not is_known)
            self._version = version
            if len(self._lists) >= MAX_LISTS:
                self._lists.clear()
            self._lists[round_] = listed
        return self._lists[round_]

    def _derive_round(self, round_: Round, *, refresh: bool) -> RegisteredList:
        def derive(reader: LedgerReader) -> RegisteredList:
            height = self._get_confirmed_height(reader, compute_reference_time(self._params, round_))
            state = self._derive(reader, height)
            colours = collect_colours(self._params, self._index.list_coloured(height))
            return make_list(
                *(self._params, round_, height, state, colours),
                find_balances=partial(self._find_balances, reader),
                is_recent=is_recent(self._params, height, self._index.highest),
            )

        return self._ask(derive, refresh=refresh)

    def _find_balances(
        self, reader: LedgerReader, addresses: Collection[str], height: PowHeight
    ) -> dict[str, int]:
        """Of collaterals right after a block, which stay what they are as long as it is in the ledger: a node
        asks for them at every look, and a list may have thousands."""
        block = self._index.find_block(reader, height)
        if block is None:
            raise RolledBack(f"block {height} was rolled back while it was read; trying again")
        known = self._balances.get(block)
        if known is None or not known.keys() >= frozenset(addresses):
            known = self._index.find_balances_at(reader, addresses, height)
            while len(self._balances) >= MAX_CHECKPOINTS:
                del self._balances[next(iter(self._balances))]
            self._balances[block] = known
        return {address: known[address] for address in addresses}

    def derive_at(self, t: float) -> tuple[PowHeight, RegistryState]:
        """The reference height at time ``t`` and the registry there."""

        def derive(reader: LedgerReader) -> tuple[PowHeight, RegistryState]:
            height = self._get_confirmed_height(reader, t)
            return height, self._derive(reader, height)

        return self._ask(derive)

    def find_height(self, t: float, *, confirmed: bool = True) -> PowHeight:
        """Height at a time; 0 when no block is as old, or, if ``confirmed``, too few follow it."""
        height = self._ask(lambda reader: self._index.find_height(reader, t))
        return height if not confirmed or self._is_confirmed(height) else 0

    def derive_feed(self, height: PowHeight) -> tuple[RegistryState, list[tuple[PowRow, RowResult]]]:
        """What became of each row of the registry up to ``height``, from the first one on."""
        rows, state, results = self._ask(lambda reader: self._apply(reader, RegistryState(), 0, height))
        return state, list(zip(rows, results, strict=True))

    def find_balance(self, address: str, height: PowHeight) -> int | None:
        """Balance (1e-8 BIS) at a height; None for an address that never received or never sent."""
        wanted = (address, height)
        return self._ask(lambda reader: self._index.find_balances(reader, [wanted]))[wanted]

    def find_weights(self, entries: Sequence[Registration], height: PowHeight) -> tuple[int, ...]:
        """What the balance of each entry's collateral gives at a height."""

        def find(reader: LedgerReader) -> tuple[int, ...]:
            return compute_weights(
                self._params, entries, height, partial(self._index.find_balances_at, reader)
            )

        return self._ask(find)

    def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """The hashes of those blocks, in the order asked for."""
        hashes = self._ask(lambda reader: self._index.find_hashes(reader, heights))
        missing = [height for height in heights if height not in hashes]
        if missing:
            raise PowNotReady(
                f"{self.path}: the ledger has no block {missing[0]}; expected it to be complete"
            )
        return [hashes[height] for height in heights]

    def _ask(
        self,
        question: Callable[[LedgerReader], _T],
        *,
        refresh: bool = True,
        seal_from: int = SEAL_FROM_CHUNKS,
    ) -> _T:
        """The answer by the ledger as it is now; asked again when blocks were rolled back meanwhile."""
        for left in reversed(range(ATTEMPTS)):
            try:
                with self._file.open(self._is_stopped) as reader:
                    if refresh:
                        self._refresh(reader, seal_from)
                    return question(reader)
            except RolledBack as change:
                refresh = True
                if not left:
                    raise PowNotReady(f"{self.path}: {change}") from change
            except (OSError, *DAMAGED) as error:
                # a value of a kind that no companion writes, or our own file's disk
                raise PowNotReady(
                    f"{self.path}: it cannot be made sense of ({type(error).__name__}: {error}); expected "
                    "the PoW "
                    "node's ledger as it writes it"
                ) from error
        raise InvariantBroken("no attempt to read the ledger was made")

    def _refresh(self, reader: LedgerReader, seal_from: int) -> None:
        self._told_part = 0
        is_kept = self._index.refresh(reader, self._tell_progress, seal_from=seal_from)
        self._is_read = True
        self._require_whole(reader, self._index.lowest)
        if not is_kept:
            self._remarks.forget()
            self._warn(f"{self.path}: older blocks have changed or moved; the ledger was read anew")
        there = [point for point in self._checkpoints if point.block.is_there(reader)]
        for point in self._checkpoints:
            if point not in there:
                self._warn(f"{self.path}: block {point.block.height} was rolled back; deriving again")
        if len(there) < len(self._checkpoints):
            self._remarks.forget()
            if self._cache is not None:
                # or the next start would find them again, and tell it again
                self._cache.keep_checkpoints([point.block.height for point in there])
        self._checkpoints = there

    def _tell_progress(self, done: int, total: int) -> None:
        part = PROGRESS_PARTS * done // max(total, 1)
        if part > self._told_part:
            self._told_part = part
            self._log(f"{self.path}: read {done} of {total} rows ({100 * done // total} %)")

    def _is_confirmed(self, height: PowHeight) -> bool:
        return self._index.highest - height > self._params.pow_confirmations

    def _get_confirmed_height(self, reader: LedgerReader, t: float) -> PowHeight:
        height = self._index.find_height(reader, t)
        if height == 0:
            raise PowNotReady(f"{self.path}: no block is as old as {t:.0f}; expected the whole chain")
        if not self._is_confirmed(height):
            raise PowNotReady(
                f"{self.path}: the ledger ends at block {self._index.highest}, expected more than "
                f"{self._params.pow_confirmations} blocks after {height}: wait until the PoW node has them"
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
            state = base.state
        else:
            after, state = (0, RegistryState()) if base is None else (base.block.height, base.state)
            rows, state, _ = self._apply(reader, state, after, height)
            if block is None:
                raise RolledBack(f"block {height} was rolled back while it was read; trying again")
            self._keep(Checkpoint(block, state), is_news=bool(rows) or base is None)
        self._remarks.update(reader, self._index, height, state)
        return state

    def _keep(self, checkpoint: Checkpoint, *, is_news: bool) -> None:
        self._checkpoints = [*self._checkpoints, checkpoint][-MAX_CHECKPOINTS:]
        if is_news and self._cache is not None:
            block = checkpoint.block
            kept = KeptCheckpoint(block.height, block.block_hash, block.rowid, encode_state(checkpoint.state))
            self._cache.save_checkpoint(kept, MAX_CHECKPOINTS)

    def _apply(
        self, reader: LedgerReader, state: RegistryState, after: PowHeight, up_to: PowHeight
    ) -> tuple[list[PowRow], RegistryState, list[RowResult]]:
        after = max(after, self._params.first_pow_height - 1)
        rows = sort_rows(self._params, self._index.list_rows(after, up_to))
        wanted = [(row.address, row.height) for row in rows if row.operation == REGISTER]
        balances = self._index.find_balances(reader, wanted)
        # block, rows and balances are of one chain
        self._index.require_unchanged(reader)
        state, results = apply_rows(
            self._params, state, rows, lambda address, height: balances[address, height]
        )
        return rows, state, results


def _load(kept: KeptCheckpoint, source: str) -> Checkpoint:
    block = PowBlock(kept.height, kept.block_hash, kept.rowid)
    try:
        return Checkpoint(block, decode_state(kept.state, source))
    except ValueError as error:
        raise PowNotReady(f"{error}; remove this file: it is made again") from error


def _fingerprint(params: ChainParams, options: RegistryOptions) -> str:
    """Of everything but the ledger that what is kept follows from."""
    parts = (
        *(params.name, params.first_pow_height, params.control_pow, params.address_byte),
        *(params.collateral_unit, params.max_weight, params.pow_row_order),
        *(options.chunk_rows, options.verify),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()
