"""The past of a branch, stored and not yet stored; and the lists that follow from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import InvariantBroken
from hypernode.node.chain.history import History
from tests.unit.node.beds import ROUND, Bed, Branch, play, store


def test_a_branch_in_memory_is_seen_like_a_stored_one() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        shared = await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1))
        await store(bed, node.ports.ledger, (ROUND, 2), (ROUND + 1, 0), after_s=18)
        branch = await Branch.on(bed, node.ports.ledger, 2)
        mine = await branch.grow((ROUND, 5), (ROUND + 1, 3), senders=(2, 3, 4, 5))
        other = await bed.node(1)
        await other.ports.ledger.append_many([*shared, *mine])
        stored = await History.at(other.ports.ledger, 4)
        unstored = branch.history
        assert unstored.common_height == 2
        assert unstored.tip == stored.tip
        for round_ in (ROUND - 1, ROUND, ROUND + 1, ROUND + 2):
            assert await unstored.get_reference(round_) == await stored.get_reference(round_)
            assert await unstored.get_seen(round_) == await stored.get_seen(round_)
            for sir in range(7):
                assert await unstored.is_slot_taken(round_, sir) == await stored.is_slot_taken(round_, sir)
        abandoned = await node.ports.ledger.get_blocks(3, 2)
        ids = [m.txid for block in (*shared, *mine, *abandoned) for m in block.messages]
        assert await unstored.get_known_ids(ids) == await stored.get_known_ids(ids)
        assert len(await stored.get_known_ids(ids)) == 16

    play(scenario())


def test_a_history_begins_at_a_block_that_is_there() -> None:
    async def scenario() -> None:
        node = await Bed().node()
        for height in (1, -1):
            with pytest.raises(InvariantBroken):
                await History.at(node.ports.ledger, height)

    play(scenario())


def test_equal_pasts_share_a_plan_and_others_do_not() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        empty = await node.rounds.derive(ROUND, await History.at(node.ports.ledger, 0))
        assert await node.rounds.derive(ROUND, await History.at(node.ports.ledger, 0)) is empty
        await store(bed, node.ports.ledger, (ROUND - 1, 0))
        changed = await node.rounds.derive(ROUND, await History.at(node.ports.ledger, 1))
        assert changed.reference_hash != empty.reference_hash
        assert set(changed.inactive) == {bed.address(n) for n in range(bed.size)} - (
            await node.ports.ledger.get_seen(ROUND - 1)
        )

    play(scenario())


def test_a_list_that_the_companion_corrects_makes_another_plan() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 5)
        node = await bed.node()
        history = await History.at(node.ports.ledger, 0)
        before = await node.rounds.derive(ROUND, history)
        source = node.ports.pow_source
        shorter = replace(bed.params, hypernodes=bed.params.hypernodes[:-1])
        source._params = shorter  # type: ignore[attr-defined]
        after = await node.rounds.derive(ROUND, history)
        assert len(after.registered) == len(before.registered) - 1

    play(scenario())


def test_before_round_0_nobody_is_registered() -> None:
    async def scenario() -> None:
        node = await Bed().node()
        assert await node.rounds.get_registered_before(0) == ()
        assert len(await node.rounds.get_registered_before(1)) == 6

    play(scenario())


def test_senders_are_those_of_two_lists_and_the_control_address() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        assert node.node_state.plan is not None
        expected = {bed.address(n) for n in range(bed.size)} | {bed.params.control_pos}
        assert await node.rounds.get_allowed_senders(node.node_state.plan) == expected

    play(scenario())
