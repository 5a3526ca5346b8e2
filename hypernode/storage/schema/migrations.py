"""Numbered migrations: a file says in ``user_version`` how far it came, and is brought up to date.

A migration is never changed once it was released; a new one is added behind it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from hypernode.storage.interface import Database, StorageError, Transaction
from hypernode.storage.schema.shape import check_shape

Migration: TypeAlias = Sequence[str]
"""Statements that lead from one version to the next; the n-th of a list makes version n."""


async def get_version(database: Database) -> int:
    """Version of the file; 0 for a new one."""
    rows = await database.fetch_all("PRAGMA user_version")
    return int(rows[0][0])


async def migrate(database: Database, migrations: Sequence[Migration], what: str) -> int:
    """Bring a file to our version and return that; ``what`` names the kind of file (``ledger``).

    Each migration is one transaction.  Raises StorageError for a file that a newer version of this
    program made, and for one that is not ours at all."""
    version = await _check_ours(database, migrations, what)
    for number in range(version + 1, len(migrations) + 1):
        await _apply(database, migrations[number - 1], number)
    return len(migrations)


async def check_version(database: Database, migrations: Sequence[Migration], what: str) -> None:
    """For a file that is only read.  Raises StorageError as ``migrate``, and for an older version."""
    version = await _check_ours(database, migrations, what)
    if version < len(migrations):
        raise StorageError(
            f"{database.name}: this {what} has version {version}, this program needs {len(migrations)}: "
            "start the node once, which brings it up to date"
        )


async def _check_ours(database: Database, migrations: Sequence[Migration], what: str) -> int:
    with _raising_damage(database.name, what):
        version, ours = await get_version(database), len(migrations)
        if version > ours:
            raise StorageError(
                f"{database.name}: this {what} has version {version}, made by a newer program; this one "
                f"knows versions up to {ours}. Update the program, or move the file away to start with a new "
                "one."
            )
        if version < 0:
            raise StorageError(
                f"{database.name}: not a {what} of this program (version {version}). Move it away."
            )
        if version == 0 and await database.fetch_all("SELECT 1 FROM sqlite_master LIMIT 1"):
            raise StorageError(
                f"{database.name}: not a {what} of this program (it has tables, but no version). "
                "Move it away; a file of the legacy software has to be imported."
            )
        await check_shape(database, database.name, migrations[:version], what)
        return version


@contextlib.contextmanager
def _raising_damage(name: str, what: str) -> Iterator[None]:
    """Raises StorageError for what SQLite cannot read, and StorageFault does not say."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{name}: this {what} cannot be read ({error}). Restore a backup, or move the file away"
        ) from error


async def _apply(database: Database, migration: Migration, number: int) -> None:
    async def work(transaction: Transaction) -> None:
        for statement in migration:
            await transaction.execute(statement)
        await transaction.execute(f"PRAGMA user_version = {number:d}")

    await database.write(work)
