"""Taking a better branch: from whom, how much of it, and who is blamed when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core import kinds
from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import ChainHeight
from hypernode.machine.decide import GoOn
from hypernode.machine.peers import Support
from hypernode.machine.state import State
from hypernode.machine.sync_memory import BAN_S, Aside
from hypernode.net.caller import Caller
from hypernode.node.chain.block_validation import Prepared
from hypernode.node.peers.peer_table import Peer
from hypernode.node.sync.sync_progress import SyncProgress
from hypernode.node.sync.synchroniser import MAX_HOLDERS_ASKED
from hypernode.ports.registrations import PowNotReady, RegisteredList
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, Handler, ask, make_reported, play, store
from tests.unit.node.sync.serving import (
    SLOTS,
    hang_up,
    list_published,
    measure,
    serve_blocks,
    serving_chain,
    two_chains,
)

NOBODY = Support(0, 5)
MOST = Support(4, 5)


# --- round sync -----------------------------------------------------------------------------------------


def test_round_sync_takes_what_differs_and_says_so() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        peer = await serving_chain(bed, 2, better)
        taken: list[tuple[int, int]] = []
        adopt = node.chain.adopt_prepared

        async def watch(common: int, branch: Sequence[Prepared], *rest: Any) -> Any:
            taken.append((common, len(branch)))
            return await adopt(common, branch, *rest)

        node.chain.adopt_prepared = watch  # type: ignore[method-assign,assignment]
        reported = make_reported(bed, peer.chain.height, 2)
        assert await node.sync.sync_round(reported, (), NOBODY)
        assert taken == [(2, 3)]
        assert node.chain.height == peer.chain.height
        node.activities.note_decision(GoOn())
        assert node.activities.shown.state is State.ROUND_SYNC
        assert list_published(node, kinds.OK_ACTION) == [(bed.address(2), "R.SYNC:10.3.0.1:06969")]
        assert list_published(node, kinds.KO_ACTION) == []

    play(scenario())


def test_who_does_not_give_its_tip_is_reported_once_a_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        await serving_chain(bed, 2, better)
        before = node.chain.height
        for lie in (b"l" * 20, b"", b"L" * 200):
            reported = make_reported(bed, ChainHeight(99, ROUND, 5, lie, 9, 9, 9, 9), 2)
            assert not await node.sync.sync_round(reported, (), NOBODY)
            assert lie in node.sync.list_aside(Aside.IGNORED)
        assert node.chain.height == before
        assert list_published(node, kinds.KO_ACTION) == [(bed.address(2), "P.FAIL:10.3.0.1:06969")]
        bed.clock.step(-500)
        assert b"l" * 20 in node.sync.list_aside(Aside.IGNORED)
        await asyncio.sleep(BAN_S + 1)
        assert node.sync.list_aside(Aside.IGNORED) == frozenset()

    play(scenario())


def test_a_lying_holder_is_replaced_and_asked_last_from_then_on() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        liar = await bed.script(1, serve_blocks(better[:1]))
        await serving_chain(bed, 2, better)
        tip = await measure(bed, better)
        reported = make_reported(bed, tip, 1, 2)
        assert await node.sync.sync_round(reported, (bed.address(1),), NOBODY)
        assert node.chain.height == tip
        assert tip.block_hash not in node.sync.list_aside(Aside.IGNORED)
        assert list_published(node, kinds.KO_ACTION) == [(bed.address(1), "P.FAIL:10.2.0.1:06969")]
        assert list_published(node, kinds.OK_ACTION) == [(bed.address(2), "R.SYNC:10.3.0.1:06969")]
        heard = len(liar)
        await node.chain.rollback(2)
        assert await node.sync.sync_round(reported, (bed.address(1),), NOBODY)
        assert len(liar) == heard

    play(scenario())


async def _garbage(caller: Caller, command: Command) -> Command | None:
    return ask(CommandId.GETTX)


async def _refusing(caller: Caller, command: Command) -> Command | None:
    return ask(CommandId.KO, string="pruned")


@pytest.mark.parametrize("bad", [None, _garbage, _refusing, hang_up])
@pytest.mark.parametrize("catching_up", [False, True])
def test_a_failing_holder_is_replaced_by_the_next(bad: Handler | None, catching_up: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        if bad is not None:
            await bed.script(1, bad)
        await serving_chain(bed, 2, better)
        reported = make_reported(bed, await measure(bed, better), 1, 2)
        if catching_up:
            assert await node.sync.catch_up(reported, MOST)
        else:
            assert await node.sync.sync_round(reported, (), NOBODY)
        assert node.chain.height == reported.height
        letter = "C" if catching_up else "P"
        assert list_published(node, kinds.KO_ACTION) == [(bed.address(1), f"{letter}.FAIL:10.2.0.1:06969")]

    play(scenario())


def test_a_holder_that_refuses_our_hello_is_a_failing_one() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        foreign = Bed(posnet="elsewhere1", posnet_allow=("elsewhere1",))
        foreign.memory = bed.memory
        await foreign.script(1, serve_blocks(better))
        reported = make_reported(bed, await measure(bed, better), 1)
        assert not await node.sync.sync_round(reported, (), NOBODY)
        assert not await node.sync.catch_up(reported, MOST)
        assert list_published(node, kinds.KO_ACTION) == [(bed.address(1), "P.FAIL:10.2.0.1:06969")]

    play(scenario())


def test_where_our_chain_moves_under_a_failing_holder_no_next_is_asked() -> None:
    """A block was pushed to us meanwhile: the next look says whether the branch is still better."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        pushed = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 4)

        async def fail_late(caller: Caller, command: Command) -> Command | None:
            await node.ports.ledger.append(pushed)
            raise Ignore(Rule.WIRE, "gone")

        await bed.script(1, fail_late)
        next_one = await bed.script(2, serve_blocks(better))
        reported = make_reported(bed, await measure(bed, better), 1, 2)
        assert await node.sync.sync_round(reported, (), NOBODY)
        assert node.chain.height.block_hash == pushed.block_hash
        assert next_one == []
        assert node.sync.list_aside(Aside.IGNORED) == frozenset()

    play(scenario())


def test_only_some_holders_are_asked() -> None:
    async def scenario() -> None:
        bed = Bed(8)
        node = await bed.node()
        better = await two_chains(bed, node)
        heard = [await bed.script(n, _garbage) for n in range(1, 6)]
        reported = make_reported(bed, await measure(bed, better), 1, 2, 3, 4, 5)
        assert not await node.sync.sync_round(reported, (), NOBODY)
        assert sum(bool(commands) for commands in heard) == MAX_HOLDERS_ASKED
        assert reported.height.block_hash in node.sync.list_aside(Aside.IGNORED)

    play(scenario())


def test_silent_holders_leave_the_tip_alone_for_a_short_while_only() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        reported = make_reported(bed, await measure(bed, await two_chains(bed, node)), 3, 4)
        assert not await node.sync.sync_round(reported, (), NOBODY)
        assert reported.height.block_hash in node.sync.list_aside(Aside.IGNORED)
        await asyncio.sleep(bed.params.delays.peer_retry_s + 1)
        assert reported.height.block_hash not in node.sync.list_aside(Aside.IGNORED)

    play(scenario())


def test_a_stale_claim_about_our_own_chain_is_no_lie_and_left_alone() -> None:
    """A legacy node's uniques and forgers may be off after a rollback (spec 8).  Looked at again and again
    such a tip would keep us from forging."""

    async def scenario() -> None:
        for catching_up in (False, True):
            bed = Bed()
            node = await bed.node()
            bed.go_to(ROUND, 6)
            blocks = await store(bed, node.ports.ledger, *SLOTS)
            await serving_chain(bed, 2, blocks[:2])
            behind = await node.ports.ledger.get_height_at(2)
            assert behind is not None
            reported = make_reported(bed, replace(behind, uniques=50, forgers=50), 2)
            if catching_up:
                assert not await node.sync.catch_up(reported, MOST)
            else:
                assert not await node.sync.sync_round(reported, (), NOBODY)
            assert reported.height.block_hash in node.sync.list_aside(Aside.IGNORED)
            assert len(node.mempool) == 0
            assert node.chain.height.height == 4

    play(scenario())


@pytest.mark.parametrize("catching_up", [False, True])
def test_a_branch_that_we_count_no_better_is_no_lie_and_left_alone(catching_up: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 6)
        await store(bed, node.ports.ledger, *SLOTS)
        before = node.chain.height
        worse = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 2))
        await serving_chain(bed, 2, worse)
        reported = make_reported(bed, replace(await measure(bed, worse), forgers=50, uniques=50), 2)
        if catching_up:
            assert not await node.sync.catch_up(reported, MOST)
        else:
            assert not await node.sync.sync_round(reported, (), MOST)
        assert node.chain.height == before
        assert reported.height.block_hash in node.sync.list_aside(Aside.IGNORED)
        assert len(node.mempool) == 0

    play(scenario())


def test_a_branch_from_another_past_is_left_to_catching_up() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 3)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0))
        theirs = await (await Branch.on(bed, node.ports.ledger, 0)).grow(
            (ROUND, 1), (ROUND, 2), (ROUND + 1, 0)
        )
        await serving_chain(bed, 2, theirs)
        reported = make_reported(bed, await measure(bed, theirs), 2)
        assert not await node.sync.sync_round(reported, (), MOST)
        assert node.sync.list_aside(Aside.NEEDS_CATCH_UP) == {reported.height.block_hash}
        assert node.sync.list_aside(Aside.IGNORED) == frozenset()
        assert await node.sync.catch_up(reported, MOST)
        assert node.chain.height == reported.height

    play(scenario())


# --- catching up ----------------------------------------------------------------------------------------


def test_catching_up_finds_the_common_block_with_few_questions() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 3, 3)
        shown: list[SyncProgress | None] = []
        node = await bed.node(show_sync=shown.append)
        old = [(ROUND + r, sir) for r in range(3) for sir in range(19)]
        shared = await store(bed, node.ports.ledger, *old)
        await store(bed, node.ports.ledger, (ROUND + 3, 0), after_s=18)
        fork = await Branch.on(bed, node.ports.ledger, len(shared))
        theirs = await fork.grow((ROUND + 3, 0), (ROUND + 3, 1), (ROUND + 3, 2))
        heard = await bed.script(2, serve_blocks([*shared, *theirs]))
        reported = make_reported(bed, await measure(bed, [*shared, *theirs]), 2)
        assert await node.sync.catch_up(reported, NOBODY)
        assert node.chain.height == reported.height
        asked = [command.id for command in heard]
        assert asked.count(CommandId.BLOCKINFO) <= 8
        assert asked.count(CommandId.BLOCKSYNC) == 1
        assert list_published(node, kinds.OK_ACTION) == [(bed.address(2), "C.SYNC:10.3.0.1:06969")]
        last = shown[-2]
        assert last is not None
        assert (last.first, last.height, last.target, last.messages, last.percent) == (57, 60, 60, 12, 100)
        assert shown[-1] is None
        assert node.sync.progress is None

    play(scenario())


def test_an_empty_ledger_is_filled_batch_by_batch() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 3, 3)
        shown: list[SyncProgress | None] = []
        node = await bed.node(show_sync=shown.append)
        other = await bed.serve(2)
        await store(bed, other.ports.ledger, *[(ROUND + r, sir) for r in range(3) for sir in range(19)])
        reported = make_reported(bed, other.chain.height, 2)
        assert await node.sync.catch_up(reported, NOBODY)
        assert node.chain.height == other.chain.height
        assert [progress.height for progress in shown if progress] == [20, 40, 57]
        # In the log a line when it begins to move and one at its end, however many batches there are.
        said = [line for line in bed.log if line.startswith("catching up")]
        assert [line.split(", ")[0] for line in said] == [
            "catching up: block 20 of 57",
            "catching up ended: block 57 of 57",
        ]

    play(scenario())


def test_what_was_stored_before_a_holder_failed_stays() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 2, 3)
        node = await bed.node()
        blocks = await store(
            bed, (await bed.node(1)).ports.ledger, *[(ROUND + r, sir) for r in range(2) for sir in range(15)]
        )
        await bed.script(2, serve_blocks(blocks[:20]))
        reported = make_reported(bed, await measure(bed, blocks), 2)
        assert await node.sync.catch_up(reported, NOBODY)
        assert node.chain.height.height == 20
        assert list_published(node, kinds.KO_ACTION) == [(bed.address(2), "C.FAIL:10.3.0.1:06969")]
        await serving_chain(bed, 3, blocks)
        assert await node.sync.catch_up(make_reported(bed, reported.height, 3), NOBODY)
        assert node.chain.height == reported.height

    play(scenario())


def test_a_branch_that_may_not_replace_ours_is_a_split_and_not_fetched() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 4, 3)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0))
        theirs = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 1), (ROUND, 2))
        heard = await bed.script(2, serve_blocks(theirs))
        reported = make_reported(bed, await measure(bed, theirs), 2)
        own = node.chain.height
        assert not await node.sync.catch_up(reported, MOST)
        assert CommandId.BLOCKSYNC not in {command.id for command in heard}
        assert "operator" in node.partitions.words
        assert node.partitions.words.startswith("SPLIT: ")
        assert own.block_hash.hex() in node.partitions.words
        assert reported.height.block_hash.hex() in node.partitions.words
        status: Any = await node.views.get_status()
        assert status["extra"]["split"] == node.partitions.words
        assert node.partitions.words in bed.log
        assert len(node.mempool) == 0
        await node.chain.rollback(0)
        assert await node.sync.catch_up(reported, MOST)
        assert node.partitions.words == ""

    play(scenario())


def test_a_split_is_forgotten_when_the_other_chain_is_not_told_any_more() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 4, 3)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0))
        theirs = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 1), (ROUND, 2))
        await bed.script(2, serve_blocks(theirs))
        await node.sync.catch_up(make_reported(bed, await measure(bed, theirs), 2), MOST)
        assert node.partitions.words
        await asyncio.sleep(BAN_S + 1)
        assert node.partitions.words == ""

    play(scenario())


def test_while_the_companion_is_late_nobody_is_blamed() -> None:
    class Late(FixedPowSource):
        is_late = False

        async def get_registered(self, round_: int) -> RegisteredList:
            if self.is_late:
                raise PowNotReady("late")
            return await super().get_registered(round_)

    async def scenario() -> None:
        bed = Bed()
        source = Late(bed.params)
        node = await bed.node(pow_source=source)
        better = await two_chains(bed, node)
        await serving_chain(bed, 2, better)
        reported = make_reported(bed, await measure(bed, better), 2)
        source.is_late = True
        assert not await node.sync.sync_round(reported, (), NOBODY)
        assert not await node.sync.catch_up(reported, NOBODY)
        assert len(node.mempool) == 0
        assert node.sync.list_aside(Aside.IGNORED) == frozenset()
        source.is_late = False
        assert await node.sync.catch_up(reported, NOBODY)

    play(scenario())


def test_an_open_standing_connection_is_borrowed_and_a_closed_one_is_not() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        better = await two_chains(bed, node)
        peer = await serving_chain(bed, 2, better)
        session = await node.dialler.open_standing(bed.entry(2))
        node.peers.add(Peer("10.3.0.1:06969", bed.ip(2), 6969, session.features, True, session))
        async with node.dialler.borrow(bed.address(2)) as borrowed:
            assert borrowed is session
        assert not session.is_closed
        session.close()
        reported = make_reported(bed, peer.chain.height, 2)
        assert await node.sync.sync_round(reported, (), NOBODY)
        assert list_published(node, kinds.KO_ACTION) == []

    play(scenario())


@pytest.mark.parametrize(("liars", "is_long"), [(3, True), (1, False)])
def test_a_tip_is_left_alone_for_long_only_when_all_of_its_holders_lied(liars: int, is_long: bool) -> None:
    """One liar among three holders that cannot be reached now must not cost us the branch for a quarter of an
    hour."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        reported = make_reported(bed, await measure(bed, await two_chains(bed, node)), 2, 3, 4)
        for index in range(2, 2 + liars):
            await bed.script(index, _garbage)
        assert not await node.sync.sync_round(reported, (), NOBODY)
        assert reported.height.block_hash in node.sync.list_aside(Aside.IGNORED)
        await asyncio.sleep(bed.params.delays.peer_retry_s + 1)
        assert (reported.height.block_hash in node.sync.list_aside(Aside.IGNORED)) is is_long

    play(scenario())
