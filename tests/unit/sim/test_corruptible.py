"""Parts that are honest until they are told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hypernode.core.types import Block, RoundPlan, Slot
from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.node.duty.forger import Forger
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.peer_table import Peer
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import Cluster
from hypernode.sim.corruptible import answer_by, exchange_by, forge_by, know_own_blocks
from hypernode.sim.memory.loop import run
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import Bed

FIRST = 3


class Idler(Forger):
    """Counts what it is asked for, and forges nothing."""

    asked = 0

    async def forge(self, plan: RoundPlan, sir: Slot) -> Block:
        Idler.asked += 1
        raise TransportClosed("idle")

    async def send(self, block: Block, plan: RoundPlan) -> int:
        return 77


async def start() -> tuple[Cluster, Node]:
    cluster = Cluster(4, 31)
    await cluster.start_all()
    await cluster.run_until(FIRST, 2)
    node = cluster.hosts[0].node
    assert node is not None
    return cluster, node


def test_it_forges_and_sends_as_another_does_from_then_on() -> None:
    async def scenario() -> None:
        cluster, node = await start()
        plan, block = node.node_state.plan, await node.ports.ledger.get_block(1)
        assert plan is not None
        assert block is not None
        assert await node.forger.send(block, plan) == 0  # its parent is nobody's tip any more
        forge_by(node, Idler)
        with pytest.raises(TransportClosed, match="idle"):
            await node.forger.forge(plan, 5)
        assert Idler.asked == 1
        assert await node.forger.send(block, plan) == 77
        await cluster.stop_all()

    run(scenario())


def test_only_a_node_that_knows_its_block_goes_on_without_a_journal() -> None:
    async def scenario() -> None:
        cluster, node = await start()
        block = await node.ports.ledger.get_block(node.chain.height.height)
        assert block is not None
        know_own_blocks(node)
        await node.events.on_own_block(block)
        assert node.node_state.halted == ""
        other = cluster.hosts[1].node
        assert other is not None
        await other.events.on_own_block(block)
        assert "elsewhere" in other.node_state.halted
        await cluster.stop_all()

    run(scenario())


def test_one_command_is_answered_otherwise_and_the_others_as_before() -> None:
    async def scenario() -> None:
        cluster, node = await start()

        async def lie(caller: Caller, command: Command) -> Command:
            return Command(CommandId.KO, string="a lie")

        before = dict(node.serving.handlers)
        answer_by(node, CommandId.PING, lie)
        assert node.serving.handlers[CommandId.PING] is lie
        assert {key for key, handler in node.serving.handlers.items() if handler != before[key]} == {
            CommandId.PING
        }
        await cluster.stop_all()

    run(scenario())


def test_heights_are_exchanged_otherwise_over_lines_dialled_anew() -> None:
    async def scenario() -> None:
        cluster, node = await start()
        lines = {peer.session for peer in node.peers.outbound.values()}
        seen: list[str] = []

        async def exchange(connector: Connector, session: ClientSession, peer: Peer) -> None:
            assert session not in lines
            seen.append(peer.ip)

        exchange_by(node, exchange)
        await asyncio.sleep(40)
        assert set(seen) == {cluster.hosts[n].ip for n in (1, 2, 3)}
        await cluster.stop_all()

    run(scenario())


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda node: forge_by(node, Idler),
        know_own_blocks,
        lambda node: answer_by(node, CommandId.PING, node.serving.handlers[CommandId.OK]),
        lambda node: exchange_by(node, _exchange_nothing),
    ],
)
def test_a_node_of_honest_parts_cannot_be_corrupted(corrupt: Callable[[Node], Any]) -> None:
    async def scenario() -> None:
        node = await Bed().node()
        with pytest.raises(TypeError, match="Makers"):
            corrupt(node)

    run(scenario())


async def _exchange_nothing(connector: Connector, session: ClientSession, peer: Peer) -> None:
    """Neither tell nor ask."""
