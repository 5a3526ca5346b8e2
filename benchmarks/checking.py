"""A stored chain checked from its first block on, taken in from a file, and packed into a snapshot.

The first two verify every signature and are held against the bare verify loop on all cores.  A snapshot
verifies none: it copies, and is held against a plain copy of the file.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.bounds import Bounds
from benchmarks.catching_up import make_folder, store
from benchmarks.chains import Party, count_messages, load_chain
from benchmarks.figures import Row, compute_noise, say, time_await, time_call
from hypernode.app.verifier import ThreadVerifier
from hypernode.core.types import Block
from hypernode.node.chain.chain_check import ChainCheck
from hypernode.node.chain.chain_import import LedgerChain, import_chain
from hypernode.node.chain.examiner import Examiner
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.storage.archive.snapshot import write_snapshot
from hypernode.storage.database import open_database
from hypernode.storage.ledger import open_ledger, open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase

TARGET = 0.6
MARGIN_S = 100.0


async def measure(party: Party, bounds: Bounds, blocks: int, messages: int, runs: int) -> list[Row]:
    """``runs`` of each in turn, on a chain of ``blocks`` blocks of ``messages``."""
    chain = await load_chain(party, blocks, messages)
    works = {"check of the whole chain": _check, "import of a ledger": _import}
    rates: dict[str, list[float]] = {name: [] for name in works}
    ratios: dict[str, list[float]] = {name: [] for name in works}
    snapshots: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, numbers = Path(name), count()
        await store(party, folder, chain)
        source = folder / "ledger.db"
        for run in range(runs):
            for work, measure_one in works.items():
                say(f"{work}, run {run + 1} of {runs}")
                before = bounds.measure_all()
                took = await measure_one(party, chain, source, make_folder(folder, numbers))
                rates[work].append(count_messages(chain) / took)
                ratios[work].append(rates[work][-1] / bounds.mean_all(before))
            say(f"snapshot, run {run + 1} of {runs}")
            snapshots.append(await _snapshot(party, chain, source, make_folder(folder, numbers)))
    rows = [_make_row(work, rates[work], ratios[work], bounds, len(chain), messages) for work in works]
    copies = [took / copied for took, copied in snapshots]
    shown = f"{median(took for took, _ in snapshots):.2f} s, {median(copies):.1f} × the bound"
    bound = f"a copy of the file: {median(copied for _, copied in snapshots):.2f} s"
    return [*rows, Row("snapshot of that ledger", shown, bound, figures={"ratio": median(copies)})]


def _make_row(
    work: str, rates: list[float], ratios: list[float], bounds: Bounds, blocks: int, messages: int
) -> Row:
    ratio = median(ratios)
    return Row(
        f"{work}, {blocks} blocks of {messages} messages",
        f"{median(rates):,.0f} messages/s, {ratio:.2f} of the bound",
        f"bare verify on {bounds.cores} cores: {median(bounds.all):,.0f}/s",
        f"≥ {TARGET} of the bound",
        ratio >= TARGET,
        {"ratio": ratio, "per_second": median(rates)},
        compute_noise(ratios),
    )


def _make_examiner(party: Party, chain: list[Block], stack: AsyncExitStack) -> Examiner:
    verifier = ThreadVerifier()
    stack.callback(verifier.close)
    now = chain[-1].timestamp + MARGIN_S
    return Examiner(party.params, verifier, FixedPowSource(party.params), now)


async def _check(party: Party, chain: list[Block], source: Path, folder: Path) -> float:
    """Seconds of ``hn_check.py``'s walk."""
    async with AsyncExitStack() as stack:
        ledger = await open_ledger_to_read(SnapshotDatabase(source), party.params)
        stack.push_async_callback(ledger.close)
        check = ChainCheck(party.params, ledger, _make_examiner(party, chain, stack))
        took = await time_await(check.run)
        if check.state.height != len(chain) or check.state.breaks:
            raise RuntimeError("the check found something in a good chain")
    return took


async def _import(party: Party, chain: list[Block], source: Path, folder: Path) -> float:
    """Seconds of ``ledger import`` into an empty ledger."""
    async with AsyncExitStack() as stack:
        theirs = await open_ledger_to_read(SnapshotDatabase(source), party.params)
        stack.push_async_callback(theirs.close)
        ours = await open_ledger(await open_database(folder / "ledger.db"), party.params)
        stack.push_async_callback(ours.close)
        examiner = _make_examiner(party, chain, stack)
        took = await time_await(
            lambda: import_chain(party.params, ours, LedgerChain(theirs), examiner, needs_companion=True)
        )
        if ours.get_height().height != len(chain):
            raise RuntimeError("not all of the chain was taken in")
    return took


async def _snapshot(party: Party, chain: list[Block], source: Path, folder: Path) -> tuple[float, float]:
    """Seconds, and those of a plain copy."""
    copied = time_call(lambda: shutil.copyfile(source, folder / "copy.db"))
    work = folder / "work"
    work.mkdir()
    target, created = folder / "snapshot.tar.gz", chain[-1].timestamp
    took = await time_await(lambda: write_snapshot(source, party.params, target, work, created))
    return took, copied
