"""Balances at past heights: by hand, and against the ones that the rules compute from the same rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from hypernode.core.registrations.registry import COIN, PowRow, compute_balance
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.past_balances import read_past_balances
from tests.unit.pow.ledgers import FIRST, FUNDER, blocks, collateral, row, write

A, B, POT = collateral(1), collateral(2), collateral(99)
INDICES = ("CREATE INDEX i1 ON transactions(address)", "CREATE INDEX i2 ON transactions(recipient)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def add_indices(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in INDICES:
            connection.execute(statement)


def test_balances_by_hand(path: Path) -> None:
    rows = [
        row(FIRST, FUNDER, A, 100.5),
        row(FIRST + 2, A, B, 10.25, fee=0.01),
        row(FIRST + 2, A, A, 0, fee=0.02),
        row(FIRST + 4, B, A, 1, fee=0.5, reward=2),
    ]
    write(path, blocks(FIRST, FIRST + 5, rows))
    balances = read_past_balances(LedgerFile(path), {A, B})
    # it never sent before
    assert balances.get(A, FIRST + 1) is None
    assert balances.get(A, FIRST + 2) == 90_22000000
    assert balances.get(A, FIRST + 4) == 93_22000000
    assert balances.get(B, FIRST + 3) is None
    assert balances.get_total(B, FIRST + 3) == 10_25000000
    assert balances.get_total(A, FIRST + 4) == balances.get(A, FIRST + 4)
    assert balances.get_total(B, FIRST - 1) == 0
    assert balances.get(B, FIRST + 9) == 8_75000000
    assert balances.get(collateral(7), FIRST + 9) is None


def test_the_pot_has_mirror_rows_up_to_the_height_only(path: Path) -> None:
    rows = [
        row(-FIRST, "Hypernode Payouts", POT, 0, fee=0, reward=8),
        row(-FIRST - 10, "Hypernode Payouts", POT, 0, fee=0, reward=16),
        row(FIRST + 2, POT, A, 3, fee=0.01),
    ]
    write(path, [*blocks(FIRST, FIRST + 20, rows), *rows[:2]])
    balances = read_past_balances(LedgerFile(path), {POT})
    assert balances.get_pot(POT, FIRST - 1) == 0
    assert balances.get_pot(POT, FIRST) == 8 * COIN
    assert balances.get_pot(POT, FIRST + 2) == 4_99000000
    assert balances.get_pot(POT, FIRST + 10) == 20_99000000
    # an ordinary balance has all mirror rows
    assert balances.get(POT, FIRST + 2) == 20_99000000


@pytest.mark.parametrize("has_indices", [False, True])
def test_balances_are_those_of_the_rules_at_every_height(path: Path, has_indices: bool) -> None:
    random = Random(5)
    people = [collateral(n) for n in range(5)]
    rows = [
        row(
            FIRST + random.randrange(40) * (1 if n % 7 else -1),
            random.choice(people),
            random.choice(people),
            random.randrange(10**12) / COIN,
            fee=random.choice((0, 0.01, 0.01234567)),
            reward=random.choice((0, 0, 7.5)),
        )
        for n in range(300)
    ]
    write(path, rows)
    if has_indices:
        add_indices(path)
    balances = read_past_balances(LedgerFile(path), people[:4])
    plain = [
        PowRow(
            r.block_height,
            r.timestamp,
            r.address,
            r.recipient,
            round(r.amount * COIN),
            round(r.fee * COIN),
            round(r.reward * COIN),
            "",
            "",
        )
        for r in rows
    ]
    for address in people[:4]:
        for height in range(FIRST, FIRST + 41):
            assert balances.get(address, height) == compute_balance(plain, address, height)


def test_rows_with_nothing_in_them_count_nothing(path: Path) -> None:
    write(path, [row(FIRST, FUNDER, A, 5), row(FIRST, A, A, 0)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE transactions SET fee = NULL WHERE rowid = 2")
    # what it sent is unknown, what it received is not
    assert read_past_balances(LedgerFile(path), {A}).get(A, FIRST) is None


def test_progress_is_told_and_ends_at_the_whole(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 9))
    told: list[float] = []
    read_past_balances(LedgerFile(path), {A}, told.append)
    assert told == [1.0]


def test_a_missing_ledger_is_said(path: Path) -> None:
    with pytest.raises(PowNotReady, match="no such file"):
        read_past_balances(LedgerFile(path), {A})
