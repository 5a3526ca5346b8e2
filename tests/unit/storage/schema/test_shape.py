"""A file that says it is ours must have our tables, and nothing beside them."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.storage.database import InlineDatabase
from hypernode.storage.interface import StorageError
from hypernode.storage.schema.migrations import migrate
from hypernode.storage.schema.shape import check_shape

MIGRATIONS = [
    ("CREATE TABLE a(n INTEGER) STRICT", "CREATE INDEX by_n ON a(n)"),
    ("ALTER TABLE a ADD COLUMN m INTEGER",),
]


async def look(*statements: str) -> None:
    database = InlineDatabase()
    await migrate(database, MIGRATIONS, "thing")
    for statement in statements:
        await database.write(lambda t, sql=statement: t.execute(sql))  # type: ignore[misc]
    try:
        await check_shape(database, "x.db", MIGRATIONS, "thing")
    finally:
        await database.close()


def test_what_migrations_made_is_ours_whatever_is_in_it() -> None:
    asyncio.run(look())
    asyncio.run(look("INSERT INTO a VALUES(1, 2)"))


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE more(n)",),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END",),
        ("CREATE VIEW v AS SELECT 1",),
        ("DROP INDEX by_n",),
        ("DROP TABLE a", "CREATE VIEW a AS SELECT 1 AS n, 2 AS m"),
        ("ALTER TABLE a ADD COLUMN computed INTEGER AS (n + 1)",),
    ],
    ids=lambda statements: statements[-1][:30],
)
def test_anything_else_is_refused_with_the_file_and_what_to_do(statements: tuple[str, ...]) -> None:
    with pytest.raises(StorageError, match=r"x\.db: its .*somebody changed it\. Restore a backup"):
        asyncio.run(look(*statements))
