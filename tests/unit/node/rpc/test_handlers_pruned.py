"""A pruned node says so, and never gives an answer that a peer would take for a short chain."""

from __future__ import annotations

import pytest

from hypernode.core.errors import Ignore
from hypernode.node.owner.runtime import Node
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES
from tests.unit.node.beds import STRANGER, Bed, FakeCaller, ask, play, serve, store

C = CommandId
FEATURES = FakeCaller(STRANGER, ANNOUNCED_FEATURES)
LEGACY = FakeCaller(STRANGER, 0)
PRUNED = ((C.GETBLOCK, 2), (C.BLOCKSYNC, 0), (C.BLOCKSYNC, 1), (C.BLOCKSYNC, 2), (C.ROUNDBLOCKS, 3))
WHOLE = ((C.GETBLOCK, 0), (C.GETBLOCK, 3), (C.BLOCKSYNC, 3), (C.ROUNDBLOCKS, 6), (C.ROUNDBLOCKS, 7))


async def make_pruned(bed: Bed) -> Node:
    """A node that pruned the two blocks of round 3, and has one in round 6 and one in round 9."""
    bed.go_to(9, 1)
    node = await bed.node()
    await store(bed, node.ports.ledger, (3, 0), (3, 1), (6, 0), (9, 0))
    assert await node.ports.ledger.prune(1_000) == 8  # type: ignore[attr-defined]  # a tool's, not in the port
    assert node.ports.ledger.get_pruned_below() == 3
    return node


async def put(node: Node, caller: FakeCaller, command_id: CommandId, number: int) -> Command | None:
    return await serve(node, caller, ask(command_id, int32=number))


@pytest.mark.parametrize(("command_id", "number"), PRUNED)
def test_pruned_blocks_are_refused_or_close_a_legacy_connection(command_id: CommandId, number: int) -> None:
    async def scenario() -> None:
        node = await make_pruned(Bed())
        assert await put(node, FEATURES, command_id, number) == Command(C.KO, string="pruned")
        with pytest.raises(Ignore, match="pruned"):
            await put(node, LEGACY, command_id, number)

    play(scenario())


@pytest.mark.parametrize("caller", [FEATURES, LEGACY], ids=["features", "legacy"])
@pytest.mark.parametrize(("command_id", "number"), WHOLE)
def test_blocks_with_their_messages_and_what_is_over_the_tip_are_served(
    command_id: CommandId, number: int, caller: FakeCaller
) -> None:
    async def scenario() -> None:
        node = await make_pruned(Bed())
        answer = await put(node, caller, command_id, number)
        assert answer is not None
        assert answer.id is command_id
        assert all(block.msg_count == len(block.messages) for block in answer.blocks)

    play(scenario())


def test_headers_and_heights_of_pruned_blocks_are_served() -> None:
    async def scenario() -> None:
        node = await make_pruned(Bed())
        info = await put(node, LEGACY, C.BLOCKINFO, 1)
        assert info is not None
        assert info.height is not None
        assert info.height.height == 1
        headers = await serve(node, LEGACY, ask(C.GETHEADERS, string="1,4"))
        assert headers is not None
        assert [block.height for block in headers.blocks] == [1, 2, 3, 4]

    play(scenario())


def test_status_tells_how_far_the_chain_is_pruned() -> None:
    async def scenario() -> None:
        bed = Bed()
        chain = (await (await make_pruned(bed)).views.get_status())["chain"]
        assert isinstance(chain, dict)
        assert chain["pruned_below"] == 3

    play(scenario())
