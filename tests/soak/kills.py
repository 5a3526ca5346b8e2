"""SIGKILL at random moments: of a process that works on its files, and of a hypernode that forges."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from hypernode.core.block import create_genesis
from hypernode.core.types import Round, Slot
from hypernode.node.chain.chain_check import ChainCheck
from hypernode.node.chain.examiner import Examiner
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.sim.cluster import make_network
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.storage.database import Durability, InlineDatabase
from hypernode.storage.journal import SqliteJournal, open_journal_in
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.soak import forging_life, storage_life
from tests.soak.checking import ALL
from tests.soak.processes import Child, Report, start
from tests.soak.work import Expected
from tests.unit.node.beds import SEED

MAX_LIFE_S: Final = 0.4
"""A child is killed up to this long after it is up: some hundred transactions."""
UP_S: Final = 60.0
LIVES_OF_AN_ERA: Final = 20
LONG_AFTER: Final = 4e9
"""A time (unix s) when no block of any life is of the future."""

OnKill = Callable[[], None]


def _let_live(child: Child, life_s: float, on_report: Callable[[Report], None]) -> None:
    """Listen to a child for ``life_s`` after its first word, kill it, and listen to what is left in the pipe.
    Raises AssertionError when it ended by itself."""
    assert child.read(UP_S) == ("up",)
    end = time.monotonic() + life_s
    try:
        while (left := end - time.monotonic()) > 0:
            report = child.read(left)
            if report is not None:
                on_report(report)
    except EOFError:
        raise AssertionError(f"the process ended by itself: {child.end()}") from None
    child.kill()
    for report in child.read_rest():
        on_report(report)
    child.end()


def play_storage_era(seed: int, lives: int, on_kill: OnKill = lambda: None) -> Counter[str]:
    """Kill a process ``lives`` times while it digests, swaps, rolls back, prunes and journals.  Raises
    AssertionError that names the seed."""
    random, done, expected = Random(seed), Counter[str](), Expected()
    with tempfile.TemporaryDirectory() as name:
        for number in range(1, lives + 1):
            child = start(storage_life.live, Path(name), random.getrandbits(32), expected)
            _let_live(child, random.uniform(0, MAX_LIFE_S), lambda r: storage_life.note(expected, done, r))
            if expected.blocks_under_way is not None or expected.signing is not None:
                done["caught under way"] += 1
            try:
                asyncio.run(storage_life.look(Path(name), expected))
            except Exception as error:
                raise AssertionError(f"kill {number} of seed {seed}: {error}") from error
            done["kills"] += 1
            on_kill()
    return done


def play_forging_era(seed: int, lives: int, on_kill: OnKill = lambda: None) -> Counter[str]:
    """Kill a hypernode ``lives`` times while it digests, swaps and forges.  Raises AssertionError that names
    the seed."""
    random, watcher = Random(seed), Watcher()
    with tempfile.TemporaryDirectory() as name:
        for number in range(1, lives + 1):
            child = start(forging_life.live, Path(name), random.getrandbits(32))
            _let_live(child, random.uniform(0, MAX_LIFE_S), watcher.note)
            try:
                asyncio.run(watcher.look(Path(name)))
            except Exception as error:
                raise AssertionError(f"kill {number} of seed {seed}: {error}") from error
            watcher.done["kills"] += 1
            on_kill()
    return watcher.done


class Watcher:
    """What a hypernode said, against what its files hold."""

    def __init__(self) -> None:
        self.done = Counter[str]()
        self.left: dict[tuple[Round, Slot], set[bytes]] = {}
        """By slot of ours: the hashes that may have left the process."""
        self._params = make_network(forging_life.SIZE, SEED, 180)
        self._own = self._params.hypernodes[forging_life.OWN].pos
        self._verifier = InlineVerifier()
        self._stored: bytes = create_genesis(self._params).block_hash
        self._storing: bytes | None = None

    def note(self, report: Report) -> None:
        """What the process said."""
        match report:
            case ("storing", block_hash):
                self._storing = block_hash
            case ("stored", block_hash):
                self._stored, self._storing = block_hash, None
                self.done["digested or swapped"] += 1
            case ("left", round_, sir, block_hash):
                self.left.setdefault((round_, sir), set()).add(block_hash)
                self.done["forged"] += 1
                self._stored, self._storing = block_hash, None

    async def look(self, folder: Path) -> None:
        """Raises AssertionError when something acknowledged is gone or half, a rule is broken, or two blocks
        left for a slot."""
        database = InlineDatabase(folder / "ledger.db")
        journal_db = InlineDatabase(folder / "signed.db", Durability.ROLLBACK)
        for file in (database, journal_db):
            assert await file.fetch_all("PRAGMA integrity_check") == [("ok",)]
        ledger = await open_ledger(database, self._params)
        journal = await open_journal_in(journal_db, forging_life.NOW)
        await self._check_own(ledger, journal)
        [tip] = await ledger.get_headers(None, 1)
        is_own_new = tip.forger == self._own and tip.previous_hash == self._stored
        assert tip.block_hash in (self._stored, self._storing) or is_own_new, "an acknowledged block is gone"
        self._stored, self._storing = tip.block_hash, None
        await self._check_chain(ledger)
        await database.close()
        await journal_db.close()

    async def _check_own(self, ledger: SqliteLedger, journal: SqliteJournal) -> None:
        for block in await ledger.get_headers(1, ALL):
            if block.forger == self._own:
                # Whoever asks for it gets it: it has left.
                self.left.setdefault((block.round, block.sir), set()).add(block.block_hash)
        for (round_, sir), hashes in self.left.items():
            signed = await journal.get_hash(round_, sir)
            assert hashes == {signed}, f"two blocks for slot {sir} of {round_}"

    async def _check_chain(self, ledger: SqliteLedger) -> None:
        """As ``hn_check.py --chain`` does."""
        examiner = Examiner(self._params, self._verifier, FixedPowSource(self._params), LONG_AFTER)
        state = await ChainCheck(self._params, ledger, examiner).run()
        assert state.height == ledger.get_height().height
        assert state.breaks == []
