"""A whole chain fetched over loopback, verified in full and stored.

Our end is what the daemon runs: sessions over Tornado's streams, the synchroniser, every rule, processes that
verify, a ledger on disk.  The peer is another node on the same cores, or one elsewhere: a process that has
every answer ready, so that its share of the cores is next to nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.bounds import Bounds
from benchmarks.chains import Party, count_messages, load_chain, make_ip, make_party
from benchmarks.figures import Row, compute_noise, say, time_await
from benchmarks.nodes import open_node
from benchmarks.other_end import start_other_end
from benchmarks.server import INDEX
from hypernode.core.types import Block, ChainHeight
from hypernode.machine.peers import PeerView, ReportedChain, Support
from hypernode.storage.database import open_database
from hypernode.storage.ledger import open_ledger

SAME_TARGET = 0.55
ELSEWHERE_TARGET = 0.65


async def measure(party: Party, bounds: Bounds, blocks: int, messages: int, runs: int) -> list[Row]:
    """``runs`` nodes each way, from an empty ledger up to a chain of ``blocks`` blocks of ``messages``."""
    chain = await load_chain(party, blocks, messages)
    total = count_messages(chain)
    rates: dict[str, list[float]] = {"same": [], "elsewhere": []}
    ratios: dict[str, list[float]] = {"same": [], "elsewhere": []}
    with tempfile.TemporaryDirectory() as name:
        folder, numbers = Path(name), count()
        height = await store(party, folder, chain)
        async with (
            start_other_end("benchmarks.server", str(folder), str(len(party.addresses))) as same,
            start_other_end(
                "benchmarks.canned", *map(str, (len(party.addresses), blocks, messages))
            ) as elsewhere,
        ):
            ports = {"same": same.said["port"], "elsewhere": elsewhere.said["port"]}
            for run in range(runs):
                for where, port in ports.items():
                    say(f"catching up, run {run + 1} of {runs}, peer: {where}")
                    before = bounds.measure_all()
                    took = await _catch_up(party, make_folder(folder, numbers), port, height)
                    rates[where].append(total / took)
                    ratios[where].append(total / took / bounds.mean_all(before))
    work = f"catch up over loopback, {blocks} blocks of {messages} messages"
    return [
        _make_row(f"{work}, peer on the same cores", rates["same"], ratios["same"], bounds, SAME_TARGET),
        _make_row(
            f"{work}, peer elsewhere", rates["elsewhere"], ratios["elsewhere"], bounds, ELSEWHERE_TARGET
        ),
    ]


def _make_row(work: str, rates: list[float], ratios: list[float], bounds: Bounds, target: float) -> Row:
    ratio = median(ratios)
    return Row(
        work,
        f"{median(rates):,.0f} messages/s, {ratio:.2f} of the bound",
        f"bare verify on {bounds.cores} cores: {median(bounds.all):,.0f}/s",
        f"≥ {target} of the bound",
        ratio >= target,
        {"ratio": ratio, "per_second": median(rates)},
        compute_noise(ratios),
    )


def make_folder(folder: Path, numbers: Iterator[int]) -> Path:
    """A folder of its own for a node."""
    made = folder / str(next(numbers))
    made.mkdir()
    return made


async def store(party: Party, folder: Path, chain: list[Block]) -> ChainHeight:
    """Put the chain into a ledger of that folder; its height."""
    ledger = await open_ledger(await open_database(folder / "ledger.db"), party.params)
    try:
        for start in range(0, len(chain), 100):
            await ledger.append_many(chain[start : start + 100])
        return ledger.get_height()
    finally:
        await ledger.close()


async def _catch_up(party: Party, folder: Path, port: int, height: ChainHeight) -> float:
    """Seconds that a new node takes."""
    ours = make_party(len(party.addresses))
    listed = list(ours.params.hypernodes)
    listed[INDEX] = replace(listed[INDEX], port=port)
    ours = replace(ours, params=replace(ours.params, hypernodes=tuple(listed)))
    async with open_node(ours, 0, folder) as node:
        holder = PeerView("peer", make_ip(INDEX), party.addresses[INDEX], height, 0.0, True, True)
        reported = ReportedChain(height, (holder,))
        took = await time_await(lambda: node.sync.catch_up(reported, Support(1, 1)))
        if node.chain.height != height:
            raise RuntimeError(f"caught up to {node.chain.height.height} of {height.height}")
    return took
