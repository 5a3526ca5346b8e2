"""Who counts, through the parts of a node: it governs what we decide; the doors go by who is registered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from hypernode.core.rules import Rule
from hypernode.core.types import PeerTest, Round
from hypernode.node.owner.runtime import Node
from hypernode.ports.registrations import RegisteredList
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, FakeCaller, ask, enter_round, note_height, play
from tests.unit.node.chain.weighed import COUNTED, Weighed

SIZE = 40


async def make_node(bed: Bed, index: int = 0) -> Node:
    return await bed.node(index, pow_source=Weighed(bed))


def list_jurors(bed: Bed, node: Node) -> frozenset[int]:
    assert node.node_state.plan is not None
    return frozenset(bed.index_of(juror.address) for juror in node.node_state.plan.jurors)


def test_only_who_counts_is_dialled() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        node = await make_node(bed)
        assert {bed.index_of(pos) for pos in node.node_state.connect_to} == COUNTED - {0}
        assert len(bed.params.hypernodes) == SIZE

    play(scenario())


def test_shares_are_of_who_counts_and_jurors_are_heard_beside() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        node = await make_node(bed)
        own = node.chain.height
        for n in range(1, SIZE):
            note_height(bed, node, n, own if n in COUNTED else replace(own, block_hash=b"o" * 20))
        view = await node.view_builder.look()
        jurors = list_jurors(bed, node)
        assert jurors - COUNTED
        assert {bed.index_of(peer.address) for peer in view.peers} == (COUNTED | jurors) - {0}
        consensus = node.node_state.consensus
        assert consensus is not None
        assert (consensus.agree, consensus.counted, consensus.percent) == (5, 6, 83)
        assert consensus.jurors_seen == consensus.jurors_agree == len((jurors & COUNTED) - {0})
        assert consensus.chains == 1
        assert view.connected == 5

    play(scenario())


def test_a_block_goes_to_who_counts_and_to_every_juror() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        node = await make_node(bed)
        block = await (await Branch.on(bed, node.ports.ledger)).add(ROUND, 0)
        plan, parent = node.node_state.plan, node.chain.height
        assert plan is not None
        heard = {}
        for n in range(1, SIZE):
            note_height(bed, node, n, parent)

            async def take(caller: object, command: object) -> None:
                return None

            heard[n] = await bed.script(n, take)
        expected = (COUNTED | list_jurors(bed, node)) - {0}
        assert len(expected) < SIZE - 1
        await node.ports.ledger.append(block)
        assert await node.forger.send(block, plan) == len(expected)
        await asyncio.sleep(1.0)
        assert {n for n, commands in heard.items() if commands} == expected

    play(scenario())


def test_uncounted_senders_stay_out_unless_legacy_nodes_seal_theirs() -> None:
    async def scenario() -> None:
        for mixed in (False, True):
            bed = Bed(SIZE, mixed=mixed, sender_quota=8)
            node = await make_node(bed)
            now = bed.clock.now()
            for sender, most in ((1, 8), (20, 2 if mixed else 0)):
                verdicts = await node.intake.submit([bed.message(sender, now) for _ in range(9)])
                assert [verdict is None for verdict in verdicts] == [True] * most + [False] * (9 - most)
                assert verdicts[-1] is not None
                assert verdicts[-1].rule is (Rule.QUOTA if most else Rule.M6)

    play(scenario())


def test_the_block_of_a_juror_that_does_not_count_is_taken_all_the_same() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        node = await make_node(bed)
        plan = node.node_state.plan
        assert plan is not None
        sir = next(s for s, j in enumerate(plan.jurors) if bed.index_of(j.address) not in COUNTED)
        bed.go_to(ROUND, sir)
        block = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, sir)
        assert bed.index_of(block.forger) not in COUNTED
        caller = FakeCaller(bed.ip(bed.index_of(block.forger)))
        await node.serving.handle(caller, ask(CommandId.BLOCK, blocks=(block,)))  # type: ignore[arg-type]
        assert node.chain.height.block_hash == block.block_hash

    play(scenario())


def test_who_counted_in_the_round_before_counts_for_one_more() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        source = Weighed(bed, range(10))
        node = await bed.node(pow_source=source)
        bed.go_to(ROUND + 1, 0)
        before = await source.get_registered(ROUND)
        later = Weighed(bed)

        async def get_registered(round_: Round) -> RegisteredList:
            return before if round_ <= ROUND else await later.get_registered(round_)

        source.get_registered = get_registered  # type: ignore[method-assign]
        await enter_round(node)
        counted = node.node_state.counted
        assert {bed.index_of(a) for a in counted.present} == COUNTED
        assert {bed.index_of(a) for a in counted.addresses} == set(range(10))
        assert node.peers.is_counted_ip(bed.ip(9))
        assert not node.peers.is_counted_ip(bed.ip(10))
        assert node.peers.is_registered_ip(bed.ip(10))

    play(scenario())


def test_the_status_says_who_does_not_count_and_why() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        node = await make_node(bed, 20)
        status = await node.views.get_status()
        meta, state = cast("dict[str, Any]", status["meta"]), cast("dict[str, Any]", status["state"])
        assert (meta["counted_hns_count"], meta["uncounted_hns_count"]) == (len(COUNTED), SIZE - len(COUNTED))
        assert meta["uncounted_why"] == {"collateral moved on": SIZE - len(COUNTED)}
        assert meta["uncounted_hns"][bed.address(7)] == "collateral moved on"
        assert state["uncounted"] == "collateral moved on"
        assert node.views.get_round()["uncounted"] == meta["uncounted_hns"]
        counted = (await (await make_node(bed)).views.get_status())["state"]
        assert cast("dict[str, Any]", counted)["uncounted"] == ""

    play(scenario())


def test_who_does_not_count_does_not_move_our_clock() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        node = await make_node(bed)
        plan = node.node_state.plan
        assert plan is not None

        async def answer(caller: object, command: Command) -> Command:
            reported = replace(command.messages[0], value=1)
            return Command(CommandId.TEST, messages=(reported,))

        for n in range(1, 12):
            note_height(bed, node, n, None)
            await bed.script(n, answer)
            await node.tester.run(PeerTest(bed.address(0), bed.address(n), 0), plan, 0)
        assert len(node.offsets._told) == len(COUNTED) - 1

    play(scenario())


def test_a_collateral_that_a_rollback_moved_on_makes_the_lists_stale() -> None:
    async def scenario() -> None:
        bed = Bed(SIZE)
        source = Weighed(bed)
        node = await bed.node(pow_source=source)
        await node.companion.check(())
        assert not node.companion.is_list_stale
        source.weights = (1, 1, 0, *source.weights[3:])
        bed.clock.step(0.0)
        node.companion._checked = float("-inf")
        await node.companion.check(())
        assert node.companion.is_list_stale

    play(scenario())
