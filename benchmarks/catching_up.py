"""A whole chain fetched from another process over loopback, verified in full and stored.

Both ends are what the daemon runs: sessions over Tornado's streams, the synchroniser, every rule, a ledger on
disk.  The peer's share of the two cores is in the figure, as it is in the target's.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.chains import ORIGIN, Party, count_messages, load_chain, make_ip, make_messages, make_party
from benchmarks.figures import Row, time_await, time_call
from benchmarks.other_end import start_other_end
from benchmarks.server import INDEX
from benchmarks.verifying import BareLoop
from benchmarks.worlds import open_node
from hypernode.core.types import Block, ChainHeight
from hypernode.machine.peers import PeerView, Support, ToldChain
from hypernode.storage.database import open_database
from hypernode.storage.ledger import open_ledger

TARGET = 18_000


async def measure(party: Party, blocks: int, messages: int, runs: int) -> list[Row]:
    """``runs`` nodes, each from an empty ledger up to a chain of ``blocks`` blocks of ``messages``."""
    chain = await load_chain(party, blocks, messages)
    rates, bare = [], []
    loop = BareLoop(make_messages(party, 1500, ORIGIN + 100_000))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        height = await _store(party, folder, chain)
        async with _serve(party, folder) as port:
            for number in range(runs):
                bare.append(1500 / time_call(loop.run))
                rates.append(
                    count_messages(chain) / await _catch_up(party, make_folder(folder, number), port, height)
                )
    rate = median(rates)
    return [
        Row(
            f"catch up over loopback, blocks of {messages} messages, two cores",
            f"{rate:,.0f} messages/s, {rate / median(bare):.2f} of the bound",
            f"bare verify loop, one core: {median(bare):,.0f}/s",
            f"≥ {TARGET:,} messages/s",
            rate >= TARGET,
            {"per_second": rate, "ratio": rate / median(bare)},
        )
    ]


def make_folder(folder: Path, number: int) -> Path:
    """A folder of its own for a node."""
    made = folder / str(number)
    made.mkdir()
    return made


async def _store(party: Party, folder: Path, chain: list[Block]) -> ChainHeight:
    """Put the chain into a ledger of that folder; its height."""
    ledger = await open_ledger(await open_database(folder / "ledger.db"), party.params)
    try:
        for start in range(0, len(chain), 100):
            await ledger.append_many(chain[start : start + 100])
        return ledger.get_height()
    finally:
        await ledger.close()


@asynccontextmanager
async def _serve(party: Party, folder: Path) -> AsyncIterator[int]:
    """A peer with the ledger of that folder; the port that it listens on."""
    async with start_other_end("benchmarks.server", str(folder), str(len(party.addresses))) as other:
        yield other.said["port"]


async def _catch_up(party: Party, folder: Path, port: int, height: ChainHeight) -> float:
    """Seconds that a new node takes."""
    ours = make_party(len(party.addresses))
    listed = list(ours.params.hypernodes)
    listed[INDEX] = replace(listed[INDEX], port=port)
    ours = replace(ours, params=replace(ours.params, hypernodes=tuple(listed)))
    async with open_node(ours, 0, folder) as node:
        holder = PeerView("peer", make_ip(INDEX), party.addresses[INDEX], height, 0.0, True, True)
        told = ToldChain(height, (holder,))
        took = await time_await(lambda: node.sync.catch_up(told, Support(1, 1)))
        if node.chain.height != height:
            raise RuntimeError(f"caught up to {node.chain.height.height} of {height.height}")
    return took
