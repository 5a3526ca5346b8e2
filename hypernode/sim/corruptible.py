"""Nodes that can be made to lie while they run: parts that are honest until they are told to be otherwise.

A simulation composes its nodes of these (``Makers``), so nothing of a running node is replaced from outside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias, TypeVar

from hypernode.core.types import Block, RoundPlan, Slot
from hypernode.net.client_session import ClientSession
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.duty.forger import Forger
from hypernode.node.owner.event_hub import EventHub
from hypernode.node.owner.node_options import Makers
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.peer_table import Peer
from hypernode.node.rpc.handlers import Handler, RequestHandlers
from hypernode.ports.chain import ChainWriter
from hypernode.wire.catalogue import CommandId

T = TypeVar("T")
Exchange: TypeAlias = Callable[[Connector, ClientSession, Peer], Awaitable[None]]
"""Exchanges heights with a peer."""


class CorruptibleEvents(EventHub):
    """An honest node halts over a block of its key that it did not journal; who lies knows of it."""

    knows_own_blocks = False

    async def on_own_block(self, block: Block) -> None:
        if not self.knows_own_blocks:
            await super().on_own_block(block)


class CorruptibleForger(Forger):
    """Forges and sends as ``other`` does, once there is one."""

    other: Forger | None = None

    async def forge(self, plan: RoundPlan, sir: Slot) -> Block:
        return await (super().forge(plan, sir) if self.other is None else self.other.forge(plan, sir))

    async def send(self, block: Block, plan: RoundPlan) -> int:
        return await (super().send(block, plan) if self.other is None else self.other.send(block, plan))


class CorruptibleConnector(Connector):
    """Exchanges heights as ``exchange`` does, once there is one."""

    exchange: Exchange | None = None

    async def _exchange_heights(self, session: ClientSession, peer: Peer) -> None:
        if self.exchange is None:
            await super()._exchange_heights(session, peer)
        else:
            await self.exchange(self, session, peer)


class CorruptibleHandlers(RequestHandlers):
    """Handlers of which single ones can be exchanged."""

    def answer_by(self, command_id: CommandId, handler: Handler) -> None:
        """From now on ``handler`` answers this command."""
        self.handlers = {**self.handlers, command_id: handler}


CORRUPTIBLE: Final = Makers(CorruptibleEvents, CorruptibleForger, CorruptibleConnector, CorruptibleHandlers)


@dataclass(slots=True, kw_only=True)
class LyingForger(Forger):
    """What a liar forges with.  ``on_lie`` is called at each lie, ``events`` are those of its node, and
    ``writer`` stores what its chain would refuse."""

    on_lie: Callable[[], object]
    events: NodeEvents
    writer: ChainWriter


def _narrow(part: object, kind: type[T]) -> T:
    """The part as what a simulation composes.  Raises TypeError for one of an honest node."""
    if not isinstance(part, kind):
        raise TypeError(f"{type(part).__name__} cannot lie: compose the node with other Makers")
    return part


def forge_by(node: Node, make: Callable[..., Forger], **more: Any) -> None:
    """From now on the node forges and sends as another forger does, made of what its own has and ``more``."""
    forger = _narrow(node.forger, CorruptibleForger)
    forger.other = make(**{part.name: getattr(forger, part.name) for part in fields(Forger)}, **more)


def answer_by(node: Node, command_id: CommandId, handler: Handler) -> None:
    """From now on ``handler`` answers a command."""
    _narrow(node.serving, CorruptibleHandlers).answer_by(command_id, handler)


def know_own_blocks(node: Node) -> None:
    """From now on the node does not halt over what its key signed."""
    _narrow(node.events, CorruptibleEvents).knows_own_blocks = True


def exchange_by(node: Node, exchange: Exchange) -> None:
    """From now on heights are exchanged by ``exchange``; all peers are dialled anew."""
    connector = _narrow(node.connector, CorruptibleConnector)
    connector.cancel_all()
    connector.exchange = exchange
    group, plan = node.background.group, node.node_state.plan
    if group is not None and plan is not None:
        wanted = [entry for entry in plan.registered if entry.pos in node.node_state.connect_to]
        connector.set_targets(wanted, group)
