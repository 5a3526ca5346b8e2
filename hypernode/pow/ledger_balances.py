"""Balances of collaterals at past heights, from a ledger file (spec 5, ledger schema).

Where the ledger has indices on sender and recipient, the rows of each address are asked for; where it has
not, the whole table is gone through once for all addresses together.  Either way in short queries, and
with the same sums.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from hypernode.core.types import PowHeight
from hypernode.pow.ledger_file import LedgerReader, Row, to_text, to_units

PAGE_ROWS: Final = 5_000
"""Rows of one address that one query asks for: a pool's has hundreds of thousands."""

_COLUMNS: Final = "SELECT rowid, block_height, address, recipient, amount, fee, reward FROM transactions"
_CHUNK: Final = (
    f"{_COLUMNS} WHERE rowid BETWEEN ? AND ?"
    " AND (+address IN (SELECT value FROM json_each(?)) OR +recipient IN (SELECT value FROM json_each(?)))"
)
_PAGE_SENT: Final = f"{_COLUMNS} WHERE address = ? AND rowid > ? ORDER BY rowid LIMIT ?"
_PAGE_RECEIVED: Final = (
    f"{_COLUMNS} WHERE recipient = ? AND address IS NOT ? AND rowid > ? ORDER BY rowid LIMIT ?"
)


class BalanceBook:
    """What some addresses received and sent, by height."""

    def __init__(self, addresses: Collection[str]) -> None:
        self._received: dict[str, Counter[PowHeight]] = defaultdict(Counter)
        self._sent: dict[str, Counter[PowHeight]] = defaultdict(Counter)
        self._addresses = frozenset(addresses)

    def add(self, rows: Iterable[Row]) -> None:
        """Rows as the queries of this module give them; a row with a NULL in what is summed up counts
        nothing, as in SQLite's sums."""
        for _, height, sender, recipient, amount, fee, reward in rows:
            if height is None or amount is None:
                continue
            if reward is not None and recipient in self._addresses:
                self._received[to_text(recipient)][height] += to_units(amount) + to_units(reward)
            if fee is not None and sender in self._addresses:
                self._sent[to_text(sender)][height] += to_units(amount) + to_units(fee)

    def get(self, address: str, height: PowHeight) -> int | None:
        """Balance (1e-8 BIS) at ``height``; None when it never received or never sent until then."""
        received = [units for h, units in self._received[address].items() if h <= height]
        sent = [units for h, units in self._sent[address].items() if h <= height]
        return sum(received) - sum(sent) if received and sent else None


def read_balances(
    reader: LedgerReader, spans: Sequence[tuple[int, int]], addresses: Collection[str]
) -> BalanceBook:
    """The rows of ``addresses`` within ``spans`` (ranges of rowids), summed up.  Raises PowNotReady."""
    book = BalanceBook(addresses)
    if not addresses:
        return book
    if {"address", "recipient"} <= reader.list_indexed():
        for address in sorted(addresses):
            for page in _read_pages(reader, address):
                book.add(page)
        return book
    wanted = json.dumps(sorted(addresses))
    for first, last in spans:
        book.add(reader.query(_CHUNK, (first, last, wanted, wanted)))
    return book


def _read_pages(reader: LedgerReader, address: str) -> Iterator[list[Row]]:
    for sql, of in ((_PAGE_SENT, (address,)), (_PAGE_RECEIVED, (address, address))):
        after = 0
        while rows := reader.query(sql, (*of, after, PAGE_ROWS)):
            yield rows
            after = rows[-1][0]
