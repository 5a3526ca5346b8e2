"""What the node knows at one moment: fresh heights, our own slot, since when better chains are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.machine.peers import compute_freshness_s
from tests.unit.node.beds import ROUND, Bed, note_height, play, store
from tests.unit.node.duty.jurors import juror_node


def test_a_height_counts_for_as_long_as_is_agreed() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        note_height(bed, node, 1, node.chain.height).reported_at = bed.clock.monotonic()
        fresh_s = compute_freshness_s(bed.params.delays)
        assert len((await node.view_builder.look()).peers) == 1
        await asyncio.sleep(fresh_s - 0.1)
        assert len((await node.view_builder.look()).peers) == 1
        await asyncio.sleep(0.1)
        assert (await node.view_builder.look()).peers == ()

    play(scenario())


def test_messages_are_counted_in_our_own_slot_only() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan = await juror_node(bed)
        view = await node.view_builder.look()
        assert (view.round, view.sir, view.juror) == (ROUND, 0, node.ports.signer.address)
        assert (view.messages, view.senders, view.can_seal) == (4, 4, True)
        other = next(sir for sir in range(19) if plan.juror_of(sir) != node.ports.signer.address)
        bed.go_to(ROUND, other)
        view = await node.view_builder.look()
        assert (view.messages, view.can_seal) == (0, False)

    play(scenario())


def test_a_slot_is_signed_when_the_journal_has_it() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, _ = await juror_node(bed)
        assert not (await node.view_builder.look()).is_slot_signed
        await node.ports.journal.record(ROUND, 0, b"h" * 20)
        assert (await node.view_builder.look()).is_slot_signed
        bed.go_to(ROUND, 1)
        assert not (await node.view_builder.look()).is_slot_signed

    play(scenario())


def test_a_plan_is_current_in_its_round_and_on_its_reference_block() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        view = await node.view_builder.look()
        assert (view.is_plan_current, view.is_round_new) == (True, False)
        bed.go_to(ROUND + 1, 0)
        view = await node.view_builder.look()
        assert (view.is_plan_current, view.is_round_new) == (False, True)
        bed.go_to(ROUND, 5)
        # a block of an earlier round comes, from which the lists would follow
        await store(bed, node.ports.ledger, (ROUND - 1, 3))
        view = await node.view_builder.look()
        assert (view.is_plan_current, view.is_round_new) == (False, False)

    play(scenario())


def test_since_when_a_better_chain_is_told_begins_anew_with_our_tip() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 6)
        assert (await node.view_builder.look()).better_since is None
        better = replace(
            node.chain.height, height=9, round=ROUND, sir=5, block_hash=b"b" * 20, forgers_round=9
        )
        peer = note_height(bed, node, 1, better)
        peer.reported_at = bed.clock.monotonic()
        first = bed.clock.monotonic()
        assert (await node.view_builder.look()).better_since == first
        await asyncio.sleep(3)
        assert (await node.view_builder.look()).better_since == first
        await store(bed, node.ports.ledger, (ROUND, 0))
        assert (await node.view_builder.look()).better_since == bed.clock.monotonic()
        node.peers.remove(peer)
        assert (await node.view_builder.look()).better_since is None

    play(scenario())
