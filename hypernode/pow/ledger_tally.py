"""What every address received and sent, summed up once, so that no later round goes through the ledger again.

A new registration needs the balance of an address that nobody asked for before.  Without an index of the
ledger's that would be a scan; here it is one look-up, for the sums over all *sealed* rows are kept for every
address.  They hold for heights from ``top`` on; what a registration within the sealed rows itself needs is
*watched*: summed up to its own height while those rows go by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.types import PowHeight
from hypernode.pow.ledger_balances import NO_SUMS, RECEIVED, SENT, Sums, add_sums, read_balances
from hypernode.pow.ledger_cache import LedgerCache
from hypernode.pow.ledger_file import LedgerReader, Row

SLICE_ROWS: Final = 1_000
"""Fetched at a time: what stays in a processor's cache is summed up in half the time."""

# cast to bytes: a text that is no UTF-8 is an address like another, and decoding costs
_MOVES: Final = (
    f"SELECT block_height, CAST(address AS BLOB), CAST(recipient AS BLOB), {SENT}, {RECEIVED}"
    " FROM transactions WHERE rowid BETWEEN ? AND ? AND block_height IS NOT NULL"
)

Span = tuple[int, int]


@dataclass(slots=True)
class Watch:
    """Sums of an address over the sealed rows up to a height."""

    height: PowHeight
    sums: Sums


class Tally:
    """The sums over the sealed rows.  What ``absorb`` adds is kept by ``flush``, and lost by ``load``."""

    def __init__(self, cache: LedgerCache) -> None:
        self._cache = cache
        self._received: defaultdict[bytes, int] = defaultdict(int)
        self._sent: defaultdict[bytes, int] = defaultdict(int)
        self._watches: dict[bytes, list[Watch]] = {}
        self._watch_top: PowHeight = 0
        self._top: PowHeight = 0

    def load(self) -> None:
        """Go back to what the cache holds."""
        self._received.clear()
        self._sent.clear()
        self._watches = {}
        self._top = self._cache.get_top()
        for address, height, sums in self._cache.list_watches():
            self._watches.setdefault(address, []).append(Watch(height, sums))
        self._watch_top = max((w.height for ws in self._watches.values() for w in ws), default=0)

    def absorb(
        self,
        reader: LedgerReader,
        span: Span,
        top: PowHeight,
        registers: Iterable[tuple[str, PowHeight]],
        list_before: Callable[[], Sequence[Span]],
    ) -> None:
        """Add the rows of ``span``, whose highest block is ``top``, with the (sender, height) of the
        registrations in it.  ``list_before`` gives the spans that were added.  Raises PowNotReady, and
        then nothing was added."""
        watches = [self._open_watch(reader, *of, list_before) for of in registers if self._find(*of) is None]
        first, last = span
        slices = [
            reader.query(_MOVES, (start, min(start + SLICE_ROWS - 1, last)))
            for start in range(first, last + 1, SLICE_ROWS)
        ]
        for address, watch in watches:
            if all(known.height != watch.height for known in self._watches.get(address, ())):
                self._watches.setdefault(address, []).append(watch)
                self._watch_top = max(self._watch_top, watch.height)
        for rows in slices:
            self._add(rows)
        self._top = max(self._top, top)

    def _open_watch(
        self,
        reader: LedgerReader,
        address: str,
        height: PowHeight,
        list_before: Callable[[], Sequence[Span]],
    ) -> tuple[bytes, Watch]:
        key = address.encode()
        if self._top <= height:
            return key, Watch(height, self._get_sums(key))
        # blocks are not in order of height: what was summed up before goes too far
        book = read_balances(reader, list_before(), [address])
        return key, Watch(height, book.get_sums(address, height))

    def _add(self, rows: Iterable[Row]) -> None:
        # millions of times: local names, and nothing that is not needed
        received, sent, watches, watch_top = self._received, self._sent, self._watches, self._watch_top
        for height, sender, recipient, spent, got in rows:
            if spent is not None:
                sent[sender] += spent
            if got is not None:
                received[recipient] += got
            if height <= watch_top:
                if sender in watches:
                    self._note(sender, height, (None, spent))
                if recipient in watches:
                    self._note(recipient, height, (got, None))

    def _note(self, address: bytes, height: PowHeight, sums: Sums) -> None:
        for watch in self._watches[address]:
            if height <= watch.height:
                watch.sums = add_sums(watch.sums, sums)

    def find_sums(self, address: str, height: PowHeight) -> Sums | None:
        """Sums over the sealed rows up to ``height``; None where only a scan can tell."""
        watch = self._find(address, height)
        if watch is not None:
            return watch.sums
        return self._get_sums(address.encode()) if self._top <= height else None

    def _find(self, address: str, height: PowHeight) -> Watch | None:
        watches = self._watches.get(address.encode(), ())
        return next((watch for watch in watches if watch.height == height), None)

    def _get_sums(self, address: bytes) -> Sums:
        new: Sums = (self._received.get(address), self._sent.get(address))
        kept = self._cache.get_sums(address)
        return new if kept == NO_SUMS else add_sums(kept, new)

    def flush(self) -> None:
        """Hand what was added to the cache, within its transaction."""
        watches = [(address, w.height, w.sums) for address, ws in self._watches.items() for w in ws]
        self._cache.add_sums(self._received, self._sent)
        self._cache.put_watches(watches)
        self._cache.put_top(self._top)
        self._received.clear()
        self._sent.clear()
