"""Balances of collaterals at past heights, from a ledger file (spec 5, ledger schema).

Spans of the table are gone through once for all addresses together, in short queries, with or without
indices.  Amounts are rounded to integers by SQL, row by row: sums are exact.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeAlias

from hypernode.core.types import PowHeight
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.running_sums import NOTHING, RunningSum, sum_up
from hypernode.pow.ledger.sql import IS_IN_CHAIN, RECEIVED, SENT
from hypernode.pow.ledger.values import Row

Sums: TypeAlias = tuple[int | None, int | None]
"""Received and sent, in 1e-8 BIS; None for an address that never did."""
NO_SUMS: Final[Sums] = (None, None)
MAX_ASKED: Final = 200
"""Addresses that SQLite is asked for.  It goes through their list for each query, of which there are
thousands: where they are more, all rows are taken, and chosen from here."""

_CHUNK: Final = (
    f"SELECT rowid, block_height, address, recipient, {SENT}, {RECEIVED} FROM transactions"
    f" WHERE rowid BETWEEN ? AND ?{{but}} AND {IS_IN_CHAIN}"
)
# the unary plus keeps SQLite from using an index on that column: the range of rowids leads
_ASKED: Final = (
    " AND (+address IN (SELECT value FROM json_each(?)) OR +recipient IN (SELECT value FROM json_each(?)))"
)


def read_moves(reader: LedgerReader, span: tuple[int, int], addresses: Collection[str]) -> list[Row]:
    """Rowid, height, sender, recipient, and 1e-8 BIS sent and received (NULL counts nothing) of the rows of a
    span, at least of those that concern ``addresses``.  Raises PowNotReady."""
    if len(addresses) > MAX_ASKED:
        return reader.query_span(_CHUNK, span)
    listed = json.dumps(sorted(addresses))
    return reader.query_span(_CHUNK + _ASKED, span, (listed, listed))


def add_sums(one: Sums, other: Sums) -> Sums:
    """Both together."""
    return _add(one[0], other[0]), _add(one[1], other[1])


def _add(one: int | None, other: int | None) -> int | None:
    return one if other is None else (one or 0) + other


def to_balance(sums: Sums) -> int | None:
    """1e-8 BIS; None when it never received or never sent."""
    received, sent = sums
    return None if received is None or sent is None else received - sent


class BalanceBook:
    """What some addresses received and sent, by height."""

    def __init__(self, addresses: Collection[str]) -> None:
        self._received: dict[str, Counter[PowHeight]] = defaultdict(Counter)
        self._sent: dict[str, Counter[PowHeight]] = defaultdict(Counter)
        self._runs: dict[str, tuple[RunningSum, RunningSum]] = {}
        self._addresses = frozenset(addresses)

    def add(self, rows: Iterable[Row]) -> None:
        """Rows as ``read_moves`` gives them; those of other addresses are passed over."""
        self._runs.clear()
        for _, height, sender, recipient, sent, received in rows:
            if received is not None and recipient in self._addresses:
                self._received[recipient][height] += received
            if sent is not None and sender in self._addresses:
                self._sent[sender][height] += sent

    def merge(self, other: BalanceBook) -> None:
        """Add what another one of the same addresses holds."""
        for mine, more in ((self._received, other._received), (self._sent, other._sent)):
            for address, units in more.items():
                mine[address].update(units)
        self._runs.clear()

    def get_sums(self, address: str, height: PowHeight) -> Sums:
        """Up to ``height``."""
        received, sent = self._get_runs(address)
        return received.get(height), sent.get(height)

    def find_lowest(self, address: str) -> PowHeight | None:
        """The lowest height with anything of an address; None without any."""
        received, sent = self._get_runs(address)
        return min((*received.heights[:1], *sent.heights[:1]), default=None)

    def _get_runs(self, address: str) -> tuple[RunningSum, RunningSum]:
        if address not in self._runs:
            parts = (self._received.get(address), self._sent.get(address))
            received, sent = (NOTHING if units is None else sum_up(units) for units in parts)
            self._runs[address] = (received, sent)
        return self._runs[address]

    def get_change_above(self, address: str, height: PowHeight) -> int:
        """What the balance changed by in blocks above ``height``."""
        received, sent = self._get_runs(address)
        return received.get_above(height) - sent.get_above(height)


def read_balances(
    reader: LedgerReader, spans: Sequence[tuple[int, int]], addresses: Collection[str]
) -> BalanceBook:
    """The rows of ``addresses`` within ``spans`` (ranges of rowids), summed up.  Raises PowNotReady."""
    book = BalanceBook(addresses)
    for span in spans if addresses else ():
        book.add(read_moves(reader, span, addresses))
    return book
