"""The worst that dishonest jurors can do together, as far as we know: split the others at the end of a round.

One of the plotters has the last slot of the round.  It pushes nothing in it, and seals two blocks for it
instead.  Right before the closing slot ends, one goes to half of the honest and the other to the other half:
no rule forbids a block to come late, as long as its own time is of its slot.  By the time that the halves
have heard of each other the round is over, and a block of a past round gives way only to what most of those
in sight hold (spec 4).  So from then on every plotter tells each of the honest that it holds the very chain
that this one holds: nobody sees a majority against itself, and no majority is needed to go on, as over
MIN_FORGE_CONSENSUS of all is enough for the jurors of either side.  The plotters forge nothing themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hypernode.core.errors import Ignore
from hypernode.core.forging import find_forging_violation, seal_block, select_messages
from hypernode.core.lottery import Draws
from hypernode.core.rules import Rule
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, ChainHeight, RoundPlan, Slot
from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.node.duty.forger import Forger
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.peer_client import ask_height
from hypernode.node.peers.peer_table import Peer
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import Cluster, SimNode
from hypernode.sim.corruptible import answer_by, exchange_by, forge_by, know_own_blocks
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command


def choose_plotters(cluster: Cluster, juror: int, part: float, draws: Draws) -> frozenset[int]:
    """The juror and others, drawn: together ``part`` of all hosts."""
    others = [host.index for host in cluster.hosts if host.index != juror]
    draws.shuffle(others)
    return frozenset([juror, *others[: max(1, round(part * len(cluster.hosts))) - 1]])


@dataclass(slots=True)
class Plot:
    """``plotters`` are hosts by index, ``juror`` is the one with the last slot."""

    cluster: Cluster
    plotters: frozenset[int]
    juror: int
    draws: Draws

    def join(self) -> None:
        """From now on the plotters forge nothing, and agree with whoever asks."""
        for index in sorted(self.plotters):
            node = self._get_node(index)
            forge_by(node, _IdleForger)
            answer_by(node, CommandId.HEIGHT, self._make_answer(node))
            know_own_blocks(node)
            exchange_by(node, self._agree)

    async def strike(self) -> bool:
        """Push one block to half of the honest, and another to the other half; False when the juror has too
        few messages for a block."""
        node = self._get_node(self.juror)
        plan = node.node_state.plan
        blocks = await self._seal_two(node, plan) if plan is not None else []
        if len(blocks) < 2:
            return False
        honest = [host for host in self.cluster.hosts if host.index not in self.plotters]
        self.draws.shuffle(honest)
        half = len(honest) // 2
        sides = zip(blocks, (honest[:half], honest[half:]), strict=True)
        pushes = [self._push(node, host, block) for block, hosts in sides for host in hosts]
        await asyncio.gather(*pushes)
        return True

    async def _seal_two(self, node: Node, plan: RoundPlan) -> list[Block]:
        """Two blocks for the last slot with a juror, a second apart; fewer when messages are wanting."""
        parent = (await node.ports.ledger.get_headers(None, 1))[0]
        sir = len(plan.jurors) - 1
        end = compute_slot_start(node.params, plan.round, sir + 1)
        candidates = [m for m in node.mempool.get_all() if m.sender in node.intake.senders]
        signer = node.ports.signer
        blocks = []
        for timestamp in (end - 1, end - 2):
            messages = select_messages(
                node.params, candidates, node.params.default_tunables.max_txs_per_block, timestamp
            )
            if find_forging_violation(node.params, messages) is None:
                blocks.append(
                    seal_block(signer.sign, signer.address, parent, plan.round, sir, timestamp, messages)
                )
        return blocks

    async def _push(self, node: Node, host: SimNode, block: Block) -> None:
        entry = node.peers.find_by_address(host.signer.address)
        if entry is None:
            return
        try:
            await node.dialler.send_alone(entry, Command(CommandId.BLOCK, blocks=(block,)))
        except (TransportClosed, TimeoutError):
            return  # that one hears of it from its side

    def _get_node(self, index: int) -> Node:
        node = self.cluster.hosts[index].node
        if node is None:
            raise RuntimeError(f"plotter {index} does not run")
        return node

    def _find_height(self, ip: str) -> ChainHeight | None:
        """What the host with this IP holds itself: it says so to everybody who asks."""
        host = next((host for host in self.cluster.hosts if host.ip == ip), None)
        return host.height if host is not None and host.node is not None else None

    async def _agree(self, connector: Connector, session: ClientSession, peer: Peer) -> None:
        """Tell a peer the height that it has itself."""
        own = self._find_height(peer.ip) or connector.ledger.get_height()
        told, their_juror = await ask_height(session, own, connector.node_state.get_juror())
        connector.note_height(peer, told, their_juror)

    def _make_answer(self, node: Node) -> Callable[[Caller, Command], Awaitable[Command | None]]:
        async def answer(caller: Caller, command: Command) -> Command | None:
            told = self._find_height(caller.ip) or node.chain.height
            return Command(CommandId.HEIGHT, height=told)

        return answer


class _IdleForger(Forger):
    async def forge(self, plan: RoundPlan, sir: Slot) -> Block:
        raise Ignore(Rule.FORGING, "leaves its slot empty")
