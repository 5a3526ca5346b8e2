"""What needs calm: each invariant holds for a network that works, and breaks for a doctored one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from hypernode.core.message import create_message
from hypernode.core.signing import compute_twin
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Message
from hypernode.node.owner.runtime import Node
from hypernode.sim.archive import Filed
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.in_calm import (
    SEAL_BLOCKS,
    all_agree_after_healing,
    calm_slots_are_filled,
    look_at_agreement,
    messages_get_into_the_chain,
)
from hypernode.sim.invariants.of_storage import rules_hold_for_what_is_stored
from hypernode.sim.invariants.watch import NotedMessage, Watch
from tests.unit.sim.doctored import play


async def grow(watch: Watch) -> None:
    """The first blocks of a calm network: its tips are known, and all is well."""
    await watch.cluster.run_until(3, 2)
    await asyncio.sleep(watch.slot_s - 2.0)
    await rules_hold_for_what_is_stored(watch)
    await all_agree_after_healing(watch)


def get_node(watch: Watch, index: int) -> Node:
    node = watch.cluster.hosts[index].node
    assert node is not None
    return node


def extend(watch: Watch, tip: Filed, age_s: float, name: bytes) -> Filed:
    """A block on top, so many seconds old."""
    timestamp = int(watch.cluster.clock.now() - age_s)
    header = replace(
        tip.header,
        height=tip.header.height + 1,
        sir=tip.header.sir + 1,
        timestamp=timestamp,
        previous_hash=tip.header.block_hash,
        block_hash=name.ljust(20),
    )
    return Filed(header, tip, frozenset(), frozenset(), (), tip.measured)


# --- agreement ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "blocks", "calm_slots", "is_apart"),
    [(59, 1, 9.0, False), (61, 1, 9.0, True), (10, 2, 9.0, True), (61, 1, 2.0, True), (61, 1, 1.99, False)],
    ids=["a young tip", "an old tip", "two behind", "two slots of calm", "less calm"],
)
def test_who_is_behind_is_found_unless_the_tip_is_young(
    age_s: float, blocks: int, calm_slots: float, *, is_apart: bool
) -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        watch.calm_since = asyncio.get_running_loop().time() - calm_slots * watch.slot_s
        for number in range(blocks):
            watch.tips[2] = extend(watch, watch.tips[2], age_s, b"ahead %d" % number)
        if is_apart:
            with pytest.raises(InvariantFailed, match="all_agree_after_healing: the best is"):
                await all_agree_after_healing(watch)
        else:
            await all_agree_after_healing(watch)

    play(act)


def test_another_chain_of_the_same_height_is_found() -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        base = watch.tips[2]
        watch.tips = {n: extend(watch, base, 10, b"%d" % (n == 2)) for n in watch.tips}
        with pytest.raises(InvariantFailed, match="others are at"):
            await all_agree_after_healing(watch)

    play(act)


def test_a_look_at_agreement_sees_chains_as_they_are_now() -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        watch.tips[2] = extend(watch, watch.tips[2], 100, b"gone since")
        await look_at_agreement(watch)
        await watch.cluster.crash(1)
        await watch.cluster.run_until(3, 6)
        await watch.cluster.start(1)
        with pytest.raises(InvariantFailed, match=r"others are at \{1: "):
            await look_at_agreement(watch)

    play(act)


# --- messages -------------------------------------------------------------------------------------------


async def wait_for_blocks(watch: Watch, message: Message, blocks: int, txids: frozenset[bytes]) -> None:
    """A host's mempool holds the message; the chain grows by blocks, the last of which has those ids."""
    node = get_node(watch, 1)
    await messages_get_into_the_chain(watch)
    for number in range(blocks):
        tip = extend(watch, watch.tips[2], 1, b"block %d" % number)
        watch.tips[2] = replace(tip, txids=txids if number == blocks - 1 else frozenset())
        if message not in node.mempool.get_all():
            node.mempool.add(message)
        await messages_get_into_the_chain(watch)


async def say(watch: Watch) -> Message:
    node = get_node(watch, 1)
    message = await node.intake.publish(202, node.ports.signer.address, "TEST:0", 77)
    assert message is not None
    return message


def test_a_message_that_is_in_none_of_three_blocks_of_calm_is_found() -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        message = await say(watch)
        await wait_for_blocks(watch, message, SEAL_BLOCKS - 1, frozenset())
        with pytest.raises(InvariantFailed, match=f"a message of {message.sender} waits since block"):
            await wait_for_blocks(watch, message, 1, frozenset())

    play(act)


@pytest.mark.parametrize("is_twin", [False, True])
def test_a_message_in_the_third_block_and_its_twin_are_in_time(*, is_twin: bool) -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        message = await say(watch)
        txids = {message.txid, *(m.txid for host in watch.cluster.hosts for m in _list(host.node))}
        sealed = frozenset(compute_twin(txid) if is_twin else txid for txid in txids)
        await wait_for_blocks(watch, message, SEAL_BLOCKS, sealed)

    def _list(node: Node | None) -> tuple[Message, ...]:
        return tuple(node.mempool.get_all()) if node is not None else ()

    play(act)


def test_a_fault_begins_the_wait_again_and_a_refused_message_none() -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        message = await say(watch)
        await wait_for_blocks(watch, message, SEAL_BLOCKS - 1, frozenset())
        watch.calm_since = None
        await messages_get_into_the_chain(watch)
        watch.calm_since = 0.0
        await wait_for_blocks(watch, message, SEAL_BLOCKS - 1, frozenset())
        for host in watch.cluster.hosts:
            watch.cluster.spend_quota(host)
        await wait_for_blocks(watch, message, 1, frozenset())

    play(act)


# --- slots ----------------------------------------------------------------------------------------------


def test_slots_of_calm_without_a_block_are_found() -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        await calm_slots_are_filled(watch)
        await calm_slots_are_filled(watch)
        watch.tips = dict.fromkeys(watch.tips, watch.archive.root)
        with pytest.raises(InvariantFailed, match="calm_slots_are_filled: 3 of 3 slots of calm"):
            await calm_slots_are_filled(watch)

    play(act)


# --- who is named ---------------------------------------------------------------------------------------

SLOTS = 5
"""Of calm."""


def look(check: Callable[[Watch], Awaitable[None]], spoil: Callable[[Watch], Awaitable[list[int]]]) -> None:
    """After some slots of calm the invariant holds; when something is spoiled, it names those whom ``spoil``
    returns, in this order."""

    async def act(watch: Watch) -> None:
        await asyncio.sleep(watch.cluster.begin_time + SLOTS * watch.slot_s - 2 - watch.cluster.clock.now())
        await rules_hold_for_what_is_stored(watch)
        await check(watch)
        expected = await spoil(watch)
        with pytest.raises(InvariantFailed) as failure:
            await check(watch)
        assert list(failure.value.hosts) == expected

    play(act)


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
        assert node.node_state.plan is not None
        jurors = [node.node_state.plan.juror_of(sir + later) for later in (3, 2, 1)]
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
        watch.noted_messages = {
            message.txid: NotedMessage(message, watch.tips[0].header.height - SEAL_BLOCKS)
        }
        return [1, 2]

    look(messages_get_into_the_chain, spoil)
