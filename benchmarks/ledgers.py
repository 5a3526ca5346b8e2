"""Long ledgers, filled with blocks that nobody judged, and kept between runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

from benchmarks.chains import VERSION, Party, fill_blocks, get_folder
from hypernode.core.block import create_genesis
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger

STEP = 200
"""Blocks a transaction."""


async def load_ledger(
    party: Party, blocks: int, messages: int, on_progress: Callable[[int], None] = lambda height: None
) -> Path:
    """A ledger of ``blocks`` blocks of ``messages`` messages; made when it is not there, which for the
    largest takes minutes.  Copy it before it is changed."""
    path = get_folder() / f"ledger-{VERSION}-{len(party.addresses)}-{blocks}-{messages}.db"
    if path.exists():
        return path
    beside = path.with_suffix(f".{os.getpid()}")
    ledger = await open_ledger(InlineDatabase(beside), party.params)
    genesis = create_genesis(party.params)
    made = fill_blocks(party, genesis, blocks, messages)
    while step := list(islice(made, STEP)):
        await ledger.append_many(step)
        on_progress(step[-1].height)
    await ledger.close()
    with closing(sqlite3.connect(beside)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    beside.replace(path)
    return path


def copy_ledger(path: Path, folder: Path) -> None:
    """A copy that may be changed, as the ledger of that folder."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / "ledger.db")
