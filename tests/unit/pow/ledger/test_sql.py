"""What is believed of a row, in SQL: the same as in Python, for any kind of value."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from hypernode.pow.ledger import sql
from hypernode.pow.ledger.values import to_units

COLUMNS = "block_height, amount, fee, reward, address, block_hash"
VALUES = (None, 0, 1, 15_000, 0.01, 0.1, -0.5, 1e10, 10_000_000_001, 1e300, float("inf"), "1", "x", b"1")


@pytest.fixture(name="connection")
def open_table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(
            "CREATE TABLE transactions(block_height INTEGER, amount NUMERIC, fee NUMERIC, reward NUMERIC,"
            " address TEXT, block_hash TEXT)"
        )
        yield connection


def ask(connection: sqlite3.Connection, expression: str, **values: object) -> object:
    row = {"block_height": 5, "amount": 0, "fee": 0, "reward": 0, "address": "a", "block_hash": "h", **values}
    connection.execute("DELETE FROM transactions")
    connection.execute(f"INSERT INTO transactions({COLUMNS}) VALUES(?,?,?,?,?,?)", tuple(row.values()))
    [(found,)] = connection.execute(f"SELECT {expression} FROM transactions").fetchall()
    return found


def test_sums_of_a_row_are_those_of_python_or_nothing(connection: sqlite3.Connection) -> None:
    for amount, other in itertools.product(VALUES, VALUES):
        for expression, column in ((sql.SENT, "fee"), (sql.RECEIVED, "reward")):
            found = ask(connection, expression, amount=amount, **{column: other})
            if isinstance(amount, int | float) and isinstance(other, int | float) and found is not None:
                assert found == to_units(amount) + to_units(other), (amount, other)


def test_where_no_row_is_odd_the_quick_sums_are_the_careful_ones(connection: sqlite3.Connection) -> None:
    for amount, other in itertools.product(VALUES, VALUES):
        values = {"amount": amount, "fee": other, "reward": other}
        if not ask(connection, sql.IS_ODD, **values) and None not in (amount, other):
            for plain, careful in ((sql.PLAIN_SENT, sql.SENT), (sql.PLAIN_RECEIVED, sql.RECEIVED)):
                assert ask(connection, plain, **values) == ask(connection, careful, **values), values


@pytest.mark.parametrize(
    ("height", "is_in_chain", "is_mined"),
    [
        (1, True, True),
        (sql.MAX_HEIGHT, True, True),
        (sql.MAX_HEIGHT + 1, False, False),
        (0, True, False),
        (-1, True, False),
        (-sql.MAX_HEIGHT - 1, False, False),
        ("text", False, False),
        (1.5, False, False),
        (None, False, False),
    ],
)
def test_a_row_is_of_a_block_where_its_height_is_a_plausible_number(
    connection: sqlite3.Connection, height: object, is_in_chain: bool, is_mined: bool
) -> None:
    assert bool(ask(connection, sql.IS_IN_CHAIN, block_height=height)) is is_in_chain
    assert bool(ask(connection, sql.IS_MINED, block_height=height, reward=5)) is is_mined


@pytest.mark.parametrize("reward", [0, -1, sql.MAX_COINS + 1, None])
def test_a_block_is_told_by_a_reward_that_somebody_can_have(
    connection: sqlite3.Connection, reward: object
) -> None:
    assert not ask(connection, sql.IS_MINED, reward=reward)


def test_a_hash_is_cut_where_no_hash_is_that_long(connection: sqlite3.Connection) -> None:
    assert ask(connection, sql.HASH, block_hash="h" * 99) == "h" * sql.MAX_HASH_CHARS
    assert ask(connection, sql.HASH, block_hash=None) == ""


@pytest.mark.parametrize(("address", "is_pruned"), [("Hyperblock", 1), ("Hypoblock", 1), ("hyperblock", 0)])
def test_rows_that_sum_up_what_was_thrown_away_are_known(
    connection: sqlite3.Connection, address: str, is_pruned: int
) -> None:
    assert ask(connection, sql.IS_PRUNED, address=address) == is_pruned
