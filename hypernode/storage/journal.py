"""The journal of what we signed (spec 4): a small file beside the wallet, written before a block leaves us.

It is apart from the ledger so that restoring or fetching a ledger does not bring back an old journal, and
it is one plain file between two records (no write-ahead log), so that copying it copies all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hypernode.core.types import Round, Slot, Timestamp
from hypernode.ports import AlreadySigned
from hypernode.storage.database import Durability, open_database
from hypernode.storage.interface import Database, StorageError, Transaction, check_writable
from hypernode.storage.migrations import Migration, check_version, migrate
from hypernode.storage.read_only import SnapshotDatabase

FILE_NAME: Final = "poswallet.signed.db"

_MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        """CREATE TABLE signed(
            round INTEGER NOT NULL, sir INTEGER NOT NULL, block_hash BLOB NOT NULL,
            PRIMARY KEY(round, sir)) STRICT, WITHOUT ROWID""",
        "CREATE TABLE journal(created INTEGER NOT NULL) STRICT",
    ),
)
_GET: Final = "SELECT block_hash FROM signed WHERE round = ? AND sir = ?"
_GET_LAST: Final = "SELECT round, sir FROM signed ORDER BY round DESC, sir DESC LIMIT 1"


async def open_journal(path: Path, now: Timestamp) -> SqliteJournal:
    """The journal in a file, made if there is none; ``now`` (unix s) is then kept as its creation.
    Raises StorageError for a file that is not ours."""
    database = await open_database(path, Durability.ROLLBACK)
    try:
        return await open_journal_in(database, now)
    except BaseException:
        await database.close()
        raise


async def open_journal_in(database: Database, now: Timestamp) -> SqliteJournal:
    """The same in any database: in memory for a simulation."""
    await migrate(database, _MIGRATIONS, "journal")

    async def work(transaction: Transaction) -> Timestamp:
        await transaction.execute(
            "INSERT INTO journal SELECT ? WHERE NOT EXISTS (SELECT 1 FROM journal)", (int(now),)
        )
        [(created,)] = await transaction.fetch_all("SELECT created FROM journal")
        return int(created)

    return SqliteJournal(database, await database.write(work))


async def inspect_journal(path: Path) -> None:
    """Look whether a journal is whole and ours.  Raises StorageError, StorageTrouble when it is not."""
    database = SnapshotDatabase(path)
    try:
        await check_version(database, _MIGRATIONS, "journal")
        found = await database.fetch_all("PRAGMA quick_check(1)")
    finally:
        await database.close()
    if found != [("ok",)]:
        raise StorageError(f"{path}: the journal is damaged: {found[0][0]}")


class SqliteJournal:
    """Implements ``ports.Journal``: use ``open_journal``."""

    def __init__(self, database: Database, created: Timestamp) -> None:
        self._database = database
        self.created = created
        """When this file was made (unix s): what was signed before, it does not know."""

    async def record(self, round_: Round, sir: Slot, block_hash: bytes) -> None:
        async def work(transaction: Transaction) -> None:
            rows = await transaction.fetch_all(_GET, (round_, sir))
            if rows and rows[0][0] != block_hash:
                raise AlreadySigned(f"slot {sir} of round {round_}: {rows[0][0].hex()} is signed already")
            if not rows:
                await transaction.execute("INSERT INTO signed VALUES(?, ?, ?)", (round_, sir, block_hash))

        await self._database.write(work)

    async def get_hash(self, round_: Round, sir: Slot) -> bytes | None:
        rows = await self._database.fetch_all(_GET, (round_, sir))
        return rows[0][0] if rows else None

    async def get_last(self) -> tuple[Round, Slot] | None:
        rows = await self._database.fetch_all(_GET_LAST)
        return (rows[0][0], rows[0][1]) if rows else None

    async def check_writable(self) -> None:
        await check_writable(self._database)

    async def close(self) -> None:
        await self._database.close()
