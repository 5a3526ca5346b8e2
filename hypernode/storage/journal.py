"""The journal of what we signed (spec 4): a small file beside the wallet, written before a block leaves us.

It is apart from the ledger so that restoring or fetching a ledger does not bring back an old journal, and
it is one plain file between two records (no write-ahead log), so that copying it copies all of it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from hypernode.core.types import Round, Slot, Timestamp
from hypernode.ports.journal import AlreadySigned
from hypernode.ports.storage_faults import StorageBroken
from hypernode.storage.database import Durability, open_database
from hypernode.storage.inspection import check_whole
from hypernode.storage.interface import Database, StorageError, Transaction, check_writable
from hypernode.storage.read_only import SnapshotDatabase
from hypernode.storage.schema.migrations import Migration, check_version, migrate

FILE_NAME: Final = "poswallet.signed.db"

_MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        """CREATE TABLE signed(
            round INTEGER NOT NULL, sir INTEGER NOT NULL, block_hash BLOB NOT NULL,
            PRIMARY KEY(round, sir)) STRICT, WITHOUT ROWID""",
        "CREATE TABLE journal(created INTEGER NOT NULL) STRICT",
    ),
)
_REMEDY: Final = (
    "Restore the journal from a backup; or move it away: then the node forges nothing before the next round"
)
_GET: Final = "SELECT block_hash FROM signed WHERE round = ? AND sir = ?"
_GET_LAST: Final = "SELECT round, sir FROM signed ORDER BY round DESC, sir DESC LIMIT 1"


async def open_journal(path: Path, now: Timestamp) -> SqliteJournal:
    """The journal in a file, made if there is none; ``now`` (unix s) is then kept as its creation.
    Raises StorageError for a file that is not ours or not whole, StorageFault when the disk refuses."""
    try:
        database = await open_database(path, Durability.ROLLBACK)
        try:
            return await open_journal_in(database, now)
        except BaseException:
            await database.close()
            raise
    except (StorageError, StorageBroken) as error:
        raise StorageError(f"{error}. {_REMEDY}") from error


async def open_journal_in(database: Database, now: Timestamp) -> SqliteJournal:
    """The same in any database: in memory for a simulation."""
    await migrate(database, _MIGRATIONS, "journal")

    async def work(transaction: Transaction) -> tuple[Timestamp, bool]:
        found = await transaction.fetch_all("SELECT created FROM journal LIMIT 1")
        if not found:
            await transaction.execute("INSERT INTO journal VALUES(?)", (int(now),))
        return int(found[0][0]) if found else int(now), not found

    created, is_new = await database.write(work)
    await check_whole(database)
    return SqliteJournal(database, created, is_new=is_new)


async def inspect_journal(path: Path) -> None:
    """Look whether a journal is whole and ours.  Raises StorageError, StorageFault when it is not."""
    database = SnapshotDatabase(path)
    try:
        await check_version(database, _MIGRATIONS, "journal")
        await check_whole(database)
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path}: the journal is damaged: {error}. {_REMEDY}") from error
    finally:
        await database.close()


class SqliteJournal:
    """Implements ``ports.journal.Journal``: use ``open_journal``."""

    def __init__(self, database: Database, created: Timestamp, *, is_new: bool = False) -> None:
        self._database = database
        self.created = created
        """When this file was made (unix s): what was signed before, it does not know."""
        self.is_new = is_new
        """It was made just now, or was empty."""

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
