"""Blocks that are too large for the usual answers: fetched block by block, blaming nobody, and kept in files.

All limits are a thousandth of the real ones: 3 KiB for a block that is pushed, 32 KiB for one that all
networks take, 100 KiB for one that mixed networks may hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core import kinds
from hypernode.core.errors import Ignore, Reject
from hypernode.core.long_messages import LongMessages
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.types import Block, ChainHeight
from hypernode.machine.peers import Support
from hypernode.machine.sync_memory import Aside
from hypernode.net import stream
from hypernode.net.caller import Caller
from hypernode.node.chain import chain_check
from hypernode.node.chain import spooled_blocks as putting_away
from hypernode.node.chain.block_validation import Prepared
from hypernode.node.chain.chain_check import ChainCheck
from hypernode.node.chain.chain_import import LedgerChain, import_chain
from hypernode.node.chain.examiner import Examiner
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.node.owner.runtime import Node
from hypernode.node.sync import pending_branch
from hypernode.node.sync.answer_times import GIANT_PATIENCE_S
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.ports.chain import ToleratedViolation
from hypernode.ports.storage_faults import StorageFault
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.sim.memory.adapters import InlineVerifier, MemoryFiles
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from hypernode.storage.reading import LedgerReader
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES
from hypernode.wire.spool import Spool
from tests.unit.node.beds import ROUND, Bed, Branch, Handler, make_reported, play
from tests.unit.node.sync.serving import list_published

ALL = Support(5, 5)
KIB = 1024
SMALL = Limits(
    many_blocks_bytes=32 * KIB,
    one_block_bytes=3 * KIB + 64,
    giant_block_bytes=32 * KIB,
    mixed_block_bytes=100 * KIB + 64,
    block_messages=30,
    giant_block_messages=300,
)
BOUNDS = {
    "max_block_messages": 30,
    "max_block_bytes": 3 * KIB,
    "giant_block_bytes": 32 * KIB - 64,
    "mixed_block_bytes": 100 * KIB,
}


@pytest.fixture(autouse=True)
def a_thousandth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONG_FRAME_BYTES", 4 * KIB)
    monkeypatch.setattr(putting_away, "MAX_HELD_BYTES", 4 * KIB)


class Net:
    """An empty node of a network, and a chain that others hold; some of its blocks are giants."""

    def __init__(self, *, mixed: bool = True) -> None:
        self.bed = Bed(8, mixed=mixed, keep_rounds=9, **BOUNDS)
        self.heard: dict[int, list[Command]] = {}

    async def open(self, sizes: Sequence[int], counts: Sequence[int] = ()) -> Node:
        """Blocks with a message of so many bytes of params, then blocks of so many messages."""
        self.maker = await self.bed.node(1)
        branch = await Branch.on(self.bed, self.maker.ports.ledger)
        for sir, size in enumerate(sizes):
            at = self.bed.clock.now() - 20 + sir * 180
            long = self.bed.message(5, at, params="A" * size)
            await branch.add(ROUND, sir, messages=[*self.bed.messages(at), long])
        for sir, count in enumerate(counts, start=len(sizes)):
            at = self.bed.clock.now() - 20 + sir * 180
            await branch.add(ROUND, sir, messages=self.bed.messages(at, [n % 6 for n in range(count)]))
        self.blocks = branch.blocks
        self.bed.go_to(ROUND, len(self.blocks) + 1)
        self.tip = await self.maker.ports.ledger.append_many(self.blocks)
        return await self.new()

    async def new(self, rules: ChainParams | None = None, **ports: Any) -> Node:
        return await self.bed.node(params=rules, limits=SMALL, **ports)

    async def hold(
        self,
        index: int,
        features: int = ANNOUNCED_FEATURES,
        *,
        whole: bool = False,
        round_ends: int = 99,
        change: Handler | None = None,
    ) -> None:
        """A holder; its answers of several blocks end with the first, unless it gives them ``whole``."""

        async def handle(caller: Caller, command: Command) -> Command | None:
            number = command.int32 or 0
            if change is not None and (changed := await change(caller, command)) is not None:
                return changed
            if command.id is CommandId.BLOCKINFO:
                found = self.blocks[number - 1] if 0 < number <= len(self.blocks) else None
                info = found and ChainHeight(number, found.round, found.sir, found.block_hash)
                return Command(command.id, height=info or ChainHeight(0, 0, 0, b""))
            if command.id is CommandId.GETBLOCK:
                return Command(command.id, blocks=tuple(self.blocks[number - 1 : number]))
            if command.id is CommandId.ROUNDBLOCKS:
                return Command(command.id, blocks=tuple(self.blocks[:round_ends]))
            given = self.blocks[number - 1 :]
            return Command(command.id, blocks=tuple(given if whole else given[:1]))

        self.heard[index] = await self.bed.script(index, handle, features)

    def asked(self, index: int, command_id: CommandId) -> list[int]:
        return [command.int32 or 0 for command in self.heard[index] if command.id is command_id]

    async def catch_up(self, node: Node, *holders: int, support: Support = ALL) -> bool:
        return await node.sync.catch_up(make_reported(self.bed, self.tip, *holders), support)


def blamed(node: Node) -> list[str]:
    return [recipient for recipient, _ in list_published(node, kinds.KO_ACTION)]


@pytest.mark.parametrize("features", [0, ANNOUNCED_FEATURES])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ([10, 31_000, 10], ()),
        ([10, 33_500, 34_000, 95_000, 10], ()),
        ([90_000], (4,)),
        ([10], (4, 31, 290, 4)),
        ([10, 2_000, 2_000, 2_000, 2_000, 2_000], (12, 12)),
    ],
)
def test_an_empty_node_syncs_giant_blocks_and_blames_nobody(
    features: int, whole: bool, sizes: list[int], counts: tuple[int, ...]
) -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open(sizes, counts)
        for index in (2, 3):
            await net.hold(index, features, whole=whole)
        assert await net.catch_up(node, 2, 3)
        assert node.chain.height == net.tip
        assert await node.ports.ledger.get_blocks(1, 99) == net.blocks
        assert blamed(node) == []
        large = {"14"} if sizes and max(sizes) > 3_000 else set()
        many = {"7"} if counts and max(counts) > 30 else set()
        assert set(await node.ports.ledger.count_findings()) >= large | many

    play(scenario())


def test_who_is_slow_with_a_giant_gives_the_turn_back() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([40_000, 10])

        async def be_slow(caller: Caller, command: Command) -> Command | None:
            if net.asked(2, CommandId.GETBLOCK).count(1) == 2:
                await asyncio.sleep(10_000)
            return None

        await net.hold(2, 0, whole=True, change=be_slow)
        await net.hold(3, 0, whole=True)
        begun = asyncio.get_running_loop().time()
        assert await net.catch_up(node, 2, 3)
        assert asyncio.get_running_loop().time() - begun < GIANT_PATIENCE_S + 60
        assert node.chain.height == net.tip
        assert net.asked(2, CommandId.GETBLOCK) == [1, 1]
        assert net.asked(3, CommandId.GETBLOCK) == [1]
        assert blamed(node) == []

    play(scenario())


def test_a_giant_without_room_on_the_disk_is_nobodys_fault() -> None:
    class FullDisk(MemoryFiles):
        def make_spool(self) -> Spool:
            raise OSError(28, "No space left on device")

    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 40_000])
        full = await net.new(files=FullDisk())
        await net.hold(2)
        with pytest.raises(StorageFault, match="No space left"):
            await net.catch_up(full, 2)
        assert full.chain.height.height <= 1
        assert blamed(full) == []
        assert await net.catch_up(node, 2)

    play(scenario())


def test_giant_is_asked_for_once_and_alone() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 10, 40_000, 10])
        await net.hold(2, 0, whole=True)
        assert await net.catch_up(node, 2)
        assert net.asked(2, CommandId.BLOCKSYNC) == [1, 4]
        assert net.asked(2, CommandId.GETBLOCK) == [1, 2, 3, 3]

    play(scenario())


def test_a_giant_that_no_network_may_hold_is_its_givers_fault() -> None:
    async def scenario() -> None:
        net = Net(mixed=False)
        node = await net.open([], (4, 29))
        await net.hold(2)
        assert await net.catch_up(node, 2)
        assert node.chain.height.height == 1
        assert any("rule 14" in line for line in net.bed.log)
        assert len(blamed(node)) == 1

    play(scenario())


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("by_round", [False, True])
@pytest.mark.parametrize("sizes", [[10, 31_000], [10, 2_000, 2_000, 90_000]])
def test_giant_waits_for_most_to_hold_it_and_nobody_is_blamed(
    whole: bool, by_round: bool, sizes: list[int]
) -> None:
    """It is not fetched again before."""

    async def scenario() -> None:
        net = Net()
        node = await net.open(sizes)
        await net.hold(2, whole=whole)
        reported, few = make_reported(net.bed, net.tip, 2), Support(1, 5)
        if by_round:
            assert not await node.sync.sync_round(reported, (), few)
        await node.sync.catch_up(reported, few)
        assert node.chain.height.height < len(sizes)
        heard = len(net.heard[2])
        assert not await node.sync.catch_up(reported, few)
        assert not await node.sync.sync_round(reported, (), few)
        assert len(net.heard[2]) == heard
        assert await node.sync.catch_up(reported, ALL)
        assert node.chain.height == net.tip
        assert blamed(node) == []

    play(scenario())


@pytest.mark.parametrize("features", [0, ANNOUNCED_FEATURES])
@pytest.mark.parametrize("goes_on", [False, True])
def test_part_of_a_round_is_no_broken_promise_when_bytes_end_answers(features: int, goes_on: bool) -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 10, 10])
        await net.hold(2, features, round_ends=2)
        if not goes_on:
            del net.blocks[2:]
        reported = make_reported(net.bed, net.tip, 2)
        assert not await node.sync.sync_round(reported, (), ALL)
        is_left = bool(features) and goes_on
        assert (reported.height.block_hash in node.sync.list_aside(Aside.NEEDS_CATCH_UP)) == is_left
        assert len(blamed(node)) == (0 if is_left else 1)

    play(scenario())


@pytest.mark.parametrize("is_listed", [False, True])
def test_exception_of_the_operator_lifts_the_limits_for_its_height(is_listed: bool) -> None:
    """Also where all rules hold: more bytes, more messages."""

    async def scenario() -> None:
        net = Net(mixed=False)
        await net.open([], (4, 290, 4))
        listed = ((2, net.blocks[1].block_hash),) if is_listed else ()
        rules = replace(net.bed.params, exceptions=listed)
        node = await net.new(rules)
        await net.hold(2, whole=True)
        await net.catch_up(node, 2)
        assert node.chain.height.height == (3 if is_listed else 1)
        assert len(blamed(node)) == (0 if is_listed else 1)

    play(scenario())


def test_block_over_what_legacy_nodes_read_is_not_taken() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 102_500])
        await net.hold(2)
        assert await net.catch_up(node, 2)
        assert node.chain.height.height == 1

    play(scenario())


def test_a_round_over_our_limits_is_left_to_catching_up_without_blame() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 40_000, 10])
        await net.hold(2, 0, whole=True)
        reported = make_reported(net.bed, net.tip, 2)
        assert not await node.sync.sync_round(reported, (), ALL)
        assert reported.height.block_hash in node.sync.list_aside(Aside.NEEDS_CATCH_UP)
        assert not node.sync.is_put_aside(replace(reported, height=replace(net.tip, block_hash=b"other")))
        assert await node.sync.catch_up(reported, ALL)
        assert node.chain.height == net.tip
        assert blamed(node) == []

    play(scenario())


def test_bad_message_of_a_giant_is_found() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 40_000, 10])
        giant = net.blocks[1]
        net.blocks[1] = replace(
            giant, messages=(*giant.messages[:-1], replace(giant.messages[-1], params="B" + "A" * 39_999))
        )
        await net.hold(2)
        assert await net.catch_up(node, 2)
        assert node.chain.height.height == 1
        assert any("rule 11" in line for line in net.bed.log)
        assert len(blamed(node)) == 1

    play(scenario())


def test_branch_that_waits_to_be_whole_lies_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of ours go only for a whole branch; until then no message of it is held."""
    pending: list[Prepared] = []
    put_away = pending_branch.PendingBranch.put_away

    async def look(self: pending_branch.PendingBranch) -> None:
        await put_away(self)
        pending.extend(self.blocks)

    monkeypatch.setattr(pending_branch.PendingBranch, "put_away", look)

    async def scenario() -> None:
        net = Net()
        node = await net.open([10, 10, 40_000, 10], (4, 31))
        own = await Branch.on(net.bed, node.ports.ledger)
        await own.add(ROUND, 0)
        await node.chain.adopt(0, own.blocks, None, ALL)
        for index in (2, 3):
            await net.hold(index)
        assert await net.catch_up(node, 2, 3)
        assert node.chain.height == net.tip
        assert await node.ports.ledger.get_blocks(1, 99) == net.blocks
        assert len(pending) > 5
        assert all(isinstance(prepared.block.messages, LongMessages) for prepared in pending)

    play(scenario())


def test_branch_is_not_kept_beyond_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_branch, "MAX_BRANCH_BYTES", 20 * KIB)

    async def scenario() -> None:
        net = Net()
        node = await net.open([10] + [15_000] * 4)
        own = await Branch.on(net.bed, node.ports.ledger)
        await own.add(ROUND, 0)
        await node.chain.adopt(0, own.blocks, None, ALL)
        await net.hold(2)
        assert await net.catch_up(node, 2)
        assert node.chain.height == net.tip

    play(scenario())


def test_pushed_block_over_rule_14_is_ignored_and_then_fetched() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([31_000])
        with pytest.raises(Ignore, match="rule 14"):
            await node.chain.accept_pushed(net.blocks[0])
        await net.hold(2)
        assert await net.catch_up(node, 2)
        assert node.chain.height == net.tip

    play(scenario())


def test_prepared_giant_is_verified_in_pieces_and_stays_where_it_is() -> None:
    async def scenario() -> None:
        net = Net()
        node = await net.open([40_000], (290,))
        away = putting_away.put_away(net.blocks, node.ports.files)
        [one, many] = await node.chain.prepare(away)
        assert (one.block, many.block) == (net.blocks[0], net.blocks[1])
        assert (one.bad_messages, many.bad_messages) == ({}, {})
        assert putting_away.is_giant(one.block)
        assert isinstance(many.block.messages, LongMessages)

    play(scenario())


def test_giant_answer_of_another_kind_is_the_peers_fault() -> None:
    async def scenario() -> None:
        net = Net()
        await net.open([10])

        async def answer(caller: Caller, command: Command) -> Command | None:
            return Command(CommandId.GETBLOCK, blocks=(net.blocks[0],))

        await net.bed.script(2, answer)
        session = await net.bed.open(net.bed.ip(1), 2)
        giants = GiantBlocks(net.bed.params, SMALL)
        with pytest.raises(Reject, match="not in a row"):
            await giants.ask(session, 7)

    play(scenario())


# --- the doors of tools ---------------------------------------------------------------------------------


def examine(net: Net) -> Examiner:
    pow_source = FixedPowSource(net.bed.params)
    return Examiner(net.bed.params, InlineVerifier(), pow_source, net.bed.clock.now())


@pytest.mark.parametrize("mixed", [False, True])
def test_giants_of_another_ledger_are_taken_where_they_may_be_held(mixed: bool) -> None:
    async def scenario() -> None:
        net = Net(mixed=mixed)
        await net.open([10], (29, 15, 15, 4))
        rules = net.bed.params
        ledger = await open_ledger(InlineDatabase(), net.bed.params)
        source = LedgerChain(net.maker.ports.ledger)
        if mixed:
            await import_chain(rules, ledger, source, examine(net), needs_companion=True)
            assert ledger.get_height() == net.tip
            assert (await ledger.count_findings())["14"] == 3
        else:
            with pytest.raises(Reject, match="rule 14"):
                await import_chain(rules, ledger, source, examine(net), needs_companion=True)
            assert ledger.get_height().height == 1

    play(scenario())


@pytest.mark.parametrize("mixed", [False, True])
def test_check_of_the_chain_tells_giants_and_reads_no_more_than_a_batch(
    mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_check, "BATCH_BYTES", 10 * KIB)
    read: list[int] = []
    get_blocks = LedgerReader.get_blocks

    async def note(self: LedgerReader, first: int, count: int) -> list[Block]:
        read.append(count)
        return await get_blocks(self, first, count)

    monkeypatch.setattr(LedgerReader, "get_blocks", note)

    async def scenario() -> None:
        net = Net(mixed=mixed)
        await net.open([], (4, 4, 40, 4, 29, 29))
        read.clear()
        state = await ChainCheck(net.bed.params, net.maker.ports.ledger, examine(net)).run()
        assert read == [2, 1, 2, 1]
        found = {(b.height, b.rule.number, b.verdict.value) for b in state.breaks}
        assert {(3, "7", "refused"), (3, "14", "refused"), (5, "14", "refused")} <= found
        findings = [ToleratedViolation(3, net.blocks[2].block_hash, rule, "") for rule in (Rule.B7, Rule.B14)]
        other = await open_ledger(InlineDatabase(), net.bed.params)
        await other.append_many(net.blocks[:4], findings)
        state = await ChainCheck(net.bed.params, other, examine(net)).run()
        verdicts = {b.verdict.value for b in state.breaks if b.height == 3}
        assert verdicts == ({"documented"} if mixed else {"refused"})

    play(scenario())


def test_check_of_a_round_with_long_texts_finds_its_totals_right() -> None:
    async def scenario() -> None:
        net = Net()
        await net.open([10, 40_000])
        at = net.bed.clock.now() - 200
        branch = await Branch.on(net.bed, net.maker.ports.ledger)
        long = [
            net.bed.message(n, at, recipient="r" * 20_000, what=what) for n, what in enumerate((101, 202))
        ]
        await branch.add(ROUND, 2, messages=[*long, *net.bed.messages(at)])
        await net.maker.ports.ledger.append_many(branch.blocks)
        state = await ChainCheck(net.bed.params, net.maker.ports.ledger, examine(net)).run()
        assert {b.rule.number for b in state.breaks} == {"13", "14", "15"}

    play(scenario())


def test_long_words_on_parameters_are_not_remembered() -> None:
    async def scenario() -> None:
        bed = Bed()
        watch = ConfigWatch()
        watch.enter_round(ROUND, [bed.address(0), bed.address(1)])
        words = [
            bed.message(n, what=kinds.CONFIG, value=ROUND, params="h" * size)
            for n, size in enumerate((256, 257))
        ]
        watch.note(words)
        assert watch.describe(bed.address(5), "ours")["differing"] == {bed.address(0): "h" * 256}

    play(scenario())
