"""What a legacy neighbour is told of our chain: nothing that makes it ask for what would stop it (spec 8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hypernode.core.types import ChainHeight
from hypernode.net.caller import Caller
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.legacy_height_policy import check_earlier_rounds, choose_height_to_tell
from hypernode.node.peers.peer_table import Peer
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, play, store


def make_peer(reported: ChainHeight | None, *, is_outbound: bool = True) -> Peer:
    return Peer("10.3.0.1:06969", "10.3.0.1", 6969, 0, is_outbound, reported=reported)


async def two_rounds(bed: Bed) -> Node:
    """A node with two blocks of a round and two of the next."""
    bed.go_to(ROUND + 1, 2)
    node = await bed.node()
    await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1), (ROUND + 1, 0), (ROUND + 1, 1))
    return node


async def at(node: Node, height: int) -> ChainHeight:
    found = await node.ports.ledger.get_height_at(height)
    assert found is not None
    return found


def test_feature_peers_and_clients_are_told_our_height() -> None:
    async def scenario() -> None:
        node = await two_rounds(Bed())
        ledger = node.ports.ledger
        assert await choose_height_to_tell(ledger, make_peer(None), 1) == node.chain.height
        assert await choose_height_to_tell(ledger, None, 0) == node.chain.height

    play(scenario())


@pytest.mark.parametrize(("its_tip", "tells"), [(4, 4), (3, 4), (2, 4), (1, 2), (0, 2), (None, 0)])
def test_a_legacy_peer_gets_our_height_once_its_chain_is_in_the_round(
    its_tip: int | None, tells: int
) -> None:
    """One whose chain ends before the last block of the round before would stop over our roundblocks."""

    async def scenario() -> None:
        node = await two_rounds(Bed())
        reported = None if its_tip is None else await at(node, its_tip)
        assert await choose_height_to_tell(node.ports.ledger, make_peer(reported), 0) == await at(node, tells)

    play(scenario())


def test_a_legacy_peer_on_another_chain_hears_of_no_block_of_the_round() -> None:
    async def scenario() -> None:
        node = await two_rounds(Bed())
        for other in (ChainHeight(4, ROUND + 1, 1, b"o" * 20), ChainHeight(99, ROUND + 1, 1, b"o" * 20)):
            assert await choose_height_to_tell(node.ports.ledger, make_peer(other), 0) == await at(node, 2)

    play(scenario())


@pytest.mark.parametrize(("its_round", "tells"), [(ROUND - 1, 2), (ROUND, 0), (ROUND + 1, 2)])
def test_a_legacy_peer_on_another_chain_is_told_nothing_better(its_round: int, tells: int) -> None:
    """A round behind it looks for the common block; of its own round it would ask for the blocks, and stop
    where they do not follow its chain."""

    async def scenario() -> None:
        node = await two_rounds(Bed())
        worse = make_peer(ChainHeight(2, its_round, 1, b"o" * 20))
        assert await choose_height_to_tell(node.ports.ledger, worse, 0) == await at(node, tells)

    play(scenario())


def test_a_legacy_peer_awaiting_our_push_is_told_the_height_below() -> None:
    async def scenario() -> None:
        node = await two_rounds(Bed())
        peer = make_peer(await at(node, 3))
        ledger = node.ports.ledger
        assert await choose_height_to_tell(ledger, peer, 0, awaits_push=True) == await at(node, 3)
        assert await choose_height_to_tell(ledger, peer, 1, awaits_push=True) == await at(node, 4)

    play(scenario())


def answer_with(block_hash: bytes, following: int | None = ROUND + 1) -> Any:
    """Blockinfo of block 2, of the round before, with ``block_hash``, and of one of round ``following`` on
    it."""

    async def handle(caller: Caller, command: Command) -> Command | None:
        if command.id is CommandId.BLOCKINFO and command.int32 == 2:
            return Command(command.id, height=ChainHeight(2, ROUND, 1, block_hash))
        if command.id is CommandId.BLOCKINFO:
            last = ChainHeight(0, 0, 0, b"") if following is None else ChainHeight(3, following, 5, b"f" * 20)
            return Command(command.id, height=last)
        return Command(command.id, height=ChainHeight(9, ROUND + 1, 1, b"o" * 20))

    return handle


@pytest.mark.parametrize("is_same", [True, False])
def test_a_legacy_peer_is_asked_for_its_last_block_before_the_round(is_same: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await two_rounds(bed)
        block_hash = (await at(node, 2)).block_hash if is_same else b"o" * 20
        heard = await bed.script(2, answer_with(block_hash), features=0)
        session = await node.dialler.open_standing(bed.entry(2))
        peer = make_peer(ChainHeight(9, ROUND + 1, 1, b"o" * 20))
        for _ in range(2):
            await check_earlier_rounds(session, node.ports.ledger, peer)
        asked = [(command.id, command.int32) for command in heard]
        assert asked == [(CommandId.BLOCKINFO, height) for height in ((2, 3) if is_same else (2, 2))]
        own = await choose_height_to_tell(node.ports.ledger, peer, 0)
        assert own == (node.chain.height if is_same else await at(node, 2))

    play(scenario())


@pytest.mark.parametrize("following", [ROUND, None])
def test_a_legacy_peer_with_more_blocks_of_earlier_rounds_does_not_match(following: int | None) -> None:
    """It would stop over our blocks of the round: they do not follow its own chain before it."""

    async def scenario() -> None:
        bed = Bed()
        node = await two_rounds(bed)
        await bed.script(2, answer_with((await at(node, 2)).block_hash, following), features=0)
        session = await node.dialler.open_standing(bed.entry(2))
        peer = make_peer(ChainHeight(4, ROUND + 1, 1, b"o" * 20))
        await check_earlier_rounds(session, node.ports.ledger, peer)
        assert await choose_height_to_tell(node.ports.ledger, peer, 0) == await at(node, 2)

    play(scenario())


def test_what_matched_before_a_round_says_nothing_of_the_next() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await two_rounds(bed)
        peer = make_peer(ChainHeight(9, ROUND + 1, 1, b"o" * 20))
        peer.matches_before = ROUND + 1
        assert await choose_height_to_tell(node.ports.ledger, peer, 0) == node.chain.height
        bed.go_to(ROUND + 2, 0)
        branch = await Branch.on(bed, node.ports.ledger)
        await node.ports.ledger.append(await branch.make(ROUND + 2, 0))
        assert await choose_height_to_tell(node.ports.ledger, peer, 0) == await at(node, 4)

    play(scenario())


@pytest.mark.parametrize("is_same", [True, False])
def test_the_first_height_over_a_new_line_is_chosen_too(is_same: bool) -> None:
    """A legacy peer that we dial has told nothing yet when it hears from us."""

    async def scenario() -> None:
        bed = Bed()
        node = await two_rounds(bed)
        block_hash = (await at(node, 2)).block_hash if is_same else b"o" * 20
        heard = await bed.script(2, answer_with(block_hash), features=0)
        async with asyncio.TaskGroup() as group:
            node.connector.set_targets([bed.entry(2)], group)
            await asyncio.sleep(1)
            node.connector.cancel_all()
        reported = [command.height for command in heard if command.id is CommandId.HEIGHT]
        assert reported == [node.chain.height if is_same else await at(node, 0)]

    play(scenario())


def test_a_legacy_peer_that_dials_us_is_told_what_does_not_stop_it() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await two_rounds(bed)
        await node.listening.start(node.options.listen)
        session = await bed.open(bed.ip(2), 0, port=6969, features=0)
        other = ChainHeight(4, ROUND + 1, 1, b"o" * 20)
        answer = await session.request(Command(CommandId.HEIGHT, height=other), 5.0)
        assert answer.height == await at(node, 2)
        answer = await session.request(Command(CommandId.HEIGHT, height=await at(node, 3)), 5.0)
        assert answer.height == node.chain.height
        client = await bed.open("10.200.0.1", 0, features=0)
        assert (await client.request(Command(CommandId.GETHEADERS, string=",1"), 5.0)).blocks[0].height == 4

    play(scenario())
