"""Balances of some addresses at any height, from a ledger file: for rewards, feeds and registrations.

Read once, in short queries (by the ledger's indices on sender and recipient where it has both, else through
the whole table by rowid), then held as running sums: a look-up is a search in a list of heights.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from hypernode.core.types import PowHeight
from hypernode.pow.ledger_balances import RECEIVED, SENT
from hypernode.pow.ledger_file import LedgerFile, LedgerReader, Row, to_text

CHUNK_ROWS: Final = 5_000
"""Rows of one query through the table: a tenth of a second on a cold disk."""
PAGE_ROWS: Final = 5_000
"""Rows of one address in one query."""

_COLUMNS: Final = f"SELECT rowid, block_height, address, recipient, {SENT}, {RECEIVED} FROM transactions"
_LAST_ROWID: Final = "SELECT MAX(rowid) FROM transactions"
# the unary plus keeps SQLite from using an index: the range of rowids leads
_CHUNK: Final = (
    f"{_COLUMNS} WHERE rowid BETWEEN ? AND ?"
    " AND (+address IN (SELECT value FROM json_each(?)) OR +recipient IN (SELECT value FROM json_each(?)))"
)
_PAGE_SENT: Final = f"{_COLUMNS} WHERE address = ? AND rowid > ? ORDER BY rowid LIMIT ?"
_PAGE_RECEIVED: Final = (
    f"{_COLUMNS} WHERE recipient = ? AND address IS NOT ? AND rowid > ? ORDER BY rowid LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class RunningSum:
    """What came or went up to each of some heights, ascending."""

    heights: tuple[PowHeight, ...]
    sums: tuple[int, ...]

    def get(self, height: PowHeight) -> int | None:
        """1e-8 BIS up to ``height``; None when there was nothing."""
        count = bisect_right(self.heights, height)
        return self.sums[count - 1] if count else None

    def get_between(self, first: PowHeight, last: PowHeight) -> int:
        """1e-8 BIS of the heights from ``first`` to ``last``."""
        return (self.get(last) or 0) - (self.get(first - 1) or 0)


_NOTHING: Final = RunningSum((), ())


class PastBalances:
    """Of the addresses that were asked for; any other seems to have nothing."""

    def __init__(self, received: dict[str, Counter[PowHeight]], sent: dict[str, Counter[PowHeight]]) -> None:
        self._received = {address: _run(units) for address, units in received.items()}
        self._sent = {address: _run(units) for address, units in sent.items()}

    def get(self, address: str, height: PowHeight) -> int | None:
        """Balance (1e-8 BIS) at a height, mirror rows included; None when it never received or never sent
        until then (spec 5)."""
        received = self._received.get(address, _NOTHING).get(height)
        sent = self._sent.get(address, _NOTHING).get(height)
        return None if received is None or sent is None else received - sent

    def get_total(self, address: str, height: PowHeight) -> int:
        """What it has (1e-8 BIS), also when it never sent: what a transaction of its own can count on."""
        received = self._received.get(address, _NOTHING).get(height) or 0
        return received - (self._sent.get(address, _NOTHING).get(height) or 0)

    def get_pot(self, address: str, height: PowHeight) -> int:
        """The same for the pot of the rewards: over rows with a height from -``height`` to ``height``."""
        received = self._received.get(address, _NOTHING).get_between(-height, height)
        return received - self._sent.get(address, _NOTHING).get_between(-height, height)


def read_past_balances(
    file: LedgerFile, addresses: Collection[str], tell: Callable[[float], None] = lambda part: None
) -> PastBalances:
    """Everything that the addresses received and sent.  ``tell`` hears which part (0 to 1) is read.  Raises
    PowNotReady."""
    received: dict[str, Counter[PowHeight]] = {address: Counter() for address in addresses}
    sent: dict[str, Counter[PowHeight]] = {address: Counter() for address in addresses}
    with file.open() as reader:
        for part, asked, rows in _read(reader, addresses):
            for _, height, sender, recipient, spent, got in rows:
                if height is None:
                    continue
                if spent is not None and to_text(sender) in asked:
                    sent[to_text(sender)][height] += spent
                if got is not None and to_text(recipient) in asked:
                    received[to_text(recipient)][height] += got
            tell(part)
    return PastBalances(received, sent)


def _read(
    reader: LedgerReader, addresses: Collection[str]
) -> Iterator[tuple[float, Collection[str], list[Row]]]:
    """The rows, which part is read with them, and whose they are: a row between two of the addresses comes
    once for each of them by the indices, and once for both by the table."""
    wanted = sorted(addresses)
    if {"address", "recipient"} <= reader.list_indexed():
        for number, address in enumerate(wanted, start=1):
            for rows in _read_pages(reader, address):
                yield number / len(wanted), (address,), rows
        return
    listed, everybody, last = json.dumps(wanted), frozenset(wanted), reader.query(_LAST_ROWID)[0][0] or 0
    for first in range(1, last + 1 if wanted else 1, CHUNK_ROWS):
        rows = reader.query(_CHUNK, (first, first + CHUNK_ROWS - 1, listed, listed))
        yield min(1.0, (first + CHUNK_ROWS) / last), everybody, rows


def _read_pages(reader: LedgerReader, address: str) -> Iterator[list[Row]]:
    for sql, of in ((_PAGE_SENT, (address,)), (_PAGE_RECEIVED, (address, address))):
        after = 0
        while rows := reader.query(sql, (*of, after, PAGE_ROWS)):
            yield rows
            after = rows[-1][0]


def _run(units: Counter[PowHeight]) -> RunningSum:
    heights = tuple(sorted(units))
    return RunningSum(heights, tuple(accumulate(units[height] for height in heights)))
