"""Opens a database that somebody else wrote, so that reading it runs none of its code and ends in bounded
time.

SQL lies in the file as well as in our queries: a view in place of a table, a trigger, a virtual table or a
column that computes is code of whoever made it.  So there may be plain tables and indices only (in a file of
ours exactly those of ``storage.schema.shape``), values have a length that we can hold, and all queries
together do no more than is in proportion to the file's size.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hypernode.storage.interface import StorageError

PRAGMAS: Final = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA query_only = 1",
    "PRAGMA busy_timeout = 5000",
)
STEPS_AT_ONCE: Final = 100_000
"""Of SQLite's machine, between two looks at the budget: some 2 ms."""
LEAST_STEPS: Final = 50_000_000
"""Some seconds, for small files."""
STEPS_PER_BYTE: Final = 20
"""Reading a chain takes less than one.  What reads all rows again for each row soon takes more."""
MAX_OBJECTS: Final = 200
"""Tables and indices: legacy files have a dozen."""
MAX_COLUMNS: Final = 100
_BLOCK_BYTES: Final = 512
"""Of ``st_blocks``: what is on the disk.  A file with holes says more than it has."""
_OBJECTS: Final = "SELECT type, name, sql FROM sqlite_master LIMIT ?"


def require_file(path: Path) -> os.stat_result:
    """Raises StorageError for what is not there or no file: a pipe never ends, and a device neither."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise StorageError(f"{ascii(str(path))[1:-1]}: there is no such file ({words})") from error
    if not path.is_file():
        raise StorageError(f"{path}: this is no file")
    return found


def distrust(connection: sqlite3.Connection, path: Path, max_value_bytes: int) -> None:
    """Bound what a connection that was just opened will hold and do.  Raises sqlite3.DatabaseError."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_value_bytes)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_progress_handler(_make_budget(path), STEPS_AT_ONCE)
    for pragma in PRAGMAS:
        connection.execute(pragma)


def require_plain_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StorageError for a file with more than tables and indices in it, sqlite3.DatabaseError."""
    objects = connection.execute(_OBJECTS, (MAX_OBJECTS + 1,)).fetchall()
    if len(objects) > MAX_OBJECTS:
        raise StorageError(f"{path}: there are more than {MAX_OBJECTS} tables in it")
    for kind, name, sql in objects:
        _check_object(connection, path, str(kind), str(name), str(sql))


def _make_budget(path: Path) -> Callable[[], int]:
    """A progress handler that interrupts what takes too long."""
    left = max(LEAST_STEPS, STEPS_PER_BYTE * path.stat().st_blocks * _BLOCK_BYTES) // STEPS_AT_ONCE

    def count() -> int:
        nonlocal left
        left -= 1
        return int(left < 0)

    return count


def _check_object(connection: sqlite3.Connection, path: Path, kind: str, name: str, sql: str) -> None:
    is_virtual = sql.lstrip().upper().startswith("CREATE VIRTUAL")
    if kind not in ("table", "index") or is_virtual:
        what = "virtual table" if is_virtual else kind
        raise StorageError(
            f"{path}: it has a {ascii(what)[1:-1][:20]} {ascii(name)[:60]}; expected plain tables. "
            "Fetch the file anew, or export the chain from the node that has it"
        )
    if kind == "table":
        columns = connection.execute("SELECT hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
        if len(columns) > MAX_COLUMNS or any(hidden for (hidden,) in columns):
            raise StorageError(f"{path}: its table {ascii(name)[:60]} has computed columns, or too many")
