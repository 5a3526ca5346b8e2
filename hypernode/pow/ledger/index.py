"""What we know of a ledger file, so that no index of its own is needed and no query is long.

The table is gone through once, by rowid, in chunks; of each chunk we keep the range of its blocks' heights
and times, the rows that concern the registry (some thousands on main) and what it adds to the sums of every
address.  All but the newest chunks are *sealed*: kept in our own file, never read again.  That they are as
they were is seen from an *anchor*: a block that ends after those chunks must still stand at its rowid with
its height and hash.  A rollback that deep, a VACUUM that renumbers rows or another file in its place breaks
the anchor, and everything is read anew.  While it is read, the last block of the chunk before
(``pow.ledger.chunks``) tells in the same way that all of it is of one chain.

Nothing here relies on heights ascending with rowids, nor on any index: rows are put in order of height,
and of rowid within a block (spec 5), after they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import COLOUR
from hypernode.core.registrations.registry import OPERATIONS, PowRow
from hypernode.core.types import PowHeight
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.balances import (
    NO_SUMS,
    BalanceBook,
    Sums,
    add_sums,
    read_balances,
    to_balance,
)
from hypernode.pow.ledger.cache import Chunk, LedgerCache
from hypernode.pow.ledger.chunks import ChunkReader, PowBlock, ReadChunk, RolledBack, Span
from hypernode.pow.ledger.later_moves import LaterMoves
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.sql import HASH, IS_MINED
from hypernode.pow.ledger.tally import Tally
from hypernode.pow.ledger.values import to_text

CHUNK_ROWS: Final = 2_000
"""Some 4 MB of a ledger with RSA signatures: a query stays well below a tenth of a second on a cold disk, and
the newest chunks, read again for every round, cost some milliseconds."""
FRESH_CHUNKS: Final = 2
"""Chunks at the end that are read again each time; the rest lies at least one chunk of rows back."""
SEAL_FROM_CHUNKS: Final = 5
"""Sealing one costs some tens of milliseconds: who waits for a list does it only when much is due."""
BATCH_CHUNKS: Final = 2_500
"""Sealed at once by a first scan: 5 million rows, so that one of a cold disk that is stopped does not begin
again."""

LONG_SCAN_ROWS: Final = 200_000
"""From so many rows on (some tenths of a second) reading says how far it is, and reads ahead in a thread."""

OnProgress = Callable[[int, int], None]
"""Told within a long scan how many rows were read, and of how many."""

_LAST_ROWID: Final = "SELECT MAX(rowid) FROM transactions"
_HEIGHT_AT: Final = (
    "SELECT MAX(block_height) FROM transactions"
    f" WHERE rowid BETWEEN ? AND ? AND +timestamp <= ? AND {IS_MINED}"
)
_BLOCK: Final = (
    f"SELECT rowid, {HASH} FROM transactions WHERE rowid BETWEEN ? AND ?{{but}} AND +block_height = ?"
    f" AND {IS_MINED} ORDER BY rowid DESC LIMIT 1"
)
_BLOCK_HASHES: Final = (
    f"SELECT block_height, {HASH} FROM transactions WHERE rowid BETWEEN ? AND ?{{but}}"
    f" AND +block_height IN (SELECT value FROM json_each(?)) AND {IS_MINED} ORDER BY rowid"
)


class LedgerIndex:
    """The chunks of one ledger file, as of the last ``refresh``."""

    def __init__(
        self, params: ChainParams, cache: LedgerCache, chunk_rows: int = CHUNK_ROWS, *, verify: bool = False
    ) -> None:
        self._cache = cache
        self._params = params
        self._chunk_rows = chunk_rows
        self._reader = ChunkReader(params, verify=verify)
        self._tally = Tally(cache)
        self._later = LaterMoves()
        self._chunks: list[Chunk] = []
        self._absorbed = 0
        """Chunks that are in the tally."""
        self._sealed = 0
        self._anchor: PowBlock | None = None
        self._mark: PowBlock | None = None
        """The last block that was read."""
        self._load()

    @property
    def highest(self) -> PowHeight:
        """The last block; 0 in a ledger without blocks."""
        return max((chunk.highest for chunk in self._chunks), default=0)

    @property
    def lowest(self) -> PowHeight:
        """The first block; 0 in a ledger without blocks."""
        return min((chunk.lowest for chunk in self._chunks if chunk.lowest), default=0)

    def _load(self) -> None:
        """Go back to what the cache holds."""
        self._chunks = self._cache.list_chunks()
        self._absorbed = self._sealed = len(self._chunks)
        anchor = self._cache.get_fact("anchor")
        self._anchor = PowBlock(*json.loads(anchor)) if anchor else None
        self._tally.load()
        self._later.forget()

    def refresh(
        self,
        reader: LedgerReader,
        on_progress: OnProgress = lambda done, total: None,
        *,
        seal_from: int = SEAL_FROM_CHUNKS,
    ) -> bool:
        """Read what is new, and seal what is old if it is ``seal_from`` chunks at least.  False when the
        anchor was gone and everything was read anew.  Raises PowNotReady, and then knows what was sealed
        before."""
        kept = self._anchor is None or self._anchor.is_there(reader)
        if not kept:
            self._cache.clear()
            self._load()
        try:
            self._read(reader, on_progress, seal_from)
        except PowNotReady:
            self._load()
            raise
        return kept

    def _read(self, reader: LedgerReader, on_progress: OnProgress, seal_from: int) -> None:
        del self._chunks[self._sealed :]
        self._mark = self._anchor
        last = reader.query(_LAST_ROWID)[0][0] or 0
        first = self._chunks[-1].last + 1 if self._chunks else 1
        spans = list(reader.list_spans(first, last, self._chunk_rows))
        due = len(spans) - FRESH_CHUNKS
        end = due if due >= seal_from else 0
        is_long = len(spans) * self._chunk_rows >= LONG_SCAN_ROWS
        wanted = [(span, number < end) for number, span in enumerate(spans)]
        with closing(self._reader.read(reader, wanted, ahead=is_long)) as found:
            for read in found:
                self._take(reader, read)
                if is_long:
                    on_progress(min(read.chunk.last, last), last)
        if self._absorbed > self._sealed:
            # thousands of rows without a block at the end: nothing that what is before could be told by
            self._tally.load()
            self._absorbed = self._sealed

    def _take(self, reader: LedgerReader, read: ReadChunk) -> None:
        """The next chunk.  What was read before is sealed as soon as there is a block after it: a rollback
        of the last blocks, which is frequent, must not cost a long scan."""
        self.require_unchanged(reader)
        self._mark = read.mark or self._mark
        self._chunks.append(read.chunk)
        due = self._absorbed - self._sealed
        if read.mark is not None and due and (read.moves is None or due >= BATCH_CHUNKS):
            self._seal(reader, read.chunk)
        if read.moves is not None:
            self._tally.absorb(reader, read.chunk, read.moves)
            self._absorbed += 1

    def require_unchanged(self, reader: LedgerReader) -> None:
        """Raises RolledBack unless all that was read is in the ledger still, so that it is of one chain."""
        if self._mark is not None and not self._mark.is_there(reader):
            raise RolledBack(
                f"block {self._mark.height} was rolled back while the ledger was read; trying again"
            )

    def _seal(self, reader: LedgerReader, after: Chunk) -> None:
        """Keep what is in the tally, with the block that it can be told by: one of the chunk after it."""
        anchor = self._find_in(reader, after, after.lowest)
        self.require_unchanged(reader)
        if anchor is None:
            raise RolledBack(f"block {after.lowest} was rolled back while the ledger was read; trying again")
        with self._cache.transaction():
            self._cache.put_chunks(self._chunks[self._sealed : self._absorbed])
            self._cache.put_fact("anchor", json.dumps([anchor.height, anchor.block_hash, anchor.rowid]))
            self._tally.flush()
        self._sealed, self._anchor = self._absorbed, anchor

    def list_rows(self, after: PowHeight, up_to: PowHeight) -> list[PowRow]:
        """Registry rows of the blocks above ``after`` and up to ``up_to``, by height, then rowid."""
        return [row for row in self._list_all(after, up_to) if row.operation in OPERATIONS]

    def list_coloured(self, up_to: PowHeight) -> list[PowRow]:
        """Rows of coloured lists of the blocks up to ``up_to``, by height, then rowid."""
        return [row for row in self._list_all(0, up_to) if row.operation.startswith(COLOUR)]

    def list_unverified(self) -> list[PowRow]:
        """Rows whose signature is not their sender's, where signatures are looked at."""
        return [row for row in self._list_all(0, self.highest) if row.verified is False]

    def _list_all(self, after: PowHeight, up_to: PowHeight) -> list[PowRow]:
        rows = (row for chunk in self._chunks for row in chunk.rows if after < row.height <= up_to)
        return sorted(rows, key=lambda row: row.height)

    def find_height(self, reader: LedgerReader, t: float) -> PowHeight:
        """Highest block with a timestamp up to ``t`` (spec 5, height at a time); 0 for none."""
        found = 0
        for chunk in sorted(self._chunks, key=lambda chunk: -chunk.highest):
            if chunk.highest <= found:
                break
            if chunk.newest <= t:
                found = max(found, chunk.highest)
            elif chunk.oldest <= t:
                found = max(found, reader.query(_HEIGHT_AT, (chunk.first, chunk.last, t))[0][0] or 0)
        return found

    def find_block(self, reader: LedgerReader, height: PowHeight) -> PowBlock | None:
        """The block of that height."""
        for chunk in self._chunks:
            if chunk.lowest <= height <= chunk.highest:
                block = self._find_in(reader, chunk, height)
                if block is not None:
                    return block
        return None

    def find_hashes(self, reader: LedgerReader, heights: Iterable[PowHeight]) -> dict[PowHeight, str]:
        """Block hashes of those ``heights`` that the ledger has."""
        wanted = frozenset(heights)
        found: dict[PowHeight, str] = {}
        for chunk in self._chunks:
            here = sorted(height for height in wanted if chunk.lowest <= height <= chunk.highest)
            if here:
                rows = reader.query_span(_BLOCK_HASHES, (chunk.first, chunk.last), (str(here),))
                found.update((height, to_text(block_hash)) for height, block_hash in rows)
        return found

    def find_balances(
        self, reader: LedgerReader, wanted: Iterable[tuple[str, PowHeight]]
    ) -> dict[tuple[str, PowHeight], int | None]:
        """Balances (1e-8 BIS) of addresses at heights; None for one that never received or never sent."""
        kept = {pair: self._tally.find_sums(*pair) for pair in wanted}
        known = {address for (address, _), sums in kept.items() if sums is not None}
        dear = {address for (address, _), sums in kept.items() if sums is None}
        fresh = read_balances(reader, self._list_spans(self._absorbed), known)
        book = read_balances(reader, self._list_spans(), dear)
        balances = {}
        for (address, height), sums in kept.items():
            parts: tuple[Sums, Sums] = (book.get_sums(address, height), NO_SUMS)
            if sums is not None:
                parts = (sums, fresh.get_sums(address, height))
            balances[address, height] = to_balance(add_sums(*parts))
        return balances

    def find_balances_at(
        self, reader: LedgerReader, addresses: Collection[str], height: PowHeight
    ) -> dict[str, int]:
        """Balances (1e-8 BIS) at a height that sealed rows may lie above: what is known of them all, less
        what came after.  One that never received or never sent until then has nothing that counts."""
        first = next((n for n in range(self._sealed) if self._chunks[n].top > height), self._sealed)
        later = BalanceBook(())
        if first < self._sealed:
            # who registered with something, too: the rounds that follow, in a sync, ask for some more of them
            asked = frozenset(addresses) | self._tally.list_wealthy(self._params)
            later = self._later.read(reader, self._list_spans(0, self._sealed), first, asked)
        fresh = read_balances(reader, self._list_spans(self._sealed), addresses)
        balances = {}
        for address in addresses:
            sums = add_sums(self._tally.get_totals(address), fresh.get_sums(address, height))
            balances[address] = (to_balance(sums) or 0) - later.get_change_above(address, height)
        self.require_unchanged(reader)
        return balances

    def _list_spans(self, first: int = 0, end: int | None = None) -> list[Span]:
        return [(chunk.first, chunk.last) for chunk in self._chunks[first:end]]

    @staticmethod
    def _find_in(reader: LedgerReader, chunk: Chunk, height: PowHeight) -> PowBlock | None:
        for rowid, block_hash in reader.query_span(_BLOCK, (chunk.first, chunk.last), (height,)):
            return PowBlock(height, to_text(block_hash), rowid)
        return None
