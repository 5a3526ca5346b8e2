"""Balances of some addresses at any height, from a ledger file: for rewards, feeds and registrations.

Read once, in short queries (by the ledger's indices on sender and recipient where it has both, else through
the whole table by rowid), then held as running sums: a look-up is a search in a list of heights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeAlias

from hypernode.core.types import PowHeight
from hypernode.pow.ledger.balances import read_moves
from hypernode.pow.ledger.faults import TooLarge
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.running_sums import NOTHING, sum_up
from hypernode.pow.ledger.sql import IS_IN_CHAIN, RECEIVED, SENT
from hypernode.pow.ledger.values import Row, to_text

CHUNK_ROWS: Final = 5_000
"""Rows of one query through the table: a tenth of a second on a cold disk."""
PAGE_ROWS: Final = 5_000
"""Rows of one address in one query."""

_COLUMNS: Final = f"SELECT rowid, block_height, address, recipient, {SENT}, {RECEIVED} FROM transactions"
_LAST_ROWID: Final = "SELECT MAX(rowid) FROM transactions"
_PAGE_SENT: Final = f"{_COLUMNS} WHERE address = ? AND rowid > ? AND {IS_IN_CHAIN} ORDER BY rowid LIMIT ?"
_PAGE_RECEIVED: Final = (
    f"{_COLUMNS} WHERE recipient = ? AND address IS NOT ? AND rowid > ? AND {IS_IN_CHAIN}"
    " ORDER BY rowid LIMIT ?"
)


_Parts: TypeAlias = Iterator[tuple[float, Collection[str], list[Row]]]
"""Which part is read, whose rows these are, and the rows."""


class PastBalances:
    """Balances of the addresses that were asked for; any other address reads as 0."""

    def __init__(self, received: dict[str, Counter[PowHeight]], sent: dict[str, Counter[PowHeight]]) -> None:
        self._received = {address: sum_up(units) for address, units in received.items()}
        self._sent = {address: sum_up(units) for address, units in sent.items()}

    def get(self, address: str, height: PowHeight) -> int | None:
        """Balance (1e-8 BIS) at a height, mirror rows included; None when it never received or never sent
        until then (spec 5)."""
        received = self._received.get(address, NOTHING).get(height)
        sent = self._sent.get(address, NOTHING).get(height)
        return None if received is None or sent is None else received - sent

    def get_total(self, address: str, height: PowHeight) -> int:
        """What it has (1e-8 BIS), also when it never sent: what a transaction of its own can count on."""
        received = self._received.get(address, NOTHING).get(height) or 0
        return received - (self._sent.get(address, NOTHING).get(height) or 0)

    def get_pot(self, address: str, height: PowHeight) -> int:
        """The same for the pot of the rewards: over rows with a height from -``height`` to ``height``."""
        received = self._received.get(address, NOTHING).get_between(-height, height)
        return received - self._sent.get(address, NOTHING).get_between(-height, height)


def read_past_balances(
    file: LedgerFile, addresses: Collection[str], tell: Callable[[float], None] = lambda part: None
) -> PastBalances:
    """Everything that the addresses received and sent.  ``tell`` hears which part (0 to 1) is read.  Raises
    PowNotReady."""
    wanted = sorted(addresses)
    with file.open() as reader:
        if {"address", "recipient"} <= reader.list_indexed():
            try:
                return _sum_up(_read_by_indices(reader, wanted), wanted, tell)
            except TooLarge:
                """A row that cannot be read: only going through the table passes it over."""
        return _sum_up(_read_table(reader, wanted), wanted, tell)


def _sum_up(parts: _Parts, addresses: Collection[str], tell: Callable[[float], None]) -> PastBalances:
    received: dict[str, Counter[PowHeight]] = {address: Counter() for address in addresses}
    sent: dict[str, Counter[PowHeight]] = {address: Counter() for address in addresses}
    for part, asked, rows in parts:
        for _, height, sender, recipient, spent, got in rows:
            if spent is not None and to_text(sender) in asked:
                sent[to_text(sender)][height] += spent
            if got is not None and to_text(recipient) in asked:
                received[to_text(recipient)][height] += got
        tell(part)
    return PastBalances(received, sent)


def _read_by_indices(reader: LedgerReader, wanted: Sequence[str]) -> _Parts:
    """A row between two of the addresses comes once for each of them."""
    for number, address in enumerate(wanted, start=1):
        for rows in _read_pages(reader, address):
            yield number / len(wanted), (address,), rows


def _read_table(reader: LedgerReader, wanted: Sequence[str]) -> _Parts:
    everybody, last = frozenset(wanted), reader.query(_LAST_ROWID)[0][0] or 0
    for first, end in reader.list_spans(1, last if wanted else 0, CHUNK_ROWS):
        yield min(1.0, end / last), everybody, read_moves(reader, (first, end), wanted)


def _read_pages(reader: LedgerReader, address: str) -> Iterator[list[Row]]:
    for sql, of in ((_PAGE_SENT, (address,)), (_PAGE_RECEIVED, (address, address))):
        after = 0
        while rows := reader.query(sql, (*of, after, PAGE_ROWS)):
            yield rows
            after = rows[-1][0]
