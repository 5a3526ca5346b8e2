"""What some addresses received and sent, by height, whatever else a ledger has."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypernode.core.registrations.registry import COIN
from hypernode.pow.ledger.balances import (
    MAX_ASKED,
    NO_SUMS,
    BalanceBook,
    add_sums,
    read_balances,
    read_moves,
    to_balance,
)
from hypernode.pow.ledger.file import LedgerFile
from tests.unit.pow.ledgers import FIRST, FUNDER, blocks, collateral, funding, row, write

ONE, TWO = collateral(1), collateral(2)
FEE = COIN // 100


@pytest.fixture(name="path")
def write_ledger(tmp_path: Path) -> Path:
    rows = [funding(FIRST, 1, 100), row(FIRST + 2, ONE, TWO, 30), row(FIRST + 4, ONE, ONE, 5)]
    write(tmp_path / "ledger.db", blocks(FIRST, FIRST + 5, rows))
    return tmp_path / "ledger.db"


@pytest.mark.parametrize("others", [0, MAX_ASKED])
def test_sums_are_up_to_a_height(path: Path, others: int) -> None:
    asked = {ONE, TWO, *(collateral(1_000 + n) for n in range(others))}
    with LedgerFile(path, 0.05, 2).open(lambda: False) as reader:
        book = read_balances(reader, [(1, 5), (6, 99)], asked)
    assert book.get_sums(ONE, FIRST - 1) == NO_SUMS
    assert book.get_sums(ONE, FIRST) == (100 * COIN, None)
    assert book.get_sums(ONE, FIRST + 2) == (100 * COIN, 30 * COIN + FEE)
    assert book.get_sums(ONE, FIRST + 9) == (105 * COIN, 35 * COIN + 2 * FEE)
    assert book.get_sums(TWO, FIRST + 9) == (30 * COIN, None)
    assert book.get_sums(FUNDER, FIRST + 9) == NO_SUMS, "it was not asked for"
    assert book.get_change_above(ONE, FIRST) == -30 * COIN - 2 * FEE
    assert book.find_lowest(TWO) == FIRST + 2
    assert book.find_lowest(FUNDER) is None


def test_few_addresses_are_asked_for_and_of_many_all_rows_are_read(path: Path) -> None:
    with LedgerFile(path, 0.05, 2).open(lambda: False) as reader:
        few = read_moves(reader, (1, 99), [ONE])
        many = read_moves(reader, (1, 99), [ONE, *(collateral(1_000 + n) for n in range(MAX_ASKED))])
    assert len(few) == 3
    assert len(many) > len(few)


def test_two_books_of_the_same_addresses_are_one() -> None:
    first, second, whole = BalanceBook({ONE}), BalanceBook({ONE}), BalanceBook({ONE})
    moves = [(1, 5, ONE, TWO, 7, 7), (2, 5, TWO, ONE, None, 3), (3, 9, TWO, ONE, 1, 4)]
    first.add(moves[:1])
    second.add(moves[1:])
    whole.add(moves)
    first.merge(second)
    for height in range(4, 11):
        assert first.get_sums(ONE, height) == whole.get_sums(ONE, height)


@pytest.mark.parametrize(
    ("sums", "balance"), [((5, 3), 2), ((0, 0), 0), ((None, 3), None), ((5, None), None), (NO_SUMS, None)]
)
def test_who_never_received_or_never_sent_has_no_balance(
    sums: tuple[int | None, int | None], balance: int | None
) -> None:
    assert to_balance(sums) == balance


def test_nothing_and_something_is_something() -> None:
    assert add_sums((None, 1), (None, None)) == (None, 1)
    assert add_sums((2, None), (3, 4)) == (5, 4)
