"""The invariants that need calm name the hosts that are to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from hypernode.core.message import create_message
from hypernode.core.timeline import compute_round_slot
from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.archive import Archive
from hypernode.sim.holding import HoldingLoop
from hypernode.sim.invariants_in_calm import (
    all_agree_after_healing,
    calm_slots_are_filled,
    messages_get_into_the_chain,
)
from hypernode.sim.invariants_of_storage import rules_hold_for_what_is_stored
from hypernode.sim.loop import run
from hypernode.sim.scenario import Scenario
from hypernode.sim.troubled import TroubledCluster
from hypernode.sim.watch import InvariantFailed, Watch

SCENARIO = Scenario(seed=1, nodes=4, kinds=())
SLOTS = 5
"""Of calm."""


def look(check: Callable[[Watch], Awaitable[None]], spoil: Callable[[Watch], Awaitable[list[int]]]) -> None:
    """After some slots of calm the invariant holds; when something is spoiled, it names those whom ``spoil``
    returns, in this order."""

    async def scenario() -> None:
        cluster = TroubledCluster(SCENARIO.nodes, SCENARIO.seed, SCENARIO.make_network())
        watch = Watch(cluster, Archive(cluster.params, ScriptedPowSource(cluster.script, cluster.clock.now)))
        await cluster.start_all()
        await asyncio.sleep(cluster.begin_time + SLOTS * watch.slot_s - 2 - cluster.clock.now())
        await rules_hold_for_what_is_stored(watch)
        await check(watch)
        expected = await spoil(watch)
        with pytest.raises(InvariantFailed) as failure:
            await check(watch)
        assert list(failure.value.hosts) == expected
        await cluster.end_all()
        await cluster.stop_all()

    run(scenario(), loop_type=HoldingLoop)


def test_hosts_that_are_apart_are_named_and_one_that_is_not() -> None:
    async def spoil(watch: Watch) -> list[int]:
        tip = watch.tips[0].parent
        assert tip is not None
        for index in (2, 3):
            watch.tips[index] = replace(tip, header=replace(tip.header, block_hash=b"other".ljust(20)))
        return [2, 0, 3]

    look(all_agree_after_healing, spoil)


def test_jurors_of_empty_slots_are_named_the_last_first() -> None:
    async def spoil(watch: Watch) -> list[int]:
        cluster = watch.cluster
        round_, sir = compute_round_slot(cluster.params, cluster.clock.now())
        watch.calm_slots = [(round_, sir + later) for later in (1, 2, 3)]
        node = cluster.hosts[0].node
        assert node is not None
        assert node.present.plan is not None
        jurors = [node.present.plan.juror_of(sir + later) for later in (3, 2, 1)]
        hosts = {host.signer.address: host.index for host in cluster.hosts}
        return list(dict.fromkeys(hosts[juror] for juror in jurors if juror is not None))

    look(calm_slots_are_filled, spoil)


def test_holders_of_a_message_that_waits_are_named() -> None:
    async def spoil(watch: Watch) -> list[int]:
        signer = watch.cluster.hosts[3].signer
        now = int(watch.cluster.clock.now())
        message = create_message(
            signer.sign,
            signer.pubkey,
            timestamp=now,
            sender=signer.address,
            recipient=signer.address,
            what=0,
            params="",
        )
        for index in (1, 2):
            node = watch.cluster.hosts[index].node
            assert node is not None
            node.mempool.add(message)
        watch.noted_messages = {message.txid: 0.0}
        return [1, 2]

    look(messages_get_into_the_chain, spoil)
