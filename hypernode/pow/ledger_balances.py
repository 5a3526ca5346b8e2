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
from hypernode.pow.ledger_file import LedgerReader, Row

Sums: TypeAlias = tuple[int | None, int | None]
"""Received and sent, in 1e-8 BIS; None for an address that never did."""
NO_SUMS: Final[Sums] = (None, None)


def _units(column: str) -> str:
    # a NUMERIC column holds an INTEGER when the value is whole, else a REAL
    return f"CAST(ROUND({column} * 1e8) AS INTEGER)"


SENT: Final = f"{_units('amount')} + {_units('fee')}"
RECEIVED: Final = f"{_units('amount')} + {_units('reward')}"
"""1e-8 BIS of a row as SQL: exact integers; NULL, which counts nothing, where a part is."""

# the unary plus keeps SQLite from using an index on that column: the range of rowids leads
_CHUNK: Final = (
    f"SELECT block_height, address, recipient, {SENT}, {RECEIVED} FROM transactions"
    " WHERE rowid BETWEEN ? AND ?"
    " AND (+address IN (SELECT value FROM json_each(?)) OR +recipient IN (SELECT value FROM json_each(?)))"
)


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
        self._addresses = frozenset(addresses)

    def add(self, rows: Iterable[Row]) -> None:
        """Rows as the queries of this module give them; a row with a NULL in what is summed up counts
        nothing, as in SQLite's sums."""
        for height, sender, recipient, sent, received in rows:
            if height is None:
                continue
            if received is not None and recipient in self._addresses:
                self._received[recipient][height] += received
            if sent is not None and sender in self._addresses:
                self._sent[sender][height] += sent

    def merge(self, other: BalanceBook) -> None:
        """Add what another one of the same addresses holds."""
        for mine, more in ((self._received, other._received), (self._sent, other._sent)):
            for address, units in more.items():
                mine[address].update(units)

    def get_sums(self, address: str, height: PowHeight) -> Sums:
        """Up to ``height``."""
        received = [units for h, units in self._received[address].items() if h <= height]
        sent = [units for h, units in self._sent[address].items() if h <= height]
        return sum(received) if received else None, sum(sent) if sent else None

    def get_change_above(self, address: str, height: PowHeight) -> int:
        """What the balance changed by in blocks above ``height``."""
        received = sum(units for h, units in self._received[address].items() if h > height)
        return received - sum(units for h, units in self._sent[address].items() if h > height)


def read_balances(
    reader: LedgerReader, spans: Sequence[tuple[int, int]], addresses: Collection[str]
) -> BalanceBook:
    """The rows of ``addresses`` within ``spans`` (ranges of rowids), summed up.  Raises PowNotReady."""
    book = BalanceBook(addresses)
    wanted = json.dumps(sorted(addresses))
    for first, last in spans if addresses else ():
        book.add(reader.query(_CHUNK, (first, last, wanted, wanted)))
    return book
