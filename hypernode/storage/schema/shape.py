"""Whether a file of ours has the tables that our migrations make, and nothing else.

A version number is quickly written.  Behind it somebody may have put a view in place of a table, a trigger,
or a column that computes: what we ask for would then run what he wrote.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from typing import Final

from hypernode.storage.interface import Reader, StorageError

_SHAPE: Final = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


async def check_shape(database: Reader, name: str, migrations: Sequence[Sequence[str]], what: str) -> None:
    """Raises StorageError for a file that has other tables than ``migrations`` make."""
    rows = await database.fetch_all(_SHAPE)
    found = {(str(kind), str(called), _normalise(sql)) for kind, called, sql in rows}
    expected = _compute_shape(tuple(tuple(statements) for statements in migrations))
    if found != expected:
        kind, called, _ = min(found ^ expected)
        words = f"its {kind} {called!a} is not that of a {what}"
        raise StorageError(f"{name}: {words}: somebody changed it. Restore a backup, or move the file away")


@lru_cache(maxsize=8)  # the kinds of files that we have
def _compute_shape(migrations: tuple[tuple[str, ...], ...]) -> frozenset[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (statement for statements in migrations for statement in statements):
            connection.execute(statement)
        rows = connection.execute(_SHAPE).fetchall()
    return frozenset((kind, called, _normalise(sql)) for kind, called, sql in rows)


def _normalise(sql: object) -> str:
    """Other versions of SQLite put other spaces where a column is added."""
    return "".join(str(sql).split())
