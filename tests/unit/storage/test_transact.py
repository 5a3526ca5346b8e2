"""One transaction in one thread: all of it or nothing, and it waits for nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator

import pytest

from hypernode.core.errors import InvariantBroken
from hypernode.storage.interface import Transaction
from hypernode.storage.transact import InlineTransaction, transact


@pytest.fixture(name="connection")
def open_connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t(n INTEGER UNIQUE)")
    yield connection
    connection.close()


def count(connection: sqlite3.Connection) -> int:
    [(number,)] = connection.execute("SELECT count(*) FROM t").fetchall()
    return int(number)


async def put(transaction: Transaction, *numbers: int) -> int:
    await transaction.execute_many("INSERT INTO t VALUES(?)", [(number,) for number in numbers])
    [(total,)] = await transaction.fetch_all("SELECT sum(n) FROM t")
    return int(total)


def test_what_it_did_is_there_and_it_saw_its_own_changes(connection: sqlite3.Connection) -> None:
    assert transact(connection, "BEGIN IMMEDIATE", lambda t: put(t, 1, 2)) == 3
    assert not connection.in_transaction
    assert count(connection) == 2


@pytest.mark.parametrize("error", [ValueError, sqlite3.IntegrityError, KeyboardInterrupt])
def test_whatever_is_raised_in_it_undoes_all_of_it(
    connection: sqlite3.Connection, error: type[BaseException]
) -> None:
    async def work(transaction: Transaction) -> None:
        await put(transaction, 1, 2)
        if error is sqlite3.IntegrityError:
            await transaction.execute("INSERT INTO t VALUES(1)")
        raise error

    with pytest.raises(error):
        transact(connection, "BEGIN", work)
    assert not connection.in_transaction
    assert count(connection) == 0
    assert transact(connection, "BEGIN", lambda t: put(t, 5)) == 5


def test_one_that_waits_for_something_else_is_a_bug_of_ours_and_undone(
    connection: sqlite3.Connection,
) -> None:
    async def work(transaction: Transaction) -> None:
        await put(transaction, 1)
        await asyncio.sleep(0)

    with pytest.raises(InvariantBroken, match="may wait for nothing"):
        transact(connection, "BEGIN", work)
    assert count(connection) == 0


def test_a_statement_takes_its_values_and_no_text(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        transaction = InlineTransaction(connection)
        await transaction.execute("INSERT INTO t VALUES(?)", (7,))
        assert await transaction.fetch_all("SELECT n FROM t WHERE n = ?", (7,)) == [(7,)]
        assert await transaction.fetch_all("SELECT n FROM t WHERE n = ?", ("7; DROP TABLE t",)) == []

    asyncio.run(run())
