"""How we treat a legacy neighbour: when it is told, asked, dialled anew, and what it is pushed (spec 8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from hypernode.core.errors import Ignore, Reject
from hypernode.core.rules import Rule
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, ChainHeight, Endpoint, Message
from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.node.owner.runtime import Node
from hypernode.node.rpc.handlers import PUSH_SPREAD_PART
from hypernode.ports.connections import Transport
from hypernode.ports.journal import AlreadySigned
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, FakeCaller, note_height, play, store

LEGACY = 2


class LegacyPeer:
    """Answers as a legacy node would; ``heard`` has the time, who asked under which port, and the command."""

    def __init__(self, tip: ChainHeight, header: Block | None = None) -> None:
        self.tip, self.header = tip, header
        self.messages: tuple[Message, ...] = ()
        self.heard: list[tuple[float, int | None, Command]] = []

    async def __call__(self, caller: Caller, command: Command) -> Command | None:
        port = caller.hello.port if caller.hello else None
        self.heard.append((asyncio.get_running_loop().time(), port, command))
        match command.id:
            case CommandId.HEIGHT:
                return Command(command.id, height=self.tip)
            case CommandId.BLOCKINFO:
                return Command(command.id, height=ChainHeight(0, 0, 0, b""))
            case CommandId.MEMPOOL:
                return Command(command.id, messages=self.messages)
            case CommandId.GETHEADERS:
                header = () if self.header is None else (replace(self.header, messages=()),)
                return Command(command.id, blocks=header)
        return None

    def list_of(self, command_id: CommandId) -> list[tuple[float, int | None, Command]]:
        return [heard for heard in self.heard if heard[2].id is command_id]


# --- connections ----------------------------------------------------------------------------------------


async def keep(bed: Bed, node: Node, seconds: float) -> None:
    """Keep the connection to the legacy peer for a while."""
    async with asyncio.TaskGroup() as group:
        node.connector.set_targets([bed.entry(LEGACY)], group)
        await asyncio.sleep(seconds)
        node.connector.cancel_all()


def test_it_is_dialled_anew_in_the_second_slot_of_every_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        peer = LegacyPeer(node.chain.height)
        await bed.script(LEGACY, peer, features=0)
        dialled: list[float] = []
        connect = node.ports.connections.connect

        async def watch(remote: Endpoint, source_ip: str | None, timeout_s: float) -> Transport:
            dialled.append(bed.clock.now())
            return await connect(remote, source_ip, timeout_s)

        node.ports.connections.connect = watch  # type: ignore[method-assign]
        for message in bed.messages(bed.clock.now()):
            await node.intake.submit([message])
        await keep(bed, node, 2.2 * bed.params.round_s)
        _, second, third = dialled
        for at, round_ in ((second, ROUND + 1), (third, ROUND + 2)):
            start = compute_slot_start(bed.params, round_, 1)
            assert 0 <= at - start <= bed.params.slot_s + bed.params.delays.peer_retry_s + 31

    play(scenario())


def test_a_feature_peer_keeps_its_connection_from_round_to_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        peer = LegacyPeer(node.chain.height)
        await bed.script(LEGACY, peer)
        await keep(bed, node, 1.2 * bed.params.round_s)
        heights = [at for at, _, _ in peer.list_of(CommandId.HEIGHT)]
        assert max(b - a for a, b in pairwise(heights)) <= 30.1

    play(scenario())


def test_while_messages_are_few_it_is_asked_for_all_on_the_side() -> None:
    """What it wrote itself it tells only in the first exchange of a connection."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        peer = LegacyPeer(node.chain.height)
        peer.messages = tuple(bed.messages(bed.clock.now()))
        await bed.script(LEGACY, peer, features=0)
        await keep(bed, node, 5.0)
        assert [(port, c.int32, c.messages) for _, port, c in peer.list_of(CommandId.MEMPOOL)] == [(0, 1, ())]
        assert len(node.mempool) == 4
        await keep(bed, node, 100.0)
        asked = [port for _, port, _ in peer.list_of(CommandId.MEMPOOL)]
        assert asked[1:]
        assert set(asked[1:]) == {6969}, "there are enough for a block now"

    play(scenario())


def test_it_hears_of_a_new_tip_when_it_is_due_and_not_at_once() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        peer = LegacyPeer(node.chain.height)
        await bed.script(LEGACY, peer, features=0)

        async def change() -> None:
            await asyncio.sleep(2)
            await store(bed, node.ports.ledger, (ROUND, 0))
            node.events.on_tip()

        async with asyncio.TaskGroup() as group:
            group.create_task(change())
            await keep(bed, node, 12.0)
        times = [at for at, _, _ in peer.list_of(CommandId.HEIGHT)]
        assert len(times) == 2
        assert times[1] - times[0] == pytest.approx(10.0, abs=0.5)

    play(scenario())


def test_errands_to_one_hypernode_go_one_after_the_other() -> None:
    """They say one name, and a legacy node keeps one entry a name."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        open_now = most = 0

        async def run_errand(index: int) -> None:
            nonlocal open_now, most
            async with node.dialler.open_once(bed.entry(index)):
                open_now += 1
                most = max(most, open_now)
                await asyncio.sleep(1)
                open_now -= 1

        for index in (LEGACY, 3):
            await bed.script(index, LegacyPeer(node.chain.height), features=0)
        await asyncio.gather(*(run_errand(LEGACY) for _ in range(3)))
        assert most == 1
        await asyncio.gather(run_errand(LEGACY), run_errand(3))
        assert most == 2

    play(scenario())


@pytest.mark.parametrize(("offset_s", "is_offered"), [(0.0, True), (3.0, True), (3.5, False), (-9.0, True)])
def test_what_would_be_of_its_future_is_not_sent_yet(offset_s: float, *, is_offered: bool) -> None:
    """Our clock is ahead of the others' by so much: what we write now is later by theirs."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.node_state.clock_offset_s = offset_s
        assert await node.intake.submit([bed.message(1)]) == [None]
        await node.listening.start(node.options.listen)
        for port in (6969, 0):
            session = await bed.open(bed.ip(LEGACY), 0, port=port, features=0)
            answer = await session.request(Command(CommandId.MEMPOOL, messages=(bed.message(3),)), 5.0)
            theirs = [m for m in answer.messages if m.sender == bed.address(1)]
            assert len(theirs) == is_offered

    play(scenario())


# --- pushed blocks --------------------------------------------------------------------------------------


async def forged(bed: Bed) -> tuple[Node, Block, Block]:
    """A juror with a block of its own on top of its parent."""
    bed.go_to(ROUND, 1)
    branch = await Branch.on(bed, (await bed.node()).ports.ledger)
    plan = await branch.plan(ROUND)
    parent = await branch.make(ROUND, 0)
    node = await bed.node(bed.index_of(plan.juror_of(1) or ""))
    for message in bed.messages(bed.clock.now()):
        await node.intake.submit([message])
    await node.ports.ledger.append(parent)
    assert node.node_state.plan is not None
    return node, parent, await node.forger.forge(node.node_state.plan, 1)


async def send(bed: Bed, node: Node, block: Block, peer: LegacyPeer) -> list[CommandId]:
    """What a legacy peer gets when our block goes out."""
    other = next(n for n in range(bed.size) if bed.address(n) != node.ports.signer.address)
    await bed.script(other, peer, features=0)
    note_height(bed, node, other, peer.tip, features=0)
    assert node.node_state.plan is not None
    await node.forger.send(block, node.node_state.plan)
    await asyncio.sleep(1)
    assert node.peers._awaiting_push == set()
    return [command.id for _, _, command in peer.heard]


class SlowStoring:
    """Once a block is stored, and seen to be, a moment passes before who stored it goes on."""

    def __init__(self, node: Node) -> None:
        ledger = node.ports.ledger
        self._append = ledger.append
        self.stored = asyncio.Event()
        ledger.append = self._store  # type: ignore[method-assign]

    async def _store(self, *of: Any, **more: Any) -> ChainHeight:
        height = await self._append(*of, **more)
        self.stored.set()
        await asyncio.sleep(1.0)
        return height


async def ask_height_of(session: ClientSession, reported: ChainHeight) -> ChainHeight:
    answer = await session.request(Command(CommandId.HEIGHT, height=reported), 5.0)
    assert answer.height is not None
    return answer.height


def test_a_pushed_block_is_not_told_while_it_is_stored_either() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 1)
        node = await bed.serve(0)
        session = await bed.open(bed.ip(LEGACY), 0, port=6969, features=0)
        block = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 1)
        before, storing = node.chain.height, SlowStoring(node)
        caller = FakeCaller(bed.ip(2))
        push = asyncio.create_task(node.serving.handle(caller, Command(CommandId.BLOCK, blocks=(block,))))  # type: ignore[arg-type]
        await storing.stored.wait()
        assert node.chain.height.height == 1
        assert (await ask_height_of(session, before)).height == 0
        await push
        assert (await ask_height_of(session, before)).height == 0
        await asyncio.sleep(PUSH_SPREAD_PART * bed.params.slot_s)
        assert (await ask_height_of(session, before)).height == 1

    play(scenario())


def test_our_own_block_is_not_told_from_its_storing_until_it_was_pushed() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 1)
        plan = await (await Branch.on(bed, (await bed.node()).ports.ledger)).plan(ROUND)
        own = bed.index_of(plan.juror_of(1) or "")
        node = await bed.serve(own)
        other = next(n for n in range(bed.size) if n != own)
        session = await bed.open(bed.ip(other), own, port=6969, features=0)
        await node.intake.submit(bed.messages(bed.clock.now()))
        before, storing = node.chain.height, SlowStoring(node)
        assert node.node_state.plan is not None
        forging = asyncio.create_task(node.forger.forge(node.node_state.plan, 1))
        await storing.stored.wait()
        assert node.chain.height.height == 1
        assert (await ask_height_of(session, before)).height == 0
        block = await forging
        assert (await ask_height_of(session, before)).height == 0
        await node.forger.send(block, node.node_state.plan)
        assert (await ask_height_of(session, before)).height == 1

    play(scenario())


def test_nobody_waits_for_a_block_of_ours_that_came_to_nothing() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, _, _ = await forged(bed)
        assert node.peers._awaiting_push
        assert node.node_state.plan is not None
        with pytest.raises((Ignore, Reject, AlreadySigned)):
            await node.forger.forge(node.node_state.plan, 1)
        node.peers.end_all_pushes()

        async def fail(*of: Any) -> ChainHeight:
            raise Ignore(Rule.B1, "the tip moved while we forged")

        node.chain.append_own = fail  # type: ignore[method-assign,assignment]
        bed.go_to(ROUND, 2)
        await node.intake.submit(bed.messages(bed.clock.now()))
        with pytest.raises(Ignore, match="the tip moved"):
            await node.forger.forge(node.node_state.plan, 2)
        assert node.peers._awaiting_push == set()

    play(scenario())


def test_one_that_told_the_parent_is_asked_again_before_it_is_pushed_to() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, parent, block = await forged(bed)
        reported = await node.ports.ledger.get_height_at(1)
        assert reported is not None
        peer = LegacyPeer(reported, parent)
        assert await send(bed, node, block, peer) == [CommandId.GETHEADERS, CommandId.BLOCK]

    play(scenario())


def test_one_that_moved_on_since_it_told_the_parent_gets_nothing() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, _, block = await forged(bed)
        reported = await node.ports.ledger.get_height_at(1)
        assert reported is not None
        peer = LegacyPeer(reported, replace(block, block_hash=b"o" * 20))
        assert await send(bed, node, block, peer) == [CommandId.GETHEADERS]

    play(scenario())


def test_one_that_reached_the_parent_since_its_last_height_is_pushed_to() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, parent, block = await forged(bed)
        reported = await node.ports.ledger.get_height_at(0)
        assert reported is not None
        peer = LegacyPeer(reported, parent)
        assert await send(bed, node, block, peer) == [CommandId.GETHEADERS, CommandId.BLOCK]

    play(scenario())


def test_one_that_derives_a_round_holds_up_nobody() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, _, block = await forged(bed)
        silent = next(n for n in range(bed.size) if bed.address(n) != node.ports.signer.address)

        async def say_nothing(transport: Transport) -> None:
            await asyncio.sleep(1_000)

        await bed.memory.get_connections(bed.ip(silent)).listen(Endpoint(bed.ip(silent), 6969), say_nothing)
        assert node.node_state.plan is not None
        started = bed.clock.monotonic()
        assert await node.forger.send(block, node.node_state.plan) == 0
        assert bed.clock.monotonic() - started <= 11.0

    play(scenario())


def test_until_the_push_is_done_it_does_not_hear_of_the_block() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, parent, block = await forged(bed)
        other = next(n for n in range(bed.size) if bed.address(n) != node.ports.signer.address)
        reported = await node.ports.ledger.get_height_at(1)
        assert reported is not None
        peer = LegacyPeer(reported, parent)
        await node.listening.start(node.options.listen)
        own = bed.index_of(node.ports.signer.address)
        session = await bed.open(bed.ip(other), own, port=6969, features=0)
        heard: list[int] = []

        async def ask_height() -> None:
            answer = await session.request(Command(CommandId.HEIGHT, height=reported), 5.0)
            assert answer.height is not None
            heard.append(answer.height.height)

        async def ask_while_it_is_asked(caller: Caller, command: Command) -> Command | None:
            if command.id is CommandId.GETHEADERS:
                await ask_height()
            return await peer(caller, command)

        await bed.script(other, ask_while_it_is_asked, features=0)
        assert node.node_state.plan is not None
        assert await node.forger.send(block, node.node_state.plan) == 1
        await ask_height()
        assert heard == [1, 2]

    play(scenario())


def test_it_hears_of_a_pushed_block_when_its_forger_has_reached_all() -> None:
    async def scenario() -> None:
        bed = Bed()
        forger, _, block = await forged(bed)
        juror = bed.index_of(forger.ports.signer.address)
        index, other, third = [n for n in range(bed.size) if n != juror][:3]
        node = await bed.node(index)
        parent = await forger.ports.ledger.get_block(1)
        assert parent is not None
        await node.ports.ledger.append(parent)
        await node.listening.start(node.options.listen)
        pushing = await bed.open(bed.ip(juror), index, port=6969)
        legacy = await bed.open(bed.ip(other), index, port=6969, features=0)
        ours = await bed.open(bed.ip(third), index, port=6969)

        async def ask(session: ClientSession) -> int:
            answer = await session.request(Command(CommandId.HEIGHT, height=node.chain.height), 5.0)
            assert answer.height is not None
            return answer.height.height

        assert (await ask(legacy), await ask(ours)) == (1, 1)
        await pushing.send(Command(CommandId.BLOCK, blocks=(block,)))
        await asyncio.sleep(1)
        assert (await ask(legacy), await ask(ours)) == (1, 2)
        await asyncio.sleep(PUSH_SPREAD_PART * bed.params.slot_s)
        assert (await ask(legacy), await ask(ours)) == (2, 2)

    play(scenario())
