"""What storage asks of SQLite, as protocols, with the settings that both implementations share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
SqlValue: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Any, ...]
Params: TypeAlias = Sequence[SqlValue]


class StorageError(Exception):
    """A file that we cannot work with: words for the operator (which file, what is wrong, what to do)."""


class OtherNetwork(StorageError):
    """The file is whole, and another network's: there is nothing to repair."""


class Durability(Enum):
    """How a commit reaches the disk; both outlive a power cut."""

    WAL = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
    ROLLBACK = ("PRAGMA journal_mode = DELETE", "PRAGMA synchronous = EXTRA")
    """For small files that people copy: all of it is in the one file between transactions."""


COMMON_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)


class Reader(Protocol):
    """What can be asked."""

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows of one statement."""
        ...


class Transaction(Reader, Protocol):
    """What can be done inside a transaction; it sees its own changes."""

    async def execute(self, sql: str, params: Params = ()) -> None: ...

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        """One statement for many rows: one call instead of a call per row."""
        ...


class Source(Reader, Protocol):
    """A way to read an open SQLite file.  Every call may raise StorageFault: the disk refuses."""

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Several statements on one snapshot.  ``work`` may wait for nothing else and touches nothing that
        others change: it may run in another thread."""
        ...


class Database(Source, Protocol):
    """An open SQLite file."""

    @property
    def name(self) -> str:
        """The file, for messages."""
        ...

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        """``work`` in one transaction: on disk when this returns, undone when ``work`` raises.  It
        runs to its end even if the caller is cancelled; ``on_commit`` gets the result right after
        the commit, also then.  ``work`` may wait for nothing but statements of its transaction, and
        touches nothing that others change meanwhile: it runs in another thread."""
        ...

    async def close(self) -> None:
        """Waits for transactions under way.  Without it the process may not end."""
        ...


async def check_writable(database: Database) -> None:
    """Raises StorageFault when the file cannot be written at present.  Writes what is there already: a
    page goes to the disk, and nothing changes."""

    async def work(transaction: Transaction) -> None:
        [(version,)] = await transaction.fetch_all("PRAGMA user_version")
        await transaction.execute(f"PRAGMA user_version = {version:d}")

    await database.write(work)
