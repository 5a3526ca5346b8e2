"""The ledger's migrations are frozen: files of earlier versions have run them as they are."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from contextlib import closing

import pytest

from hypernode.storage.database import InlineDatabase
from hypernode.storage.schema.migrations import get_version, migrate
from hypernode.storage.schema.tables import LEDGER_MIGRATIONS, MAX_MESSAGES, POSITION_BITS, SPAN_BITS

FROZEN = ["c691bba4c8e6d52c", "7a39735c40c1332f", "cdb78a4742efc88e", "98bb7e28e856f3b9"]
"""Of the statements of each version that ledgers in use have, white space aside; a new one comes in with its
release."""


def compute_digest(statements: object) -> str:
    words = " ".join(str(statements).split())
    return hashlib.sha256(words.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("version", "digest"), list(enumerate(FROZEN, 1)))
def test_a_migration_that_files_have_run_is_never_changed(version: int, digest: str) -> None:
    assert compute_digest(LEDGER_MIGRATIONS[version - 1]) == digest


def test_all_of_them_run_in_order_on_an_empty_file() -> None:
    async def run() -> None:
        database = InlineDatabase()
        await migrate(database, LEDGER_MIGRATIONS, "ledger")
        assert await get_version(database) == len(LEDGER_MIGRATIONS)
        await database.close()

    asyncio.run(run())


def test_tables_take_no_value_of_another_type() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statements in LEDGER_MIGRATIONS:
            for statement in statements:
                connection.execute(statement)
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    assert [name for name, sql in tables if "STRICT" not in sql and not name.startswith("sqlite_")] == []


def test_places_in_a_block_and_a_span_are_what_stored_rows_have() -> None:
    assert (POSITION_BITS, SPAN_BITS, MAX_MESSAGES) == (20, 5, 1_048_576)
