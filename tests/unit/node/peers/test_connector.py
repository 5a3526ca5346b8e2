"""The standing connections of a round: dialled, kept, used, and let go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from hypernode.core.errors import Ignore
from hypernode.core.params.chain_params import replace_fields
from hypernode.core.rules import Rule
from hypernode.core.types import ChainHeight
from hypernode.machine.consensus import Consensus
from hypernode.net.caller import Caller
from hypernode.node.owner.runtime import Node
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import FEATURE_CHECKED
from tests.unit.node.beds import ROUND, Bed, Handler, ask, play, store

HEIGHT = ChainHeight(7, ROUND, 0, b"t" * 20)


async def connected(
    bed: Bed, node: Node, targets: list[int], body: Callable[[asyncio.TaskGroup], Awaitable[None]]
) -> None:
    """Run ``body`` while the node keeps its connections."""
    async with asyncio.TaskGroup() as group:
        node.connector.set_targets([bed.entry(n) for n in targets], group)
        await body(group)
        node.connector.cancel_all()


class Peer:
    """Tells ``height``, and has ``messages`` for us."""

    def __init__(self, height: ChainHeight = HEIGHT, juror: str | None = None) -> None:
        self.height, self.juror = height, juror
        self.heard: list[tuple[float, Command]] = []
        self.messages: tuple[object, ...] = ()

    async def __call__(self, caller: Caller, command: Command) -> Command | None:
        self.heard.append((asyncio.get_running_loop().time(), command))
        if command.id is CommandId.HEIGHT:
            return Command(command.id, height=self.height, height_forger=self.juror)
        if command.id is CommandId.MEMPOOL:
            return Command(command.id, messages=self.messages)  # type: ignore[arg-type]
        if command.id is CommandId.BLOCKINFO:
            return Command(command.id, height=ChainHeight(0, 0, 0, b""))
        return ask(CommandId.OK) if command.id is CommandId.PING else None

    def times_of(self, command_id: CommandId) -> list[float]:
        return [at for at, command in self.heard if command.id is command_id]


def test_heights_are_exchanged_at_once_and_then_as_often_as_is_due() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, peer = await bed.node(), Peer(juror=bed.address(3))
        await bed.script(2, peer)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(1)
            views = node.peers.list_views()
            assert [(v.address, v.reported, v.is_outbound, v.juror) for v in views] == [
                (bed.address(2), HEIGHT, True, bed.address(3))
            ]
            assert node.peers.count_connected() == 1
            await asyncio.sleep(30)
            times = peer.times_of(CommandId.HEIGHT)
            assert len(times) == 4
            assert peer.heard[0][1].height == node.chain.height
            assert peer.heard[0][1].height_forger == node.node_state.get_juror()

        await connected(bed, node, [2], body)
        await asyncio.sleep(0.1)
        assert node.peers.list_views() == ()
        assert node.peers.count_connected() == 0

    play(scenario())


def test_a_change_of_our_tip_is_told_at_once() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, peer = await bed.node(), Peer()
        await bed.script(2, peer)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(2)
            before = len(peer.times_of(CommandId.HEIGHT))
            await store(bed, node.ports.ledger, (ROUND, 0))
            node.events.on_tip()
            await asyncio.sleep(0.5)
            assert len(peer.times_of(CommandId.HEIGHT)) == before + 1
            assert peer.heard[-1][1].height == node.chain.height

        await connected(bed, node, [2], body)

    play(scenario())


def test_messages_are_exchanged_both_ways_and_not_sent_back() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, peer = await bed.node(), Peer()
        theirs, ours = bed.message(3), bed.message(1)
        peer.messages = (theirs,)
        await bed.script(2, peer)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(31)
            assert peer.times_of(CommandId.MEMPOOL) == []
            assert await node.intake.submit([ours]) == [None]
            await asyncio.sleep(31)
            sent = [m.txid for _, c in peer.heard if c.id is CommandId.MEMPOOL for m in c.messages]
            assert sent == [ours.txid]
            assert {m.txid for m in node.mempool.get_all()} == {ours.txid, theirs.txid}
            await asyncio.sleep(61)
            sent = [m.txid for _, c in peer.heard if c.id is CommandId.MEMPOOL for m in c.messages]
            assert sent == [ours.txid]

        await connected(bed, node, [2], body)

    play(scenario())


@pytest.mark.parametrize("features", [0, FEATURE_CHECKED])
def test_pings_go_to_feature_peers_only(features: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.params = replace_fields(
            bed.params, ping_delay_s=5, delays=replace(bed.params.delays, height_exchange_s=40.0)
        )
        node, peer = await bed.node(), Peer()
        await bed.script(2, peer, features=features)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(30)
            assert bool(peer.times_of(CommandId.PING)) == bool(features)

        await connected(bed, node, [2], body)

    play(scenario())


def test_a_line_that_breaks_is_dialled_again_slower_each_time() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(300)

        await connected(bed, node, [2], body)
        ends = [line for line in bed.log if line.startswith("connection to 10.3.0.1:6969 ended")]
        assert 4 <= len(ends) <= 6

    play(scenario())


def list_ends(bed: Bed, index: int) -> list[str]:
    head = f"connection to {bed.ip(index)}:6969 ended: "
    return [line.removeprefix(head) for line in bed.log if line.startswith(head)]


async def _say_nothing(caller: Caller, command: Command) -> Command | None:
    await asyncio.sleep(10_000)
    return None


async def _refuse(caller: Caller, command: Command) -> Command | None:
    raise Ignore(Rule.WIRE, "not served")


@pytest.mark.parametrize(
    ("handler", "end"),
    [
        (_say_nothing, "no answer in time"),
        (_refuse, "closed by the peer"),
        (None, "no answer in time"),
        (Peer(), "not wanted any more"),
    ],
)
def test_the_end_of_a_connection_has_a_reason(handler: Handler | None, end: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        if handler is not None:
            await bed.script(2, handler)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(150)

        await connected(bed, node, [2], body)
        await asyncio.sleep(1)
        ends = list_ends(bed, 2)
        assert ends[0] == end
        assert all(ends)

    play(scenario())


def test_who_is_not_on_the_list_any_more_is_let_go() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, first, second = await bed.node(), Peer(), Peer()
        await bed.script(2, first)
        await bed.script(3, second)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(1)
            node.connector.set_targets([bed.entry(3), bed.entry(4)], group)
            await asyncio.sleep(60)
            assert list(node.peers.outbound) == ["10.4.0.1:06969"]
            assert len(first.heard) == 1
            assert len(second.heard) > 4

        await connected(bed, node, [2, 3], body)

    play(scenario())


@pytest.mark.parametrize("port", ["", "no", "99999", "0", "٣٣", "9" * 5000])
def test_a_port_that_is_none_is_not_dialled(port: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        async with asyncio.TaskGroup() as group:
            node.connector.set_targets([replace(bed.entry(2), port=port)], group)
            await asyncio.sleep(10)
            node.connector.cancel_all()
        assert bed.log == []

    play(scenario())


async def _garbage(caller: Caller, command: Command) -> Command | None:
    return ask(CommandId.GETTX)


async def _no_height(caller: Caller, command: Command) -> Command | None:
    return ask(CommandId.HEIGHT)


async def _ko(caller: Caller, command: Command) -> Command | None:
    return ask(CommandId.KO, string="\x07 no")


@pytest.mark.parametrize("handler", [_garbage, _no_height, _ko])
def test_nonsense_ends_the_line_and_no_more(
    handler: Callable[[Caller, Command], Awaitable[Command | None]],
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await bed.script(2, handler)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(5)
            assert node.peers.list_views() == ()

        await connected(bed, node, [2], body)
        assert [line.split(":")[0] for line in bed.log] == ["connected to 10.3.0.1", "connection to 10.3.0.1"]

    play(scenario())


def test_a_peer_of_another_network_is_tried_again_later() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        foreign = Bed(posnet="elsewhere1", posnet_allow=("elsewhere1",))
        foreign.memory = bed.memory
        await foreign.script(2, Peer())

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(5)

        await connected(bed, node, [2], body)
        assert "Bad Posnet" in bed.log[0]

    play(scenario())


@pytest.mark.parametrize(("percent", "count"), [(50, 7), (51, 3)])
def test_heights_are_exchanged_less_often_while_we_are_in_consensus(percent: int, count: int) -> None:
    """Every 10 s, and every 30 s under consensus (spec 6, connecting): over half agree."""

    async def scenario() -> None:
        bed = Bed()
        node, peer = await bed.node(), Peer()
        node.node_state.consensus = Consensus(percent, 100, percent, 1, 1, 1)
        await bed.script(2, peer)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(62)
            assert len(peer.times_of(CommandId.HEIGHT)) == count

        await connected(bed, node, [2], body)

    play(scenario())


def test_what_a_broken_exchange_carried_is_sent_again_after_a_reconnect() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, peer = await bed.node(), Peer()
        ours = bed.message(1)
        assert await node.intake.submit([ours]) == [None]
        breaks = 1

        async def handle(caller: Caller, command: Command) -> Command | None:
            nonlocal breaks
            answer = await peer(caller, command)
            if command.id is CommandId.MEMPOOL and breaks:
                breaks -= 1
                raise Ignore(Rule.WIRE, "the line broke before the answer")
            return answer

        await bed.script(2, handle)

        async def body(group: asyncio.TaskGroup) -> None:
            await asyncio.sleep(60)
            sent = [[m.txid for m in c.messages] for _, c in peer.heard if c.id is CommandId.MEMPOOL]
            assert sent[:2] == [[ours.txid], [ours.txid]]
            assert all(not batch for batch in sent[2:])

        await connected(bed, node, [2], body)

    play(scenario())
