"""Power cuts while a ledger and a journal are written: after each, all that was acknowledged is there, whole.

A life opens both files on what the cut before left, and works until the power goes again, after a number of
changes to the disk that the seed draws: so opening and recovering are cut as well.  An era is some lives on
one disk; it replays from its seed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import apsw

from hypernode.storage.interface import Durability
from hypernode.storage.journal import open_journal_in
from hypernode.storage.ledger import open_ledger
from tests.power_cut.database import ApswDatabase
from tests.power_cut.disk import Disk, PowerCut
from tests.power_cut.vfs import DiskVfs
from tests.soak.checking import check_journal, check_ledger
from tests.soak.work import SHORT, Expected, Worker

LEDGER: Final = "/data/ledger.db"
JOURNAL: Final = "/poswallet.signed.db"
LIVES_OF_AN_ERA: Final = 25
MAX_CHANGES_LOG2: Final = 10.0
"""A life lasts for 1 to 1024 changes of the disk, short ones as often as long ones."""
NOW: Final = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Pragmas in place of what the program sets for its files; None: the program's."""

    ledger: Sequence[str] | None = None
    journal: Sequence[str] | None = None


PROGRAMS_OWN: Final = Settings()


async def live(
    disk: Disk, expected: Expected, random: Random, done: Counter[str], settings: Settings
) -> None:
    """One run of a program that uses the disk, up to a cut."""
    disk.cut_in = int(2 ** random.uniform(0, MAX_CHANGES_LOG2))
    vfs = DiskVfs(disk)
    databases: list[ApswDatabase] = []
    try:
        databases.append(ApswDatabase(vfs, LEDGER, Durability.WAL, settings.ledger))
        ledger = await open_ledger(databases[0], SHORT)
        databases.append(ApswDatabase(vfs, JOURNAL, Durability.ROLLBACK, settings.journal))
        journal = await open_journal_in(databases[1], NOW)
        worker = Worker(ledger, journal, expected, random, done)
        while True:
            await worker.step()
            assert not disk.is_off, "something was acknowledged after the cut"
    except PowerCut:
        """As arranged.  The program is gone."""
    for database in databases:
        with contextlib.suppress(PowerCut, apsw.Error):
            await database.close()


async def look(disk: Disk, expected: Expected) -> None:
    """Open what a cut left, on a copy, and compare it with what has to be there; then expect that.  Raises
    AssertionError."""
    vfs = DiskVfs(disk.copy())
    ledger_db = ApswDatabase(vfs, LEDGER, Durability.WAL)
    await check_ledger(await open_ledger(ledger_db, SHORT), ledger_db, expected)
    journal_db = ApswDatabase(vfs, JOURNAL, Durability.ROLLBACK)
    await open_journal_in(journal_db, NOW)
    await check_journal(journal_db, expected)
    await ledger_db.close()
    await journal_db.close()


async def play_era(
    seed: int, lives: int, settings: Settings = PROGRAMS_OWN, on_cut: Callable[[], None] = lambda: None
) -> Counter[str]:
    """Cut the power ``lives`` times; how often what was done.  Raises AssertionError that names the seed."""
    random, done = Random(seed), Counter[str]()
    disk, expected = Disk(), Expected()
    for number in range(1, lives + 1):
        await live(disk, expected, random, done, settings)
        disk = disk.survive(random)
        done["cuts"] += 1
        if expected.blocks_under_way is not None or expected.signing is not None:
            done["caught under way"] += 1
        try:
            await look(disk, expected)
        except Exception as error:
            raise AssertionError(f"cut {number} of seed {seed}: {error}") from error
        on_cut()
    return done
