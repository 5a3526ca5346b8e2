"""Catching up from several holders: who gives what, and what one that fails, lies or is slow costs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core import kinds
from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Block
from hypernode.machine.decide import GoOn
from hypernode.machine.peers import Support
from hypernode.machine.state import State
from hypernode.machine.sync_memory import Aside
from hypernode.net.caller import Caller
from hypernode.node.chain.block_validation import Prepared
from hypernode.node.owner.runtime import Node
from hypernode.node.sync import pending_branch
from hypernode.node.sync.answer_times import FIRST_PATIENCE_S
from hypernode.node.sync.common_block import MAX_SOURCES
from hypernode.storage.database import InlineDatabase
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES
from tests.unit.node.beds import ROUND, Bed, Branch, Handler, make_reported, play, store
from tests.unit.node.sync.serving import list_published, measure, serve_blocks

ALL = Support(5, 5)
BATCH = 4
LENGTH = 76
SLOTS = [(ROUND + n // 19, n % 19) for n in range(LENGTH)]
"""Four rounds."""


class DownloadBed:
    """A node with an empty chain, and blocks of ``LENGTH`` that others have."""

    def __init__(self) -> None:
        self.bed = Bed(8, block_sync_count=BATCH, keep_rounds=9)
        self.bed.go_to(ROUND + 4, 3)
        self.heard: dict[int, list[Command]] = {}

    async def open(self, ledger_db: InlineDatabase | None = None) -> Node:
        self.node = await self.bed.node(ledger_db=ledger_db)
        self.maker = await self.bed.node(1)
        self.blocks = await store(self.bed, self.maker.ports.ledger, *SLOTS)
        return self.node

    async def hold(
        self, index: int, change: Handler | None = None, features: int = ANNOUNCED_FEATURES
    ) -> None:
        """A holder that answers as a node does, but what ``change`` answers otherwise."""
        honest = limit(serve_blocks(self.blocks))

        async def handle(caller: Caller, command: Command) -> Command | None:
            changed = await change(caller, command) if change is not None else None
            return changed if changed is not None else await honest(caller, command)

        self.heard[index] = await self.bed.script(index, handle, features)

    def asked(self, index: int) -> list[int]:
        """The first heights of the batches that a holder was asked for."""
        return [c.int32 or 0 for c in self.heard[index] if c.id is CommandId.BLOCKSYNC]

    async def catch_up(self, *holders: int) -> float:
        """From these holders; seconds that it took."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        reported = make_reported(self.bed, self.maker.chain.height, *holders)
        assert await self.node.sync.catch_up(reported, ALL)
        return loop.time() - begun

    def list_blamed(self) -> list[str]:
        return sorted(recipient for recipient, _ in list_published(self.node, kinds.KO_ACTION))

    def is_whole(self) -> bool:
        return self.node.chain.height == self.maker.chain.height


def limit(handler: Handler) -> Handler:
    """Batches as this network has them."""

    async def handle(caller: Caller, command: Command) -> Command | None:
        answer = await handler(caller, command)
        return answer and replace(answer, blocks=answer.blocks[:BATCH])

    return handle


def after(count: int, then: Handler) -> Handler:
    """Answer the first ``count`` questions for blocks, and the next ones otherwise."""
    asked = 0

    async def handle(caller: Caller, command: Command) -> Command | None:
        nonlocal asked
        asked += command.id is CommandId.BLOCKSYNC
        return await then(caller, command) if asked > count else None

    return handle


async def be_silent(caller: Caller, command: Command) -> Command | None:
    await asyncio.sleep(10_000)
    return None


async def hang_up(caller: Caller, command: Command) -> Command | None:
    raise Ignore(Rule.WIRE, "gone")


def spoil(blocks: Sequence[Block]) -> Handler:
    """The first message of each second block has another value: everything else is as it was."""

    async def handle(caller: Caller, command: Command) -> Command | None:
        if command.id is not CommandId.BLOCKSYNC:
            return None
        given = [b for b in blocks if b.height >= (command.int32 or 0)][:BATCH]
        spoilt = [b if n % 2 else _spoil(b) for n, b in enumerate(given, start=1)]
        return Command(command.id, blocks=tuple(spoilt))

    return handle


def _spoil(block: Block) -> Block:
    first, *others = block.messages
    return replace(block, messages=(replace(first, value=first.value + 1), *others))


def test_batches_come_from_several_holders_and_none_is_asked_for_twice() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        for index in (2, 3, 4):
            await setup.hold(index)
        await setup.catch_up(2, 3, 4)
        assert setup.is_whole()
        asked = [setup.asked(index) for index in (2, 3, 4)]
        assert all(len(each) >= 3 for each in asked)
        assert sorted(first for each in asked for first in each) == list(range(1, LENGTH, BATCH))
        thanked = [recipient for recipient, _ in list_published(setup.node, kinds.OK_ACTION)]
        assert sorted(thanked) == sorted(setup.bed.address(index) for index in (2, 3, 4))
        assert setup.list_blamed() == []

    play(scenario())


def test_no_more_holders_are_asked_at_once_than_are_of_use() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        for index in range(2, 8):
            await setup.hold(index)
        await setup.catch_up(*range(2, 8))
        assert setup.is_whole()
        assert sum(bool(setup.heard[index]) for index in range(2, 8)) == MAX_SOURCES

    play(scenario())


def test_answers_may_be_shorter_or_longer_than_a_batch() -> None:
    """Legacy nodes have their own BLOCK_SYNC_COUNT, and a large answer is cut."""

    def give(count: int, blocks: Sequence[Block]) -> Handler:
        async def handle(caller: Caller, command: Command) -> Command | None:
            if command.id is not CommandId.BLOCKSYNC:
                return None
            first = command.int32 or 0
            return Command(command.id, blocks=tuple(blocks[first - 1 : first - 1 + count]))

        return handle

    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, give(1, setup.blocks))
        await setup.hold(3, give(3, setup.blocks))
        await setup.hold(4, give(9, setup.blocks))
        await setup.catch_up(2, 3, 4)
        assert setup.is_whole()
        assert setup.list_blamed() == []

    play(scenario())


@pytest.mark.parametrize("holders", [(2,), (2, 3)])
def test_a_block_that_legacy_nodes_serve_alone_only_is_asked_for_alone(holders: tuple[int, ...]) -> None:
    """Over a range with a block of which it lacks messages (76171) a legacy node closes (spec 2)."""
    lacking = 30

    def serve(blocks: Sequence[Block]) -> Handler:
        async def handle(caller: Caller, command: Command) -> Command | None:
            number = command.int32 or 0
            if command.id is CommandId.BLOCKSYNC and number <= lacking < number + BATCH:
                raise Ignore(Rule.WIRE, "closed over the range")
            if command.id is CommandId.GETBLOCK:
                return Command(command.id, blocks=(blocks[number - 1],))
            return None

        return handle

    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        for index in holders:
            await setup.hold(index, serve(setup.blocks), features=0)
        await setup.catch_up(*holders)
        assert setup.is_whole()
        assert setup.list_blamed() == []
        singly = [c.int32 for index in holders for c in setup.heard[index] if c.id is CommandId.GETBLOCK]
        assert singly == [29, 30, 31, 32]

    play(scenario())


def test_a_legacy_node_that_closes_whatever_it_is_asked_is_a_failing_one() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, after(2, hang_up), features=0)
        await setup.hold(3)
        await setup.catch_up(2, 3)
        assert setup.is_whole()
        assert setup.list_blamed() == [setup.bed.address(2)]

    play(scenario())


def test_jurors_are_asked_before_others() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        for index in range(2, 8):
            await setup.hold(index)
        reported = make_reported(setup.bed, setup.maker.chain.height, *range(2, 8))
        jurors = [setup.bed.address(index) for index in (5, 6, 7)]
        assert await setup.node.sync.catch_up(reported, ALL, jurors)
        assert setup.is_whole()
        assert [index for index in range(2, 8) if setup.heard[index]] == [2, 5, 6, 7]

    play(scenario())


def test_one_that_falls_silent_in_the_middle_is_overtaken() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, after(2, be_silent))
        await setup.hold(3)
        await setup.hold(4)
        took = await setup.catch_up(2, 3, 4)
        assert setup.is_whole()
        assert took < 5.0
        assert len(setup.asked(2)) == 3
        # Late is not a lie: a legacy node says nothing while it derives a round.
        assert setup.list_blamed() == []

    play(scenario())


def test_one_that_is_silent_from_the_beginning_is_not_waited_for() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, be_silent)
        await setup.hold(3)
        took = await setup.catch_up(2, 3)
        assert setup.is_whole()
        assert took < FIRST_PATIENCE_S

    play(scenario())


def test_one_that_hangs_up_in_the_middle_is_replaced_by_who_waits_in_line() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        for index in (2, 3, 4, 5):
            await setup.hold(index, after(1, hang_up))
        await setup.hold(6)
        await setup.catch_up(2, 3, 4, 5, 6)
        assert setup.is_whole()
        assert setup.list_blamed() == sorted(setup.bed.address(index) for index in (2, 3, 4, 5))
        assert len(setup.asked(6)) >= 15

    play(scenario())


@pytest.mark.parametrize("ours", [0, 2])
def test_a_holder_that_lies_in_the_middle_costs_only_its_own_batches(ours: int) -> None:
    """Following our tip, or (``ours``) beside blocks of our own that have to go."""

    async def scenario() -> None:
        setup = DownloadBed()
        node = await setup.open()
        if ours:
            await store(setup.bed, node.ports.ledger, *SLOTS[:ours], after_s=20)
        await setup.hold(2)
        await setup.hold(3, after(2, spoil(setup.blocks)))
        await setup.hold(4)
        await setup.catch_up(2, 3, 4)
        assert setup.is_whole()
        assert setup.list_blamed() == [setup.bed.address(3)]
        assert {p for _, p in list_published(node, kinds.KO_ACTION)} == {"C.FAIL:10.4.0.1:06969"}
        if not ours:
            # What was under way above the bad block is asked for again, no more.
            asked = sum(len(setup.asked(index)) for index in (2, 3, 4))
            assert asked <= LENGTH // BATCH + 7
        assert setup.bed.address(3) not in {r for r, _ in list_published(node, kinds.OK_ACTION)}

    play(scenario())


@pytest.mark.parametrize(("name", "most", "blocks"), [("BLOCKS", 10, 12), ("MESSAGES", 30, 8)])
def test_a_branch_beside_our_blocks_is_not_held_without_end(
    name: str, most: int, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes is judged with the branch: a liar could send any number of blocks, however full."""
    monkeypatch.setattr(pending_branch, f"MAX_BRANCH_{name}", most)

    async def scenario() -> None:
        setup = DownloadBed()
        node = await setup.open()
        await store(setup.bed, node.ports.ledger, *SLOTS[:2], after_s=20)
        await setup.hold(2)
        adopt, sizes = node.chain.adopt_prepared, list[int]()

        async def watch(common: int, branch: Sequence[Prepared], *rest: Any) -> Any:
            sizes.append(len(branch))
            return await adopt(common, branch, *rest)

        monkeypatch.setattr(node.chain, "adopt_prepared", watch)
        await setup.catch_up(2)
        assert setup.is_whole()
        # The rest follows our tip by then.
        assert sizes == [blocks] + [BATCH] * ((LENGTH - blocks) // BATCH)

    play(scenario())


def test_who_gives_blocks_of_another_branch_is_outvoted() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        node = await setup.open()
        other: list[Block] = []

        async def stray(caller: Caller, command: Command) -> Command | None:
            """A batch of another branch, once, whichever it is asked for."""
            number = command.int32 or 0
            if command.id is CommandId.BLOCKSYNC and not other:
                fork = await Branch.on(setup.bed, setup.maker.ports.ledger, number - 1)
                other.extend(await fork.grow(*SLOTS[number - 1 : number - 1 + BATCH], after_s=21))
                return Command(command.id, blocks=tuple(other))
            if command.id is CommandId.BLOCKINFO and number in {block.height for block in other}:
                return await serve_blocks(other)(caller, command)
            return None

        await setup.hold(2)
        await setup.hold(3, stray)
        await setup.hold(4)
        reported = make_reported(setup.bed, setup.maker.chain.height, 2, 3, 4)
        assert await node.sync.catch_up(reported, ALL)
        assert setup.list_blamed() == [setup.bed.address(3)]
        # Its blocks were valid and are ours now; the next look takes them back.
        assert node.chain.height.block_hash == other[-1].block_hash
        assert await node.sync.catch_up(reported, ALL)
        assert setup.is_whole()
        assert setup.list_blamed() == [setup.bed.address(3)]

    play(scenario())


def test_a_slow_one_is_not_waited_for_again_and_again() -> None:
    async def dawdle(caller: Caller, command: Command) -> Command | None:
        if command.id is CommandId.BLOCKSYNC:
            await asyncio.sleep(8)
        return None

    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, dawdle)
        await setup.hold(3)
        await setup.hold(4)
        took = await setup.catch_up(2, 3, 4)
        assert setup.is_whole()
        assert took < 5.0
        assert len(setup.asked(2)) == 1
        assert setup.list_blamed() == []

    play(scenario())


def test_the_only_holder_may_be_slow() -> None:
    async def dawdle(caller: Caller, command: Command) -> Command | None:
        if command.id is CommandId.BLOCKSYNC:
            await asyncio.sleep(30)
        return None

    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, dawdle)
        await setup.catch_up(2)
        assert setup.is_whole()
        assert setup.list_blamed() == []

    play(scenario())


def test_one_that_denies_our_blocks_brings_no_split_about() -> None:
    """It would have us replace what is too old to be replaced."""

    async def deny(caller: Caller, command: Command) -> Command | None:
        denied = command.id is CommandId.BLOCKINFO
        return replace(await serve_blocks([])(caller, command) or command) if denied else None

    async def scenario() -> None:
        setup = DownloadBed()
        node = await setup.open()
        await node.ports.ledger.append_many(setup.blocks[:30])
        await setup.hold(2, deny)
        await setup.hold(3)
        await setup.catch_up(2, 3)
        assert setup.is_whole()
        assert node.partitions.words == ""
        assert min(setup.asked(2) + setup.asked(3)) == 31

    play(scenario())


@pytest.mark.parametrize("order", [(2, 3), (3, 2)])
@pytest.mark.parametrize("target", [LENGTH, 6])
def test_a_holder_that_claims_our_blocks_does_not_hide_the_branch(
    order: tuple[int, int], target: int
) -> None:
    """Where two say different things neither is outvoted: the blocks decide."""

    async def scenario() -> None:
        setup = DownloadBed()
        node = await setup.open()
        ours = await store(setup.bed, node.ports.ledger, *SLOTS[:6], after_s=20, senders=(0, 1))
        setup.blocks = setup.blocks[:target]
        await setup.maker.chain.rollback(target)

        async def claim(caller: Caller, command: Command) -> Command | None:
            is_ours = command.id is CommandId.BLOCKINFO and (command.int32 or 0) <= len(ours)
            return await serve_blocks(ours)(caller, command) if is_ours else None

        await setup.hold(2, claim)
        await setup.hold(3)
        await setup.catch_up(*order)
        assert setup.is_whole()
        assert node.sync.list_aside(Aside.IGNORED) == frozenset()

    play(scenario())


def test_after_a_crash_it_goes_on_from_what_was_stored() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        database = InlineDatabase()
        node = await setup.open(database)
        await setup.hold(2, after(9, be_silent))
        reported = make_reported(setup.bed, setup.maker.chain.height, 2)
        work = asyncio.create_task(node.sync.catch_up(reported, ALL))
        await asyncio.sleep(30)
        node.activities.note_decision(GoOn())
        assert node.activities.shown.state is State.CATCHING_UP_SYNC
        status = await node.views.get_status()
        shown = status["extra"]["catching_up"]  # type: ignore[index]
        assert (shown["height"], shown["target"], shown["percent"]) == (36, LENGTH, 47)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert node.sync.progress is None
        setup.node = await setup.bed.node(ledger_db=database)
        assert setup.node.chain.height.height == 36
        await setup.hold(3)
        await setup.catch_up(3)
        assert setup.is_whole()
        assert min(setup.asked(3)) == 37

    play(scenario())


async def _count_stray_tasks() -> int:
    await asyncio.sleep(0)
    return sum(task.get_name().startswith(("fetches", "bisects", "runs")) for task in asyncio.all_tasks())


def test_nothing_is_left_running() -> None:
    async def scenario() -> None:
        setup = DownloadBed()
        await setup.open()
        await setup.hold(2, after(3, hang_up))
        await setup.hold(3, after(1, be_silent))
        await setup.hold(4, after(2, spoil(setup.blocks)))
        await setup.hold(5)
        await setup.catch_up(2, 3, 4, 5)
        assert setup.is_whole()
        assert await _count_stray_tasks() == 0
        assert await measure(setup.bed, setup.blocks) == setup.node.chain.height

    play(scenario())
