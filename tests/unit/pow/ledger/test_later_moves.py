"""Rows above a height are read once for all the rounds that ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hypernode.core.registrations.registry import COIN
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.later_moves import LaterMoves
from hypernode.pow.ledger.reader import LedgerReader
from tests.unit.pow.ledgers import FIRST, blocks, collateral, funding, write

SPANS = [(1, 4), (5, 8), (9, 99)]
ONE, TWO = collateral(1), collateral(2)


@pytest.fixture(name="path")
def write_ledger(tmp_path: Path) -> Path:
    rows = [funding(FIRST + n, 1 + n % 2, 10) for n in range(6)]
    write(tmp_path / "ledger.db", blocks(FIRST, FIRST + 6, rows))
    return tmp_path / "ledger.db"


def count(reader: LedgerReader, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many queries something asks."""
    seen: list[str] = []
    query = LedgerReader.query

    def counted(self: LedgerReader, sql: str, *more: object) -> object:
        seen.append(sql)
        return query(self, sql, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(LedgerReader, "query", counted)
    work()
    monkeypatch.undo()
    return len(seen)


def test_what_was_read_serves_the_next_and_only_new_spans_are_added(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = LaterMoves()
    with LedgerFile(path, 0.05, 2).open(lambda: False) as reader:
        assert count(reader, lambda: later.read(reader, SPANS[:2], 0, [ONE, TWO]), monkeypatch) == 2
        assert count(reader, lambda: later.read(reader, SPANS[:2], 1, [ONE]), monkeypatch) == 0
        assert count(reader, lambda: later.read(reader, SPANS, 1, [TWO]), monkeypatch) == 1
        whole = LaterMoves().read(reader, SPANS, 0, [ONE, TWO])
        kept = later.read(reader, SPANS, 0, [ONE, TWO])
        for address in (ONE, TWO):
            assert kept.get_sums(address, FIRST + 9) == whole.get_sums(address, FIRST + 9)
        assert kept.get_sums(ONE, FIRST + 9)[0] == 30 * COIN


def test_another_address_or_an_earlier_span_is_read_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = LaterMoves()
    with LedgerFile(path, 0.05, 2).open(lambda: False) as reader:
        later.read(reader, SPANS, 1, [ONE])
        assert count(reader, lambda: later.read(reader, SPANS, 1, [ONE, TWO]), monkeypatch) == 2
        assert count(reader, lambda: later.read(reader, SPANS, 0, [ONE]), monkeypatch) == 3
        later.forget()
        assert count(reader, lambda: later.read(reader, SPANS, 2, [ONE]), monkeypatch) == 1
