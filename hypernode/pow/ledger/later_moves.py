"""What collaterals received and sent above a height, read once for all rounds that ask.

The sums of every address are known over all sealed rows together (``pow.ledger.tally``).  A balance at a
height below the last of them is that sum less what came later.  In a node's present little lies there; a sync
asks for the heights of round after round, ascending, so that what was read for the first one serves them all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hypernode.pow.ledger.balances import BalanceBook, read_balances
from hypernode.pow.ledger.chunks import Span
from hypernode.pow.ledger.reader import LedgerReader


class LaterMoves:
    """The rows of some addresses in the sealed spans from one on.  It holds a number for each block in which
    one of them sent or received: collaterals lie still, and who moved his in a million blocks paid for it."""

    def __init__(self) -> None:
        self._book = BalanceBook(())
        self._addresses: frozenset[str] = frozenset()
        self._first = self._end = 0

    def forget(self) -> None:
        """The sealed spans are others now."""
        self._book, self._addresses = BalanceBook(()), frozenset()
        self._first = self._end = 0

    def read(
        self, reader: LedgerReader, sealed: Sequence[Span], first: int, addresses: Collection[str]
    ) -> BalanceBook:
        """Of ``addresses`` at least, in the spans from number ``first`` on.  Raises PowNotReady."""
        if not self._addresses.issuperset(addresses) or first < self._first:
            asked = self._addresses.union(addresses)
            self._book = read_balances(reader, sealed[first:], asked)
            self._addresses, self._first = asked, first
        elif self._end < len(sealed):
            self._book.merge(read_balances(reader, sealed[self._end :], self._addresses))
        self._end = len(sealed)
        return self._book
