"""The witness before a ledger: which changes are a node's own, and which an operator's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hypernode.core.types import Block, ChainHeight, Round, Slot
from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.archive import Archive
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.invariants.of_change import chains_change_for_the_better
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.scenario import Scenario
from hypernode.sim.witness import WatchedLedger
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from tests.unit.storage.chains import NETWORK, block, chain

SCENARIO = Scenario(seed=1, nodes=3, kinds=())


def play(act: Callable[[Watch, WatchedLedger], Awaitable[None]], present: tuple[Round, Slot]) -> None:
    """Host 1 holds four blocks; its clock says ``present``."""

    async def whole() -> None:
        cluster = FaultCluster(SCENARIO.nodes, SCENARIO.seed, SCENARIO.make_network())
        watch = Watch(cluster, Archive(cluster.params, ScriptedPowSource(cluster.script, cluster.clock.now)))
        ledger = await open_ledger(InlineDatabase(), NETWORK)
        watched = WatchedLedger(ledger, 1, cluster.witness, lambda: present, cluster.clock.now)
        await watched.append_many(chain(4))
        await act(watch, watched)

    run(whole(), loop_type=HoldingLoop)


def is_other(theirs: ChainHeight, ours: ChainHeight) -> bool:
    return theirs.block_hash != ours.block_hash


@pytest.mark.parametrize(
    ("present", "to_height", "is_wrong"),
    [((2, 5), 3, True), ((1, 2), 2, True), ((1, 1), 2, False), ((2, 5), 4, False)],
    ids=["a slot that has begun", "one of two has begun", "neither has begun", "nothing is dropped"],
)
def test_a_node_drops_blocks_by_itself_only_before_their_time(
    present: tuple[Round, Slot], to_height: int, *, is_wrong: bool
) -> None:
    async def act(watch: Watch, ledger: WatchedLedger) -> None:
        dropped = await ledger.rollback(to_height)
        assert len(dropped) == 4 - to_height
        if is_wrong:
            with pytest.raises(InvariantFailed, match="node 1 left"):
                await chains_change_for_the_better(watch)
        await chains_change_for_the_better(watch)
        assert watch.cluster.witness.operator[1] == 0

    play(act, present)


async def replace(ledger: WatchedLedger, common: int, salt: str) -> None:
    """All above ``common`` by one block, which is worse."""
    [parent] = await ledger.get_headers(common, 1)
    outcome = await ledger.replace(common, [make_worse(parent, salt)], is_other)
    assert outcome.adopted


def make_worse(parent: Block, salt: str) -> Block:
    return block(parent, 1, parent.height, salt=salt)


def test_a_worse_chain_is_excused_only_where_the_override_names_it() -> None:
    async def act(watch: Watch, ledger: WatchedLedger) -> None:
        witness = watch.cluster.witness
        [parent] = await ledger.get_headers(2, 1)
        witness.ordered[1] = make_worse(parent, "ordered").block_hash
        await replace(ledger, 2, "other")
        with pytest.raises(InvariantFailed, match="node 1 left"):
            await chains_change_for_the_better(watch)
        await replace(ledger, 2, "ordered")
        await chains_change_for_the_better(watch)
        assert witness.operator[1] == 1
        # Once it is there, the order is done.
        assert not witness.ordered
        await replace(ledger, 1, "another")
        with pytest.raises(InvariantFailed, match="node 1 left"):
            await chains_change_for_the_better(watch)

    play(act, (2, 5))


def test_a_replacement_of_blocks_older_than_two_rounds_is_found() -> None:
    async def act(watch: Watch, ledger: WatchedLedger) -> None:
        [parent] = await ledger.get_headers(2, 1)
        branch = chain(9, salt="better", parent=parent)
        await ledger.replace(2, branch, is_other)
        with pytest.raises(InvariantFailed, match="node 1 replaced a block of round 1 in 4"):
            await chains_change_for_the_better(watch)

    play(act, (4, 5))


def test_a_crash_right_after_blocks_were_dropped_hides_nothing() -> None:
    async def act(watch: Watch, ledger: WatchedLedger) -> None:
        watch.cluster.witness.armed[1] = 1
        watch.cluster.witness.on_trap = lambda index: None
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await ledger.rollback(3)
        assert ledger.get_height().height == 3
        assert [change.after.height for change in watch.cluster.witness.reorganisations] == [3]

    play(act, (2, 5))
