"""Hosts that break the rules: a real node with one part replaced, or with a task beside it that does harm.

Each kind is a table entry: what to replace in the node at once, and what to go on doing until it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from hypernode.core.errors import Ignore, Reject
from hypernode.core.forging import seal_block
from hypernode.core.hashing import h20
from hypernode.core.lottery import Draws
from hypernode.core.message import create_message
from hypernode.core.rules import Rule
from hypernode.core.signing import compute_twin
from hypernode.core.types import Block, ChainHeight, Endpoint, Message, Registration, RoundPlan
from hypernode.net.answer import read_answer
from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.node.duty.forger import Forger
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.peer_client import ask_height
from hypernode.node.peers.peer_table import Peer
from hypernode.node.rpc.handlers import Handler
from hypernode.ports.connections import TransportClosed
from hypernode.sim.corruptible import LyingForger, answer_by, exchange_by, forge_by, know_own_blocks
from hypernode.sim.faults.giant_forger import GiantForger
from hypernode.sim.faults.plan import FaultKind
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

HARM_EVERY_S: Final = 45.0
"""Four times a slot of main."""
CONNECT_S: Final = 5.0
MAX_GARBAGE_BYTES: Final = 400
MAX_REPLAYED: Final = 20
FLOOD_STREAMS: Final = 20
FLOOD_QUESTIONS: Final = 250
"""More than a stranger may ask at once; each costs a registered one less."""
FLOOD_EXTRA: Final = 50
FLOOD_WHAT: Final = 0


Lie: TypeAlias = Callable[[ChainHeight], ChainHeight]
OnLie: TypeAlias = Callable[[], object]
Wrap: TypeAlias = Callable[[Handler, OnLie], Handler]


@dataclass(frozen=True, slots=True)
class Liar:
    """A node and the chance that its lies are drawn with."""

    node: Node
    draws: Draws
    on_lie: OnLie = lambda: None
    """Called whenever somebody is told a lie, or is refused what it could have."""

    async def list_others(self) -> list[Registration]:
        plan = self.node.node_state.plan
        own = self.node.ports.signer.address
        return [entry for entry in plan.registered if entry.pos != own] if plan else []


def corrupt(liar: Liar, kind: FaultKind) -> None:
    """Have the node lie as the kind says; the rest of it goes on as it is."""
    node = liar.node
    for command_id, wrap in _ANSWERS.get(kind, {}).items():
        answer_by(node, command_id, wrap(node.serving.handlers[command_id], liar.on_lie))
    forger = _FORGERS.get(kind)
    if forger is not None:
        forge_by(node, forger, on_lie=liar.on_lie, events=node.events, writer=node.ports.ledger)
    if kind is FaultKind.EQUIVOCATE:
        know_own_blocks(node)
    lie = _HEIGHTS.get(kind)
    if lie is not None:
        exchange_by(node, partial(_tell_lie, lie, liar.on_lie))


async def misbehave(liar: Liar, kind: FaultKind) -> None:
    """Do harm again and again; ends when it is cancelled."""
    harm = _HARMS.get(kind)
    while harm is not None:
        await asyncio.sleep(HARM_EVERY_S)
        try:
            await harm(liar)
        except (TransportClosed, TimeoutError, Reject, Ignore):
            continue  # somebody would not have it


# --- answers ----------------------------------------------------------------------------------------


def _change(alter: Callable[[Command], Command]) -> Wrap:
    def wrap(honest: Handler, on_lie: OnLie) -> Handler:
        async def answer(caller: Caller, command: Command) -> Command | None:
            answered = await honest(caller, command)
            truth = None if answered is None else await read_answer(answered)
            reported = None if truth is None else alter(truth)
            if reported != truth:
                on_lie()
            return reported

        return answer

    return wrap


def _refuse(honest: Handler, on_lie: OnLie) -> Handler:
    async def answer(caller: Caller, command: Command) -> Command | None:
        on_lie()
        raise Ignore(Rule.STORED, "keeps its blocks")

    return answer


def _change_height(lie: Lie) -> Wrap:
    return _change(lambda truth: truth if truth.height is None else replace(truth, height=lie(truth.height)))


def _invent_height(reported: ChainHeight) -> ChainHeight:
    return replace(
        reported,
        height=reported.height + 2,
        block_hash=h20(b"invented" + reported.block_hash),
        uniques_round=reported.uniques_round + 7,
        forgers=reported.forgers + 1,
        forgers_round=reported.forgers_round + 2,
    )


def _flatter(reported: ChainHeight) -> ChainHeight:
    return replace(reported, forgers=reported.forgers + 3)


def _cut_blocks(truth: Command) -> Command:
    """The last block lacks a message."""
    if not truth.blocks or not truth.blocks[-1].messages:
        return truth
    last = truth.blocks[-1]
    return replace(truth, blocks=(*truth.blocks[:-1], replace(last, messages=last.messages[:-1])))


_ANSWERS: Final[Mapping[FaultKind, Mapping[CommandId, Wrap]]] = {
    FaultKind.LIE_HEIGHT: {CommandId.HEIGHT: _change_height(_invent_height)},
    FaultKind.BREAK_PROMISE: {
        CommandId.HEIGHT: _change_height(_flatter),
        CommandId.ROUNDBLOCKS: _change(_cut_blocks),
        CommandId.BLOCKSYNC: _change(_cut_blocks),
    },
    FaultKind.WITHHOLD: {CommandId.ROUNDBLOCKS: _refuse, CommandId.BLOCKSYNC: _refuse},
}

_HEIGHTS: Final[Mapping[FaultKind, Lie]] = {
    FaultKind.LIE_HEIGHT: _invent_height,
    FaultKind.BREAK_PROMISE: _flatter,
}
"""What is told to those who are asked for theirs."""


async def _tell_lie(lie: Lie, on_lie: OnLie, by: Connector, session: ClientSession, peer: Peer) -> None:
    own = lie(by.ledger.get_height())
    on_lie()
    reported, their_juror = await ask_height(session, own, by.node_state.get_juror())
    by.note_height(peer, reported, their_juror)


# --- forgers ----------------------------------------------------------------------------------------


class _WithholdingForger(LyingForger):
    async def send(self, block: Block, plan: RoundPlan) -> int:
        self.on_lie()
        return 0


class _TwofoldForger(LyingForger):
    """A third of the others gets another block for the same slot, and a third both at once."""

    async def send(self, block: Block, plan: RoundPlan) -> int:
        self.on_lie()
        headers = await self.ledger.get_headers(block.height - 1, 1)
        second = _reseal(self.signer.sign, headers[0], block)
        others = [entry for entry in plan.registered if entry.pos != block.forger]
        for place, entry in enumerate(others):
            pushed = ((block,), (second,), (block, second))[place % 3]
            await asyncio.gather(*(_push(self, entry, each) for each in pushed))
        return len(others)


def _reseal(sign: Callable[[bytes], bytes], parent: Block, block: Block) -> Block:
    """The same slot, another second, the same messages."""
    later = block.timestamp + 1
    return seal_block(sign, block.forger, parent, block.round, block.sir, later, block.messages)


async def _push(forger: Forger, entry: Registration, block: Block) -> None:
    try:
        await forger.dialler.send_alone(entry, Command(CommandId.BLOCK, blocks=(block,)))
    except (TransportClosed, TimeoutError):
        pass  # that one has neither


_FORGERS: Final[Mapping[FaultKind, Callable[..., Forger]]] = {
    FaultKind.GIANT: GiantForger,
    FaultKind.WITHHOLD: _WithholdingForger,
    FaultKind.EQUIVOCATE: _TwofoldForger,
}


# --- harm ---------------------------------------------------------------------------------------------


async def _usurp(liar: Liar) -> None:
    """A block for the present slot, whoever holds it."""
    node = liar.node
    round_, sir = node.node_state.get_round_slot()
    if node.node_state.get_juror() in (None, node.ports.signer.address):
        return
    parent = (await node.ports.ledger.get_headers(None, 1))[0]
    messages = node.forger.select(node.intake.senders)
    now = int(node.ports.clock.now())
    signer = node.ports.signer
    block = seal_block(signer.sign, signer.address, parent, round_, sir, now, messages)
    for entry in await liar.list_others():
        liar.on_lie()
        await _push(node.forger, entry, block)


async def _send_garbage(liar: Liar) -> None:
    others = await liar.list_others()
    if not others:
        return
    entry = liar.draws.one_of(others)
    size = 1 + liar.draws.below(MAX_GARBAGE_BYTES)
    content = liar.draws.getrandbits(8 * size).to_bytes(size, "big")
    transport = await liar.node.ports.connections.connect(
        Endpoint(entry.ip, int(entry.port)), None, CONNECT_S
    )
    try:
        await transport.write(content)
        liar.on_lie()
    finally:
        transport.close()


async def _replay(liar: Liar) -> None:
    """Our last blocks once more; messages of the last one, and the other signature of each."""
    ledger = liar.node.ports.ledger
    others = await liar.list_others()
    last = await ledger.get_block(ledger.get_height().height)
    if last is None or not others:
        return
    entry = liar.draws.one_of(others)
    await _push(liar.node.forger, entry, last)
    waiting = liar.node.mempool.get_all()[:MAX_REPLAYED]
    twins = [make_twin(message) for message in (*last.messages[:MAX_REPLAYED], *waiting)]
    for messages in (last.messages[:MAX_REPLAYED], tuple(twins)):
        command = Command(CommandId.MEMPOOL, messages=tuple(messages))
        async with liar.node.dialler.borrow(entry.pos) as session:
            await session.request(command, CONNECT_S)
        liar.on_lie()


def make_twin(message: Message) -> Message:
    """The same message under its other signature (spec 1, twins)."""
    return replace(message, txid=compute_twin(message.txid), block_height=0)


async def _flood(liar: Liar) -> None:
    """One of the others gets more streams than an IP may have, more questions than anybody answers, and more
    messages than a sender's quota."""
    others = await liar.list_others()
    if not others:
        return
    entry = liar.draws.one_of(others)
    params, ports = liar.node.params, liar.node.ports
    streams = []
    try:
        for _ in range(FLOOD_STREAMS):
            remote = Endpoint(entry.ip, int(entry.port))
            streams.append(await ports.connections.connect(remote, None, CONNECT_S))
            liar.on_lie()
        async with liar.node.dialler.borrow(entry.pos) as session:
            for _ in range(FLOOD_QUESTIONS):
                await session.request(Command(CommandId.GETHEADERS, string=",20"), CONNECT_S)
            now = int(ports.clock.now())
            signer = ports.signer
            messages = tuple(
                create_message(
                    signer.sign,
                    signer.pubkey,
                    timestamp=now,
                    sender=signer.address,
                    recipient=entry.pos,
                    what=FLOOD_WHAT,
                    params="FLOOD",
                    value=n,
                )
                for n in range(params.sender_quota + FLOOD_EXTRA)
            )
            await session.request(Command(CommandId.MEMPOOL, messages=messages), CONNECT_S)
    finally:
        for stream in streams:
            stream.close()


_HARMS: Final[Mapping[FaultKind, Callable[[Liar], Awaitable[None]]]] = {
    FaultKind.USURP: _usurp,
    FaultKind.GARBAGE: _send_garbage,
    FaultKind.REPLAY: _replay,
    FaultKind.FLOOD: _flood,
}
