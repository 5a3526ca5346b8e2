"""Power cuts while a ledger and a journal are written: after each, all that was acknowledged is there, whole.

A life opens both files on what the cut before left, and digests, swaps, rolls back and journals until the
power goes again, after a number of changes to the disk that the seed draws: so opening and recovering are cut
as well.  An era is some lives on one disk; it replays from its seed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import apsw

from hypernode.core.fork_choice import is_better
from hypernode.core.types import Block, Round, Slot
from hypernode.storage.interface import Database, Durability
from hypernode.storage.journal import SqliteJournal, open_journal_in
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.power_cut.database import ApswDatabase
from tests.power_cut.disk import Disk, PowerCut
from tests.power_cut.vfs import DiskVfs
from tests.soak.checking import check_file, check_ledger
from tests.unit.storage.chains import GENESIS, NETWORK, block, message

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


@dataclass(slots=True)
class Expected:
    """What has to be there: what was acknowledged, and what was under way, which may be there or not."""

    blocks: list[Block] = field(default_factory=lambda: [GENESIS])
    blocks_under_way: list[Block] | None = None
    signed: dict[tuple[Round, Slot], bytes] = field(default_factory=dict)
    signing: tuple[tuple[Round, Slot], bytes] | None = None


class Life:
    """One run of a program that uses the disk, up to a cut."""

    def __init__(self, disk: Disk, expected: Expected, random: Random, done: Counter[str]) -> None:
        self._disk, self._expected, self._random, self._done = disk, expected, random, done
        self._vfs = DiskVfs(disk)
        self._databases: list[ApswDatabase] = []

    async def run(self, settings: Settings) -> None:
        """Raises PowerCut, or whatever SQLite makes of it."""
        self._disk.cut_in = int(2 ** self._random.uniform(0, MAX_CHANGES_LOG2))
        ledger = await open_ledger(self._open(LEDGER, Durability.WAL, settings.ledger), NETWORK)
        journal = await open_journal_in(self._open(JOURNAL, Durability.ROLLBACK, settings.journal), NOW)
        steps = (self._digest, self._digest, self._digest, self._swap, self._roll_back)
        while True:
            await self._random.choice(steps)(ledger)
            if self._random.random() < 0.5:
                await self._sign(journal)

    def _open(self, name: str, durability: Durability, pragmas: Sequence[str] | None) -> ApswDatabase:
        self._databases.append(ApswDatabase(self._vfs, name, durability, pragmas))
        return self._databases[-1]

    async def close(self) -> None:
        """The program is gone."""
        for database in self._databases:
            with contextlib.suppress(PowerCut, apsw.Error):
                await database.close()

    async def _digest(self, ledger: SqliteLedger) -> None:
        made = self._make(self._expected.blocks[-1], self._random.choice((1, 1, 1, 3)))
        self._expected.blocks_under_way = [*self._expected.blocks, *made]
        await ledger.append_many(made)
        self._acknowledge("digested")

    async def _swap(self, ledger: SqliteLedger) -> None:
        blocks = self._expected.blocks
        common = max(0, len(blocks) - 1 - self._random.randrange(5))
        made = self._make(blocks[common], self._random.randrange(1, 6))
        self._expected.blocks_under_way = [*blocks[: common + 1], *made]
        outcome = await ledger.replace(common, made, is_better)
        if not outcome.adopted:
            self._expected.blocks_under_way = list(blocks)
        self._acknowledge("swapped" if outcome.adopted else "not better")

    async def _roll_back(self, ledger: SqliteLedger) -> None:
        blocks = self._expected.blocks
        height = max(0, len(blocks) - 1 - self._random.randrange(4))
        self._expected.blocks_under_way = blocks[: height + 1]
        await ledger.rollback(height)
        self._acknowledge("rolled back")

    async def _sign(self, journal: SqliteJournal) -> None:
        slot = (self._expected.blocks[-1].round, len(self._expected.signed))
        self._expected.signing = (slot, self._random.randbytes(20))
        await journal.record(*slot, self._expected.signing[1])
        assert not self._disk.is_off
        self._expected.signed[slot] = self._expected.signing[1]
        self._expected.signing = None
        self._done["journalled"] += 1

    def _acknowledge(self, what: str) -> None:
        assert not self._disk.is_off
        assert self._expected.blocks_under_way is not None
        self._expected.blocks = self._expected.blocks_under_way
        self._expected.blocks_under_way = None
        self._done[what] += 1

    def _make(self, parent: Block, count: int) -> list[Block]:
        made = [parent]
        for number in range(count):
            below, salt = made[-1], self._random.getrandbits(64)
            size = self._random.choice((0, 4, 12, 150))
            round_, sir = (below.round, below.sir + 1) if below.sir < 18 else (below.round + 1, 0)
            messages = [
                message((salt, i), f"s{self._random.randrange(9)}", f"r{i % 5}", params=f"{salt}")
                for i in range(size)
            ]
            made.append(block(below, round_, sir, f"f{number}", messages, salt))
        return made[1:]


async def look(disk: Disk, expected: Expected) -> None:
    """Open what a cut left, on a copy, and compare it with what has to be there; then expect that.  Raises
    AssertionError."""
    vfs = DiskVfs(disk.copy())
    ledger_db = ApswDatabase(vfs, LEDGER, Durability.WAL)
    blocks = await check_ledger(await open_ledger(ledger_db, NETWORK), ledger_db)
    assert blocks in (expected.blocks, expected.blocks_under_way), "blocks that were acknowledged are gone"
    expected.blocks, expected.blocks_under_way = blocks, None
    journal_db = ApswDatabase(vfs, JOURNAL, Durability.ROLLBACK)
    await open_journal_in(journal_db, NOW)
    await _compare_journal(journal_db, expected)
    await ledger_db.close()
    await journal_db.close()


async def _compare_journal(database: Database, expected: Expected) -> None:
    await check_file(database)
    rows = await database.fetch_all("SELECT round, sir, block_hash FROM signed")
    found = {(round_, sir): block_hash for round_, sir, block_hash in rows}
    allowed = [expected.signed]
    if expected.signing is not None:
        allowed.append({**expected.signed, expected.signing[0]: expected.signing[1]})
    assert found in allowed, "the journal has lost, or made up, what was signed"
    expected.signed, expected.signing = found, None


async def play_era(
    seed: int,
    lives: int,
    settings: Settings = PROGRAMS_OWN,
    on_cut: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Cut the power ``lives`` times; how often what was done.  Raises AssertionError that names the seed."""
    random, done = Random(seed), Counter[str]()
    disk, expected = Disk(), Expected()
    for number in range(1, lives + 1):
        life = Life(disk, expected, random, done)
        try:
            await life.run(settings)
        except PowerCut:
            """As arranged."""
        await life.close()
        disk = disk.survive(random)
        done["cuts"] += 1
        try:
            await look(disk, expected)
        except (AssertionError, apsw.Error) as error:
            raise AssertionError(f"cut {number} of seed {seed}: {error}") from error
        on_cut()
    return done
