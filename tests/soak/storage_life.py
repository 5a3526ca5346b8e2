"""A process that works on a ledger and a journal through the daemon's database, and says what it does."""

from __future__ import annotations

import asyncio
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Final

from hypernode.core.types import Block
from hypernode.storage.database import Durability, InlineDatabase, open_database
from hypernode.storage.journal import open_journal, open_journal_in
from hypernode.storage.ledger import open_ledger
from tests.soak.checking import check_journal, check_ledger
from tests.soak.processes import Report
from tests.soak.work import SHORT, Expected, Place, Worker

NOW: Final = 1_700_000_000


class _Telling(Expected):
    """Says what is expected on the pipe: what is begun before, what is acknowledged after."""

    def __init__(self, pipe: Connection, expected: Expected) -> None:
        super().__init__(expected.blocks, None, expected.signed, None)
        self._pipe = pipe

    def begin_blocks(self, blocks: list[Block]) -> None:
        self._pipe.send(("begin_blocks", blocks))
        super().begin_blocks(blocks)

    def end_blocks(self, *, adopted: bool = True) -> None:
        self._pipe.send(("end_blocks", adopted))
        super().end_blocks(adopted=adopted)

    def begin_signing(self, place: Place, block_hash: bytes) -> None:
        self._pipe.send(("begin_signing", place, block_hash))
        super().begin_signing(place, block_hash)

    def end_signing(self) -> None:
        self._pipe.send(("end_signing",))
        super().end_signing()


def note(expected: Expected, done: Counter[str], report: Report) -> None:
    """Expect what a child said."""
    match report:
        case ("begin_blocks", blocks):
            expected.begin_blocks(blocks)
        case ("end_blocks", adopted):
            expected.end_blocks(adopted=adopted)
        case ("begin_signing", place, block_hash):
            expected.begin_signing(place, block_hash)
        case ("end_signing",):
            expected.end_signing()
        case ("done", what):
            done[what] += 1


class _TellingCounter(Counter[str]):
    """Says on the pipe what was done."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def __setitem__(self, what: str, count: int) -> None:
        self._pipe.send(("done", what))
        super().__setitem__(what, count)


def live(pipe: Connection, folder: Path, seed: int, expected: Expected) -> None:
    """Work until killed."""
    asyncio.run(_live(pipe, folder, seed, expected))


async def _live(pipe: Connection, folder: Path, seed: int, expected: Expected) -> None:
    pipe.send(("up",))
    ledger = await open_ledger(await open_database(folder / "ledger.db"), SHORT)
    journal = await open_journal(folder / "signed.db", NOW)
    done: Any = _TellingCounter(pipe)
    worker = Worker(ledger, journal, _Telling(pipe, expected), Random(seed), done)
    while True:
        await worker.step()


async def look(folder: Path, expected: Expected) -> None:
    """What a killed process left, compared with what has to be there; from now on that is expected.  Raises
    AssertionError."""
    ledger_db = InlineDatabase(folder / "ledger.db")
    await check_ledger(await open_ledger(ledger_db, SHORT), ledger_db, expected)
    await ledger_db.close()
    journal_db = InlineDatabase(folder / "signed.db", Durability.ROLLBACK)
    await open_journal_in(journal_db, NOW)
    await check_journal(journal_db, expected)
    await journal_db.close()
