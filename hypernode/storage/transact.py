"""A whole transaction, in the thread that holds the connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterable

import aiosqlite

from hypernode.core.errors import InvariantBroken
from hypernode.storage.interface import Params, Row, T, Transaction


class InlineTransaction:
    """The statements of a transaction in this thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return self._connection.execute(sql, params).fetchall()

    async def execute(self, sql: str, params: Params = ()) -> None:
        self._connection.execute(sql, params)

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        self._connection.executemany(sql, rows)


async def run_transaction(
    connection: aiosqlite.Connection, begin: str, work: Callable[[Transaction], Awaitable[T]]
) -> T:
    """One transaction in the connection's thread: what aiosqlite does with every statement, for all of them
    at once."""
    run: Callable[..., Awaitable[T]] = connection._execute
    return await run(transact, connection._conn, begin, work)


def transact(connection: sqlite3.Connection, begin: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """One transaction, in this thread."""
    connection.execute(begin)
    try:
        result = _finish(work(InlineTransaction(connection)))
        connection.execute("COMMIT")
    except BaseException:
        # SQLite undoes it by itself where the disk fails.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("ROLLBACK")
        raise
    return result


def _finish(work: Awaitable[T]) -> T:
    """The result of a coroutine that waits for nothing.  Raises InvariantBroken for one that does."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        if isinstance(work, Coroutine):
            work.close()
    raise InvariantBroken("a transaction may wait for nothing but its own statements")
