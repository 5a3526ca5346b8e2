"""A round in one answer: what of it differs, and when it does not do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Block
from hypernode.machine.peers import PeerView
from hypernode.node.owner.runtime import Node
from hypernode.node.sync.block_source import NoHolderLeft
from hypernode.node.sync.round_answer import NeedsCatchUp, RoundAnswer, ask_round
from tests.unit.node.beds import Bed, make_reported, play
from tests.unit.node.sync.serving import measure, serve_blocks, two_chains


async def ask(bed: Bed, node: Node, blocks: list[Block], told_blocks: list[Block]) -> RoundAnswer:
    """Of hypernode 2, which has ``blocks`` and told the tip of ``told_blocks``."""
    await bed.script(2, serve_blocks(blocks))
    reported = make_reported(bed, await measure(bed, told_blocks), 2)
    return await ask_round(node.dialler.borrow, node.ports.ledger, reported.holders[0], reported.height)


def test_what_is_equal_stays_and_the_rest_is_given_with_its_giver() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        answer = await ask(bed, node, better, better)
        assert (answer.common, answer.is_empty) == (2, False)
        assert [part async for part in answer.parts()] == [better[2:]]
        givers = [answer.get_giver(height) for height in (2, 3, 5, 6)]
        assert [giver and giver.address for giver in givers] == [None, bed.address(2), bed.address(2), None]
        assert answer.list_sessions() == []

    play(scenario())


def test_blocks_beyond_the_told_tip_are_left_out() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        answer = await ask(bed, node, better, better[:-1])
        assert [part async for part in answer.parts()] == [better[2:-1]]

    play(scenario())


def test_a_part_of_our_own_chain_is_empty() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await two_chains(bed, node)
        own = await node.ports.ledger.get_blocks(1, 3)
        answer = await ask(bed, node, own, own)
        assert (answer.common, answer.is_empty) == (3, True)

    play(scenario())


def test_an_answer_without_the_told_tip_breaks_a_promise() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        with pytest.raises(Reject) as refusal:
            await ask(bed, node, better[:-1], better)
        assert refusal.value.rule is Rule.PROMISE

    play(scenario())


def test_a_round_on_another_past_is_for_catching_up() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        strange = [replace(better[0], previous_hash=b"o" * 20), *better[1:]]
        with pytest.raises(NeedsCatchUp, match="does not follow our chain"):
            await ask(bed, node, strange, better)

    play(scenario())


def test_after_a_bad_block_there_is_nobody_left_to_ask() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        [block] = (await two_chains(bed, node))[:1]
        giver = PeerView("n", "10.0.0.1", "a", await measure(bed, [block]), 0.0, True, True)
        answer = RoundAnswer(giver, 0, [block])
        answer.reject(1, giver)
        with pytest.raises(NoHolderLeft, match="n gave the round with a bad block"):
            await anext(answer.parts())

    play(scenario())
