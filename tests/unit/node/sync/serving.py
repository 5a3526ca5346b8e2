"""Peers that serve blocks, and a node that has another chain."""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Block, ChainHeight
from hypernode.net.caller import Caller
from hypernode.node.owner.runtime import Node
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, Handler, ask, store

SLOTS = [(ROUND, sir) for sir in range(4)]


def list_published(node: Node, what: int) -> list[tuple[str, str]]:
    return [(m.recipient, m.params) for m in node.mempool.get_all() if m.what == what]


async def serving_chain(bed: Bed, index: int, blocks: Sequence[Block]) -> Node:
    peer = await bed.serve(index)
    await peer.ports.ledger.append_many(blocks)
    return peer


def serve_blocks(blocks: Sequence[Block], last: ChainHeight | None = None) -> Handler:
    """A peer that has these blocks on genesis, and answers as a node does."""

    async def handle(caller: Caller, command: Command) -> Command | None:
        number = command.int32 or 0
        if command.id is CommandId.ROUNDBLOCKS:
            return ask(command.id, blocks=tuple(b for b in blocks if b.round == number))
        if command.id is CommandId.BLOCKSYNC:
            return ask(command.id, blocks=tuple(b for b in blocks if b.height >= number)[:20])
        if command.id is CommandId.BLOCKINFO:
            found = next((b for b in blocks if b.height == number), None)
            info = ChainHeight(number, found.round, found.sir, found.block_hash) if found else None
            return ask(command.id, height=info or ChainHeight(0, 0, 0, b""))
        raise Ignore(Rule.WIRE, "not served")

    return handle


async def measure(bed: Bed, blocks: Sequence[Block]) -> ChainHeight:
    other = await bed.node(1)
    return await other.ports.ledger.append_many(blocks)


async def two_chains(bed: Bed, node: Node, shared: int = 2, ours: int = 1) -> list[Block]:
    """Our node has ``shared`` blocks and then ``ours`` of its own; returns a better chain."""
    bed.go_to(ROUND, 6)
    await store(bed, node.ports.ledger, *SLOTS[:shared])
    common = await node.ports.ledger.get_blocks(1, shared)
    if ours:
        await store(bed, node.ports.ledger, *[(ROUND, shared + n) for n in range(ours)], after_s=18)
    branch = await Branch.on(bed, node.ports.ledger, shared)
    return [*common, *await branch.grow(*[(ROUND, shared + n) for n in range(ours + 2)])]


async def hang_up(caller: Caller, command: Command) -> Command | None:
    raise Ignore(Rule.WIRE, "no")
