"""Our chain as the files of the legacy software (spec 4, storage): the chain, and the lists without which a
legacy node would fetch an archive over it.

Files are written beside, synced and renamed: a folder has a whole file or none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from hypernode.core.encoded_size import count_within
from hypernode.core.types import Height, RoundPlan
from hypernode.files.own_files import sync_file, sync_folder
from hypernode.storage.archive.legacy_schema import (
    CHAIN_INDICES,
    CHAIN_NAME,
    CHAIN_TABLES,
    HYPERNODES_NAME,
    HYPERNODES_TABLES,
    READ_BYTES,
    SIDE_TABLES,
    block_to_row,
    message_to_row,
)
from hypernode.storage.faults import raising_storage_faults
from hypernode.storage.interface import Params, StorageError
from hypernode.storage.ledger import SqliteLedger

_BATCH: Final = 200
_BLOCK: Final = f"INSERT INTO pos_chain VALUES({','.join('?' * 11)})"
_MESSAGE: Final = f"INSERT INTO pos_messages VALUES({','.join('?' * 10)})"
_HYPERNODE: Final = f"INSERT INTO hypernodes VALUES({','.join('?' * 10)})"


async def export_legacy(
    ledger: SqliteLedger, folder: Path, on_progress: Callable[[Height], None] = lambda height: None
) -> list[Path]:
    """Write both files into a folder, which has neither; their paths.  Raises StorageError for a folder that
    has one and for a pruned chain, StorageFault, OSError."""
    if ledger.get_pruned_below():
        raise StorageError(
            f"messages of blocks below {ledger.get_pruned_below()} are pruned: this chain cannot be exported"
        )
    paths = [folder / CHAIN_NAME, folder / HYPERNODES_NAME]
    _make_room(folder, paths)
    with _write_beside(paths[0]) as connection:
        await _write_chain(connection, ledger, on_progress)
    with _write_beside(paths[1]) as connection:
        await _write_hypernodes(connection, ledger)
    return paths


def _make_room(folder: Path, paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            raise StorageError(f"{path} is there already: choose another folder, or move it away")
    folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def _write_beside(path: Path) -> Iterator[sqlite3.Connection]:
    beside = path.with_name(f".{path.name}.new")
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{beside}{suffix}").unlink(missing_ok=True)  # of a link: the link, not what it leads to
    try:
        with (
            raising_storage_faults(str(beside)),
            closing(sqlite3.connect(beside, isolation_level=None)) as connection,
        ):
            # nobody reads it before it is whole
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        with beside.open("rb") as file:
            sync_file(file)
        beside.replace(path)
        sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


async def _write_chain(
    connection: sqlite3.Connection, ledger: SqliteLedger, on_progress: Callable[[Height], None]
) -> None:
    for sql in CHAIN_TABLES:
        connection.execute(sql)
    first, tip = 0, ledger.get_height().height
    while first <= tip:
        sizes = await ledger.get_block_sizes(first, min(_BATCH, tip - first + 1))
        count = count_within((size for _, size in sizes), READ_BYTES)
        blocks = await ledger.get_blocks(first, count)
        connection.executemany(_BLOCK, [block_to_row(block) for block in blocks])
        connection.executemany(_MESSAGE, [message_to_row(m) for block in blocks for m in block.messages])
        first = blocks[-1].height + 1
        on_progress(first - 1)
    for name, rows in (await ledger.get_side_rows()).items():
        if name in SIDE_TABLES and rows:
            marks = ",".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {name} VALUES({marks})", rows)
    for sql in CHAIN_INDICES:
        connection.execute(sql)


async def _write_hypernodes(connection: sqlite3.Connection, ledger: SqliteLedger) -> None:
    """``hypernodes`` from the plans that are stored.  ``reward_stats`` stays empty: what belongs there takes
    the companion's balances, and the legacy node counts it anew."""
    for sql in HYPERNODES_TABLES:
        connection.execute(sql)
    for round_ in await ledger.list_plan_rounds():
        plan = await ledger.get_plan(round_)
        if plan is not None:
            connection.executemany(_HYPERNODE, _list_hypernodes(plan))


def _list_hypernodes(plan: RoundPlan) -> list[Params]:
    silent = {*plan.inactive, *plan.voided}
    rows: list[Params] = []
    for entry in plan.registered:
        since = int(entry.timestamp)
        row = (plan.round, entry.pos, entry.ip, entry.port, entry.weight, entry.collateral, entry.reward)
        rows.append((*row, since, since, int(entry.pos not in silent)))
    return rows
