"""``storage.interface.Database`` over apsw: the same statements and settings, on a disk that loses power."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import apsw

from hypernode.storage.faults import find_storage_fault
from hypernode.storage.interface import COMMON_PRAGMAS, Durability, Params, Reader, Row, Transaction
from tests.power_cut.vfs import DiskVfs

T = TypeVar("T")


class _Transaction:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return self._connection.execute(sql, tuple(params)).fetchall()

    async def execute(self, sql: str, params: Params = ()) -> None:
        self._connection.execute(sql, tuple(params)).fetchall()

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        self._connection.executemany(sql, (tuple(row) for row in rows)).fetchall()


class ApswDatabase:
    """As ``AioDatabase``, with the same steps in the same order: a write is acknowledged after its commit,
    and the checkpoint comes behind, before the next write.  ``pragmas`` replace those of ``durability``: to
    see what weaker settings lose."""

    def __init__(
        self,
        vfs: DiskVfs,
        name: str,
        durability: Durability = Durability.WAL,
        pragmas: Sequence[str] | None = None,
    ) -> None:
        self._name = name
        self._checkpoints = durability is Durability.WAL
        self._is_checkpoint_due = False
        self._connection = apsw.Connection(name, vfs=vfs.vfs_name)
        self._transaction = _Transaction(self._connection)
        chosen = durability.value if pragmas is None else pragmas
        # Alone with a write-ahead log (see vfs.py); a rollback journal would not be deleted that way.
        first = ("PRAGMA locking_mode = EXCLUSIVE",) if durability is Durability.WAL else ()
        for pragma in (*first, *chosen, *COMMON_PRAGMAS):
            self._connection.execute(pragma).fetchall()

    @property
    def name(self) -> str:
        return self._name

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return await self.read(lambda reader: reader.fetch_all(sql, params))

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        with self._raising_storage_faults():
            return await work(self._transaction)

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        self._run_checkpoint()
        with self._raising_storage_faults():
            result = await self._commit(work)
        if on_commit is not None:
            on_commit(result)
        self._is_checkpoint_due = self._checkpoints
        return result

    def _run_checkpoint(self) -> None:
        if self._is_checkpoint_due:
            self._is_checkpoint_due = False
            with contextlib.suppress(apsw.Error):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    async def _commit(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = await work(self._transaction)
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK")
            raise
        return result

    @contextlib.contextmanager
    def _raising_storage_faults(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            fault = find_storage_fault(self._name, getattr(error, "extendedresult", 0), str(error))
            if fault is None:
                raise
            raise fault from error

    async def close(self) -> None:
        self._connection.close(True)
