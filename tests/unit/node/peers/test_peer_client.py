"""Questions to a peer: an answer must be one to what was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Reject
from hypernode.core.types import Block
from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.node.peers import peer_client
from hypernode.node.peers.peer_client import check_run
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import PORT
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import Bed, play
from tests.unit.wire.samples import BLOCK, HEIGHT, MESSAGE


def ask_with(answer: Command, question: Callable[[ClientSession], Awaitable[Any]]) -> tuple[Any, Command]:
    """What comes of a question that a peer meets with ``answer``, and the question as the peer heard it."""
    found: list[Any] = []

    async def scenario() -> None:
        bed = Bed()

        async def handler(caller: Caller, command: Command) -> Command:
            return answer

        heard = await bed.script(1, handler)
        session = await bed.open(bed.ip(0), 1, port=PORT)
        try:
            found.append(await question(session))
        except (Reject, TransportClosed) as refusal:
            found.append(refusal)
        found.append(heard[-1])

    play(scenario())
    return found[0], found[1]


def block(height: int, round_: int = 3) -> Block:
    return replace(BLOCK, height=height, round=round_)


def test_a_refusal_is_no_lie_and_another_kind_is() -> None:
    refused, _ = ask_with(Command(CommandId.KO), lambda s: peer_client.ask_blocks(s, 5))
    assert isinstance(refused, TransportClosed)
    other, _ = ask_with(Command(CommandId.TX), lambda s: peer_client.ask_blocks(s, 5))
    assert isinstance(other, Reject)


@pytest.mark.parametrize(
    ("heights", "is_run"),
    [((), True), ((5,), True), ((5, 6, 7), True), ((6,), False), ((5, 7), False), ((5, 5), False)],
)
def test_blocks_must_be_those_from_the_height_on(heights: tuple[int, ...], is_run: bool) -> None:
    blocks = tuple(map(block, heights))
    found, asked = ask_with(
        Command(CommandId.BLOCKSYNC, blocks=blocks), lambda s: peer_client.ask_blocks(s, 5)
    )
    assert (asked.id, asked.int32) == (CommandId.BLOCKSYNC, 5)
    if is_run:
        assert found == blocks
        check_run(blocks, 5)
    else:
        assert isinstance(found, Reject)
        assert "not in a row" in found.reason


def test_a_height_without_a_height_is_the_peers_fault() -> None:
    good = Command(CommandId.HEIGHT, height=HEIGHT, height_forger=MESSAGE.sender)
    found, asked = ask_with(good, lambda s: peer_client.ask_height(s, HEIGHT, None))
    assert found == (HEIGHT, MESSAGE.sender)
    assert asked.height == HEIGHT
    bad, _ = ask_with(Command(CommandId.HEIGHT), lambda s: peer_client.ask_height(s, HEIGHT, None))
    assert isinstance(bad, Reject)


@pytest.mark.parametrize(
    ("answer", "is_there", "is_lie"),
    [
        (Command(CommandId.BLOCKINFO, height=HEIGHT), True, False),
        (Command(CommandId.BLOCKINFO), False, False),
        (Command(CommandId.BLOCKINFO, height=replace(HEIGHT, block_hash=b"")), False, False),
        (Command(CommandId.BLOCKINFO, height=replace(HEIGHT, height=HEIGHT.height + 1)), False, True),
    ],
)
def test_a_block_is_told_by_its_height_or_not_at_all(answer: Command, is_there: bool, is_lie: bool) -> None:
    found, _ = ask_with(answer, lambda s: peer_client.ask_block_info(s, HEIGHT.height))
    assert isinstance(found, Reject) is is_lie
    if not is_lie:
        assert found == (HEIGHT if is_there else None)


def test_the_last_header_is_asked_for_without_side_effects() -> None:
    answer = Command(CommandId.GETHEADERS, blocks=(block(9),))
    found, asked = ask_with(answer, peer_client.ask_last_header)
    assert (found, asked.string) == (block(9), ",1")
    nothing, _ = ask_with(Command(CommandId.GETHEADERS), peer_client.ask_last_header)
    assert nothing is None


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ((block(5), block(6)), ""),
        ((), ""),
        ((block(5), block(6, 4)), "blocks of other rounds"),
        ((block(5), block(7)), "not in a row"),
    ],
)
def test_a_round_has_its_own_blocks_in_a_row(blocks: tuple[Block, ...], words: str) -> None:
    found, _ = ask_with(
        Command(CommandId.ROUNDBLOCKS, blocks=blocks), lambda s: peer_client.ask_round_blocks(s, 3)
    )
    if words:
        assert isinstance(found, Reject)
        assert words in found.reason
    else:
        assert found == blocks


def test_one_block_is_asked_for_by_its_height() -> None:
    found, asked = ask_with(
        Command(CommandId.GETBLOCK, blocks=(block(5),)), lambda s: peer_client.ask_block(s, 5)
    )
    assert (found, asked.int32) == (block(5), 5)
    none, _ = ask_with(Command(CommandId.GETBLOCK), lambda s: peer_client.ask_block(s, 5))
    assert none is None
    other, _ = ask_with(
        Command(CommandId.GETBLOCK, blocks=(block(6),)), lambda s: peer_client.ask_block(s, 5)
    )
    assert isinstance(other, Reject)


def test_messages_are_exchanged_or_all_asked_for() -> None:
    answer = Command(CommandId.MEMPOOL, messages=(MESSAGE,))
    found, asked = ask_with(answer, lambda s: peer_client.ask_mempool(s, (MESSAGE,)))
    assert (found, asked.messages, asked.int32) == ((MESSAGE,), (MESSAGE,), None)
    found, asked = ask_with(answer, peer_client.ask_all_messages)
    assert (found, asked.messages, asked.int32) == ((MESSAGE,), (), 1)
