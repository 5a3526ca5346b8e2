"""What every address received and sent, summed once, so that no later round reads the whole ledger again.

A new registration needs the balance of an address that nobody asked for before.  Without an index of the
ledger's that would be a scan; here it is one look-up, for the sums over all *sealed* rows are kept for every
address.  They hold for heights from ``top`` on; what a registration within the sealed rows itself needs is
*watched*: summed up to its own height while those rows go by.  Where blocks are not in order of height, a
registration below ``top`` is not watched: only a scan can tell its balance then, one for all such of a list.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass

from hypernode.core.counting import LEAST_WEIGHT
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import REGISTER, compute_weight
from hypernode.core.types import PowHeight
from hypernode.pow.ledger.balances import (
    NO_SUMS,
    BalanceBook,
    Sums,
    add_sums,
    read_balances,
    to_balance,
)
from hypernode.pow.ledger.cache import Chunk, LedgerCache
from hypernode.pow.ledger.chunks import Moves
from hypernode.pow.ledger.reader import LedgerReader


@dataclass(slots=True)
class Watch:
    """Sums of an address over the sealed rows up to a height."""

    height: PowHeight
    sums: Sums


def _get_height(watch: Watch) -> PowHeight:
    return watch.height


class Tally:
    """The sums over the sealed rows.  What ``absorb`` adds is kept by ``flush``, and lost by ``load``."""

    def __init__(self, cache: LedgerCache) -> None:
        self._cache = cache
        self._received: defaultdict[bytes, int] = defaultdict(int)
        self._sent: defaultdict[bytes, int] = defaultdict(int)
        self._watches: dict[bytes, list[Watch]] = {}
        """Of each address by height."""
        self._changed: dict[tuple[bytes, PowHeight], Watch] = {}
        """Since the last ``flush``."""
        self._top: PowHeight = 0

    def load(self) -> None:
        """Go back to what the cache holds."""
        self._received.clear()
        self._sent.clear()
        self._changed = {}
        self._watches = {}
        self._top = self._cache.get_top()
        for address, height, sums in self._cache.list_watches():
            self._watches.setdefault(address, []).append(Watch(height, sums))

    def absorb(self, reader: LedgerReader, chunk: Chunk, moves: Moves) -> None:
        """Add a chunk.  Raises PowNotReady, and then nothing was added."""
        registers = {(row.address, row.height): None for row in chunk.rows if row.operation == REGISTER}
        opened = [
            (address, Watch(height, self._get_sums(address.encode())))
            for address, height in registers
            if self._top <= height and self._find(address, height) is None
        ]
        # most chunks concern nobody who is watched
        concerned = self._watches.keys() & moves.senders | self._watches.keys() & moves.recipients
        addresses = {address.decode() for address in concerned} | {address for address, _ in opened}
        book = read_balances(reader, [(chunk.first, chunk.last)], addresses)
        for address, watch in opened:
            insort(self._watches.setdefault(address.encode(), []), watch, key=_get_height)
            self._changed[address.encode(), watch.height] = watch
        for address in addresses:
            self._go_on(address, book)
        self._add(moves)
        self._top = max(self._top, chunk.top)

    def _go_on(self, address: str, book: BalanceBook) -> None:
        """Add what a chunk has of an address to those of its watches that it concerns: in a chain whose
        blocks are in order the newest ones only."""
        lowest = book.find_lowest(address)
        if lowest is None:
            return
        watches = self._watches[address.encode()]
        for watch in watches[bisect_left(watches, lowest, key=_get_height) :]:
            watch.sums = add_sums(watch.sums, book.get_sums(address, watch.height))
            self._changed[address.encode(), watch.height] = watch

    def _add(self, moves: Moves) -> None:
        # millions of times: local names, and nothing that is not needed
        received, sent = self._received, self._sent
        for sender, spent in zip(moves.senders, moves.spent, strict=True):
            if spent is not None:
                sent[sender] += spent
        for recipient, got in zip(moves.recipients, moves.got, strict=True):
            if got is not None:
                received[recipient] += got

    def find_sums(self, address: str, height: PowHeight) -> Sums | None:
        """Sums over the sealed rows up to ``height``; None where only a scan can tell."""
        watch = self._find(address, height)
        if watch is not None:
            return watch.sums
        return self._get_sums(address.encode()) if self._top <= height else None

    def _find(self, address: str, height: PowHeight) -> Watch | None:
        watches = self._watches.get(address.encode(), [])
        at = bisect_left(watches, height, key=_get_height)
        return watches[at] if at < len(watches) and watches[at].height == height else None

    def _get_sums(self, address: bytes) -> Sums:
        new: Sums = (self._received.get(address), self._sent.get(address))
        kept = self._cache.get_sums(address)
        return new if kept == NO_SUMS else add_sums(kept, new)

    def get_totals(self, address: str) -> Sums:
        """Sums over all sealed rows."""
        return self._get_sums(address.encode())

    def list_wealthy(self, params: ChainParams) -> frozenset[str]:
        """Who registered within the sealed rows with a collateral."""
        return frozenset(
            address.decode()
            for address, watches in self._watches.items()
            if any(compute_weight(params, to_balance(w.sums)) >= LEAST_WEIGHT for w in watches)
        )

    def flush(self) -> None:
        """Hand what was added to the cache, within its transaction."""
        watches = [(address, height, watch.sums) for (address, height), watch in self._changed.items()]
        self._cache.add_sums(self._received, self._sent)
        self._cache.put_watches(watches)
        self._cache.put_top(self._top)
        self._changed = {}
        self._received.clear()
        self._sent.clear()
