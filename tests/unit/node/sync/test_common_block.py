"""Where peers' chains leave ours, and who speaks for a block."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hypernode.machine.peers import PeerView
from hypernode.node.owner.runtime import Node
from hypernode.node.sync.block_source import NoHolderLeft
from hypernode.node.sync.common_block import CommonBlockSearch, count_votes, find_common, get_own_hash
from tests.unit.node.beds import ROUND, Bed, Branch, make_reported, play, store
from tests.unit.node.sync.serving import hang_up, measure, serve_blocks, two_chains


async def list_candidates(node: Node, holders: Sequence[PeerView], failed: list[str]) -> list[int]:
    async def on_failure(holder: PeerView, failure: Exception) -> None:
        failed.append(holder.address)

    search = CommonBlockSearch(node.ports.ledger, node.dialler.borrow, on_failure)
    found = await search.list_candidates(holders, node.chain.height.height)
    assert search.silent == set()
    return found


def test_the_highest_that_half_of_the_holders_have_comes_first() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        blocks = await store(bed, node.ports.ledger, *((ROUND, sir) for sir in range(6)))
        bed.go_to(ROUND, 7)
        fork = await (await Branch.on(bed, node.ports.ledger, 2)).grow((ROUND, 4))
        for index, theirs in ((1, blocks), (2, blocks[:5]), (3, [*blocks[:2], *fork])):
            await bed.script(index, serve_blocks(theirs))
        holders = make_reported(bed, await measure(bed, blocks), 1, 2, 3).holders
        failed: list[str] = []
        assert await list_candidates(node, holders, failed) == [5, 2]
        assert failed == []

    play(scenario())


def test_who_fails_is_reported_and_where_all_do_that_is_the_end() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        await bed.script(1, hang_up)
        await bed.script(2, serve_blocks(better))
        height = await measure(bed, better)
        failed: list[str] = []
        assert await list_candidates(node, make_reported(bed, height, 1, 2).holders, failed) == [2]
        assert failed == [bed.address(1)]
        with pytest.raises(NoHolderLeft):
            await list_candidates(node, make_reported(bed, height, 1).holders, failed)
        assert failed == [bed.address(1), bed.address(1)]

    play(scenario())


def test_votes_are_those_of_who_is_asked_and_of_who_gave_the_block() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        for index, theirs in ((1, better), (2, better[:2]), (3, hang_up)):
            await bed.script(index, theirs if callable(theirs) else serve_blocks(theirs))
        holders = {p.address: p for p in make_reported(bed, await measure(bed, better), 1, 2, 3).holders}
        one, two, three = (holders[bed.address(index)] for index in (1, 2, 3))
        borrow = node.dialler.borrow
        async with borrow(one.address) as a, borrow(two.address) as b, borrow(three.address) as c:
            sessions = [(one, a), (two, b), (three, c)]
            assert await find_common(a, node.ports.ledger, 3) == 2
            assert await count_votes(sessions, 3, better[2].block_hash, None) == 0
            assert await count_votes(sessions, 3, better[2].block_hash, two) == 2
            assert await count_votes(sessions[1:], 3, better[2].block_hash, None) == -1
        assert await get_own_hash(node.ports.ledger, 3) != better[2].block_hash
        assert await get_own_hash(node.ports.ledger, 9) is None

    play(scenario())
