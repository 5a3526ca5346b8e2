"""A small asynchronous interface over SQLite, with two implementations.

``AioDatabase`` (made by ``open_database``) is the daemon's: aiosqlite, one connection that writes and
one that only reads, each in a thread of its own.  A transaction runs in that thread as a whole, with the rows
that it makes and takes apart: one hand-over, and nothing of it on the event loop.  ``InlineDatabase`` is for
tools and the simulation: plain sqlite3 in the caller's thread, which runs the same way on every loop.

Facts that decide the settings: WAL with synchronous=FULL loses nothing that was acknowledged (NORMAL
does); a checkpoint apart from the commit halves the commit's time, so automatic ones are off and a
PASSIVE one follows each commit; on a shared connection the commit of another coroutine would store half
of our work, so a lock is held over the whole transaction; a cancelled write would be committed by the
next one, so a transaction runs in a task that is shielded from its caller's cancellation.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import aiosqlite

from hypernode.files.own_files import explain, is_lasting, prepare_database
from hypernode.ports.storage_faults import StorageBroken, StorageFault
from hypernode.storage.faults import find_storage_fault, raising_storage_faults
from hypernode.storage.interface import (
    COMMON_PRAGMAS,
    Database,
    Durability,
    Params,
    Reader,
    Row,
    SqlValue,
    StorageError,
    T,
    Transaction,
)
from hypernode.storage.lanes import ReaderLane, open_reader
from hypernode.storage.transact import InlineTransaction, run_transaction, transact

__all__ = [
    "MEMORY",
    "AioDatabase",
    "Database",
    "Durability",
    "InlineDatabase",
    "Params",
    "Reader",
    "Row",
    "SqlValue",
    "StorageError",
    "Transaction",
    "open_database",
]

MEMORY: Final = ":memory:"
_BEGIN: Final = "BEGIN IMMEDIATE"
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"


def _connect(name: str, durability: Durability) -> sqlite3.Connection:
    connection = None
    if name != MEMORY:
        _prepare(name)
    try:
        connection = sqlite3.connect(name, isolation_level=None)
        for pragma in (*durability.value, *COMMON_PRAGMAS):
            connection.execute(pragma)
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        raise _explain_opening(name, error) from error
    return connection


class InlineDatabase:
    """sqlite3 in the caller's thread; ``path`` may be ``:memory:``.  Raises StorageError, StorageFault."""

    def __init__(self, path: Path | str = MEMORY, durability: Durability = Durability.WAL) -> None:
        self._name = str(path)
        self._checkpoints = durability is Durability.WAL and self._name != MEMORY
        self._connection = _connect(self._name, durability)
        self._transaction = InlineTransaction(self._connection)

    @property
    def name(self) -> str:
        return self._name

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return await self.read(lambda reader: reader.fetch_all(sql, params))

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        with raising_storage_faults(self._name):
            return await work(self._transaction)

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        with raising_storage_faults(self._name):
            result = transact(self._connection, _BEGIN, work)
        if on_commit is not None:
            on_commit(result)
        if self._checkpoints:
            # One that cannot run now is made up for by the next; the data is safe in the WAL.
            with contextlib.suppress(sqlite3.OperationalError):
                self._connection.execute(_CHECKPOINT)
        return result

    def copy(self) -> InlineDatabase:
        """A database in memory with the same contents: a backup, in a simulation."""
        other = InlineDatabase()
        self._connection.backup(other._connection)
        return other

    async def close(self) -> None:
        self._connection.close()


class AioDatabase:
    """aiosqlite: use ``open_database``."""

    def __init__(
        self, name: str, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, checkpoints: bool
    ) -> None:
        self._name = name
        self._writer, self._write_lock = writer, asyncio.Lock()
        self._reader, self._read_lock = reader, asyncio.Lock()
        self._checkpoints = checkpoints
        self._checkpoint: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._lanes: list[ReaderLane] = []

    @property
    def name(self) -> str:
        return self._name

    def make_lane(self, most: int) -> ReaderLane:
        """Readers for others, at most so many at once; they are closed with this."""
        self._lanes.append(ReaderLane(self._name, most))
        return self._lanes[-1]

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return await self.read(lambda reader: reader.fetch_all(sql, params))

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        return await self._shield(self._run(self._reader, self._read_lock, "BEGIN", work, None))

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        result = await self._shield(self._run(self._writer, self._write_lock, _BEGIN, work, on_commit))
        if self._checkpoints and (self._checkpoint is None or self._checkpoint.done()):
            self._checkpoint = self._start(self._run_checkpoint())
        return result

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        while self._tasks:
            # wait() always yields; gather() of tasks that are done does not, from Python 3.12 on, and the
            # callbacks that empty the set would never run.
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)
        for lane in self._lanes:
            await lane.close()
        await self._reader.close()
        await self._writer.close()

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(coroutine, name=f"database {self._name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _shield(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._closed:
            coroutine.close()
            raise StorageError(f"{self._name} is closed")
        return await asyncio.shield(self._start(coroutine))

    async def _run(
        self,
        connection: aiosqlite.Connection,
        lock: asyncio.Lock,
        begin: str,
        work: Callable[[Transaction], Awaitable[T]],
        on_commit: Callable[[T], None] | None,
    ) -> T:
        async with lock:
            with raising_storage_faults(self._name):
                result = await run_transaction(connection, begin, work)
            if on_commit is not None:
                on_commit(result)
            return result

    async def _run_checkpoint(self) -> None:
        async with self._write_lock:
            # One that cannot run now is made up for by the next; the data is safe in the WAL.
            with contextlib.suppress(sqlite3.OperationalError):
                await self._writer.execute_fetchall(_CHECKPOINT)


def _prepare(name: str) -> None:
    """Raises StorageError where something else lies, StorageFault when the disk refuses."""
    try:
        prepare_database(Path(name))
    except OSError as error:
        kind = StorageError if is_lasting(error) else StorageFault
        raise kind(explain(error)) from error


def _explain_opening(name: str, error: sqlite3.DatabaseError) -> Exception:
    """StorageFault when the disk refuses, StorageError when the file is none of ours."""
    fault = find_storage_fault(name, getattr(error, "sqlite_errorcode", 0), str(error))
    if fault is not None and not isinstance(fault, StorageBroken):
        return fault
    return StorageError(f"{name}: cannot be used as a database ({error}); move it away or restore a backup")


async def open_database(path: Path, durability: Durability = Durability.WAL) -> AioDatabase:
    """Open or create a file.  Raises StorageError when it is no database, StorageFault when the disk
    refuses."""
    name = str(path)
    connections: list[aiosqlite.Connection] = []
    _prepare(name)
    try:
        # First without a thread: that of a connection which cannot be opened would outlive the loop.
        sqlite3.connect(name).close()
        connections.append(await aiosqlite.connect(name, isolation_level=None))
        for pragma in (*durability.value, *COMMON_PRAGMAS):
            await connections[-1].execute_fetchall(pragma)
        connections.append(await open_reader(name))
    except BaseException as error:
        for connection in connections:
            await connection.close()
        if isinstance(error, sqlite3.DatabaseError):
            raise _explain_opening(name, error) from error
        raise
    writer, reader = connections
    return AioDatabase(name, writer, reader, checkpoints=durability is Durability.WAL)
