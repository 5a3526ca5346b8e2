"""Syncing beside the owner: what keeps it going, what ends it; a silent peer keeps us from nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from hypernode.core.errors import InvariantBroken
from hypernode.core.params.chain_params import Delays
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import ChainHeight, Registration
from hypernode.machine.decide import GoOn
from hypernode.machine.peers import Support
from hypernode.machine.shown_state import ShownState
from hypernode.machine.state import State
from hypernode.net.answer import read_answer
from hypernode.net.caller import Caller
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.connector import Connector
from hypernode.node.rpc.handlers import Handler
from hypernode.node.sync.synchroniser import Synchroniser
from hypernode.ports.storage_faults import StorageFault
from hypernode.sim.cluster import Cluster
from hypernode.sim.corruptible import answer_by
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, play, reported_by, store

FIRST = 3
"""The first whole round of a cluster."""


def make_boast(reported: ChainHeight, number: int) -> ChainHeight:
    """A tip that there is not, better than any; with another number another one."""
    return ChainHeight(reported.height + 1, reported.round, reported.sir, number.to_bytes(20), 99, 99, 99, 99)


def make_boaster(honest: Handler) -> Handler:
    """Tells a chain that it does not have, another one each time."""
    told_so_far = count()

    async def answer(caller: Caller, command: Command) -> Command | None:
        answered = await honest(caller, command)
        assert answered is not None
        truth = await read_answer(answered)
        assert truth.height is not None
        boast = make_boast(truth.height, next(told_so_far))
        return Command(CommandId.HEIGHT, height=boast, height_forger=truth.height_forger)

    return answer


class Hermit(Connector):
    """Dials nobody."""

    def set_targets(self, targets: Sequence[Registration], group: asyncio.TaskGroup) -> None:
        return None


async def _keep_silent(caller: Caller, command: Command) -> Command | None:
    await asyncio.sleep(100_000)
    return None


async def _fail_in_time(caller: Caller, command: Command) -> Command | None:
    await asyncio.sleep(0.8 * Delays().grace_s)
    return Command(command.id, blocks=())


async def _tell_again_and_again(cluster: Cluster, liar: Node) -> None:
    """What a liar can do over a connection of its own: tell a new boast before the last one is found out."""
    for number in count(1 << 64):
        for node in [host.node for host in cluster.hosts[:4] if host.node is not None]:
            for peer in node.peers.list_all():
                if node.peers.find_address(peer) == liar.ports.signer.address:
                    node.views.note_height(peer, make_boast(node.chain.height, number), None)
        await asyncio.sleep(4)


async def _let_one_boast(
    seed: int, answer: Handler, slots: int, *, unasked: bool = False
) -> tuple[dict[str, list[float]], list[str]]:
    """For each honest juror of the first slots of a round, how many seconds after the start of each of its
    slots it forged; and the logs.  One of the nodes tells a better chain all along, ``unasked`` too, and
    answers whatever it is asked about it with ``answer``."""
    cluster = Cluster(5, seed)
    for index in range(4):
        await cluster.start(index)
    # It dials nobody: over its own connections it would tell the truth.
    cluster.makers = replace(cluster.makers, connector=Hermit)
    liar = await cluster.start(4)
    answer_by(liar, CommandId.HEIGHT, make_boaster(liar.serving.handlers[CommandId.HEIGHT]))
    for command_id in (CommandId.ROUNDBLOCKS, CommandId.BLOCKINFO, CommandId.BLOCKSYNC):
        answer_by(liar, command_id, answer)
    teller = asyncio.create_task(_tell_again_and_again(cluster, liar)) if unasked else None
    await cluster.run_until(FIRST, slots)
    if teller is not None:
        teller.cancel()
    node = cluster.hosts[0].node
    assert node is not None
    plan = await node.ports.ledger.get_plan(FIRST)
    assert plan is not None
    delays: dict[str, list[float]] = {}
    for sir, juror in enumerate(plan.jurors[:slots]):
        block = await node.ports.ledger.get_block_of_slot(FIRST, sir)
        if juror.address != liar.ports.signer.address:
            start = compute_slot_start(cluster.params, FIRST, sir)
            delays.setdefault(juror.address, []).append(
                math.inf if block is None else block.timestamp - start
            )
    log = [line for host in cluster.hosts[:4] for line in host.log]
    await cluster.stop_all()
    return delays, log


def test_a_silent_peer_with_a_better_chain_keeps_nobody_from_forging() -> None:
    async def scenario() -> None:
        delays, log = await _let_one_boast(11, _keep_silent, 19)
        # It was asked, and answered nothing until the time was out.
        assert any("sync from" in line and "failed" in line for line in log)
        latest = Delays().earliest_forging_s + Delays().grace_s + 1
        late = {address: slots for address, slots in delays.items() if max(slots) > latest}
        assert late == {}

    play(scenario())


def test_a_peer_with_ever_new_better_chains_keeps_nobody_from_forging() -> None:
    async def scenario() -> None:
        delays, log = await _let_one_boast(11, _fail_in_time, 6, unasked=True)
        assert sum("promise not kept" in line for line in log) > 50
        late = {address: slots for address, slots in delays.items() if max(slots) > 60}
        assert late == {}

    play(scenario())


def test_a_sync_is_stopped_between_changes_of_the_chain_and_not_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 6)
        await store(bed, node.ports.ledger, (ROUND, 0))
        better = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 1), (ROUND, 2))
        reported = await reported_by(bed, *better)
        inside, ended = asyncio.Event(), list[ChainHeight]()
        derive = node.rounds.derive

        async def derive_slowly(*rest: Any) -> Any:
            inside.set()
            await asyncio.sleep(5)
            return await derive(*rest)

        async def work() -> None:
            try:
                await node.chain.adopt(0, better, reported, Support(5, 5))
                await asyncio.sleep(1_000)
            finally:
                ended.append(node.chain.height)

        monkeypatch.setattr(node.rounds, "derive", derive_slowly)
        async with asyncio.TaskGroup() as group:
            await node.sync_task.stop()  # of nothing
            node.sync_task.start(group, work)
            await inside.wait()
            await node.sync_task.stop()
        assert ended == [reported]
        # What our blocks had and theirs have not is back: nothing of the change was cut off.
        assert len(node.mempool) == 4

    play(scenario())


def get_age(node: Node) -> float | None:
    """Seconds since the sync showed that it is alive."""
    alive_at = node.sync_task.alive_at
    return None if alive_at is None else round(node.ports.clock.monotonic() - alive_at, 3)


def test_a_sync_is_alive_when_it_begins_and_when_our_chain_changes() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        task = node.sync_task
        async with asyncio.TaskGroup() as group:
            task.start(group, lambda: asyncio.sleep(100))
            await asyncio.sleep(9)
            assert get_age(node) == 9
            node.events.on_tip()
            assert get_age(node) == 0
            task.show(State.ROUND_SYNC, "words")
            node.activities.note_decision(GoOn())
            assert node.activities.shown == ShownState(State.ROUND_SYNC, "words")
            await task.stop()
            assert get_age(node) is None
            assert node.activities.shown.state is State.SYNCING

    play(scenario())


@pytest.mark.parametrize(
    ("fault", "halted"),
    [(StorageFault("disk full"), ""), (InvariantBroken("no"), "a bug of ours: no")],
)
def test_what_a_sync_ends_by_is_dealt_with_as_by_the_owner(
    fault: Exception, halted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*rest: Any) -> bool:
        raise fault

    monkeypatch.setattr(Synchroniser, "sync_round", fail)

    async def scenario() -> None:
        cluster = Cluster(4, 12)
        await cluster.start_all()
        await cluster.run_until(FIRST, 3)
        node = cluster.hosts[0].node
        assert node is not None
        await node.chain.rollback(node.chain.height.height - 1)
        cluster.hosts[0].log.clear()
        await asyncio.sleep(60)
        assert any("state HALTED" in line for line in cluster.hosts[0].log)
        assert node.node_state.halted == halted
        await cluster.stop_all()

    play(scenario())
