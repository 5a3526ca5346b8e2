"""Worlds for tests of the node: real parts on virtual time, none of them running by itself.

A ``Bed`` is a network in memory with a fixed list of hypernodes.  ``node`` composes a whole ``Node`` for one
of them, as the daemon does, without its owner task: a test calls its parts.  ``serve`` makes a host answer
with the shipped serving code, ``script`` with whatever a test wants.  ``Branch`` makes valid blocks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from hypernode.core.address import compute_address
from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams, replace_fields
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import (
    Block,
    ChainHeight,
    Endpoint,
    Equivocation,
    Height,
    Message,
    Registration,
    RoundPlan,
)
from hypernode.machine.peers import PeerView, ReportedChain
from hypernode.net.admission import Admission
from hypernode.net.answer import read_answer
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.server import serve_session
from hypernode.net.signed_hello import Identity
from hypernode.net.standing import Standing
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_ports import Ports
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.node.owner.event_hub import EventHub
from hypernode.node.owner.node_options import Makers, NodeOptions
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.peer_table import Peer
from hypernode.node.sync.sync_progress import OnProgress, show_nothing
from hypernode.ports.chain import Ledger
from hypernode.ports.connections import Transport
from hypernode.ports.registrations import PowSource
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource
from hypernode.sim.cluster import PORT, make_network, make_privkey
from hypernode.sim.memory.adapters import InlineVerifier, KeySigner, MemoryFiles, no_metrics
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.storage.database import InlineDatabase
from hypernode.storage.journal import open_journal_in
from hypernode.storage.ledger import open_ledger
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

SEED = 8
ROUND = 3
"""The round in which a bed begins, 20 s after its start."""
STRANGER = "10.200.0.1"
QUICK = LinkQuality(min_latency_s=0.001, max_latency_s=0.002, jitter_s=0.0)

Handler = Callable[[Caller, Command], Awaitable[Command | None]]


def play(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario on virtual time."""
    run(scenario)


class Bed:
    """A network of ``size`` hypernodes, numbered from 0.  ``fields`` replace those of the network."""

    def __init__(self, size: int = 6, **fields: Any) -> None:
        loop = asyncio.get_running_loop()
        self.params: ChainParams = replace_fields(make_network(size, SEED, 180), **fields)
        self.memory = MemoryNetwork(SEED, QUICK)
        self.size = size
        start = compute_slot_start(self.params, ROUND, 0) + 20.0 - loop.time()
        self.clock = SimClock(loop, start)
        self.log: list[str] = []
        self.warnings: list[str] = []
        self._numbers = count()

    # --- who ----------------------------------------------------------------------------------------

    def signer(self, index: int) -> KeySigner:
        return KeySigner(make_privkey(SEED, f"node {index}"), self.params.address_byte)

    def address(self, index: int) -> str:
        return self.params.hypernodes[index].pos

    def ip(self, index: int) -> str:
        return self.params.hypernodes[index].ip

    def index_of(self, address: str) -> int:
        return [h.pos for h in self.params.hypernodes].index(address)

    def entry(self, index: int) -> Registration:
        listed = self.params.hypernodes[index]
        return Registration(listed.pos, listed.ip, str(listed.port), listed.pos, listed.pos, listed.weight)

    # --- when ---------------------------------------------------------------------------------------

    def go_to(self, round_: int, sir: int, after_s: float = 20.0) -> None:
        """Set all wall clocks to a moment of a slot."""
        target = compute_slot_start(self.params, round_, sir) + after_s
        self.clock.step(target - self.clock.now())

    # --- what ---------------------------------------------------------------------------------------

    def message(self, index: int = 0, timestamp: float | None = None, **fields: Any) -> Message:
        """A valid message of a hypernode, unlike every other one."""
        key = make_privkey(SEED, f"node {index}")
        values: dict[str, Any] = {
            "sender": self.address(index),
            "recipient": self.address((index + 1) % self.size),
            "what": 202,
            "params": "TEST:0",
            "value": next(self._numbers),
            **fields,
        }
        at = int(self.clock.now() if timestamp is None else timestamp)
        return create_message(lambda b: sign(key, b), compute_pubkey(key), timestamp=at, **values)

    def messages(self, timestamp: float, senders: Sequence[int] = (0, 1, 2, 3)) -> list[Message]:
        return [self.message(n, timestamp) for n in senders]

    def scripted_pow(self) -> ScriptedPowSource:
        """A companion with a chain, that can be late or down, with the same list."""
        listed = [(h.pos, h.ip, h.port, h.weight) for h in self.params.hypernodes]
        return ScriptedPowSource(PowScript.of(self.params, listed), self.clock.now)

    # --- nodes --------------------------------------------------------------------------------------

    async def node(
        self,
        index: int = 0,
        *,
        ledger_db: InlineDatabase | None = None,
        journal_db: InlineDatabase | None = None,
        pow_source: PowSource | None = None,
        params: ChainParams | None = None,
        configured: Mapping[str, object] | None = None,
        subjects: Subjects = SILENT,
        log_session: Callable[[str], None] | None = None,
        metrics: Callable[[], Mapping[str, object]] = no_metrics,
        show_sync: OnProgress = show_nothing,
        limits: Limits | None = None,
        **others: Any,
    ) -> Node:
        """All parts of a node, in the present round."""
        params = params or self.params
        ports = Ports(
            clock=self.clock,
            entropy=SeededEntropy(SEED, f"node {index}"),
            connections=self.memory.get_connections(self.ip(index)),
            signer=self.signer(index),
            verifier=InlineVerifier(),
            ledger=await open_ledger(ledger_db or InlineDatabase(), params),
            journal=await open_journal_in(journal_db or InlineDatabase(), int(self.clock.now())),
            pow_source=pow_source or FixedPowSource(params),
            files=MemoryFiles(),
        )
        options = NodeOptions(
            Endpoint(self.ip(index), PORT),
            PORT,
            (self.ip(index),),
            limits or Limits(),
            tunables=configured or {},
        )
        node = Node(
            params,
            replace(ports, **others),
            options,
            metrics=metrics,
            log=self.log.append,
            warn=self.warnings.append,
            log_connections=self.log.append,
            log_session=log_session,
            subjects=subjects,
            show_sync=show_sync,
            makers=Makers(events=HeardEvents),
        )
        await enter_round(node)
        return node

    async def serve(self, index: int, **options: Any) -> Node:
        """A node whose port is open; it answers, and decides nothing."""
        node = await self.node(index, **options)
        await node.listening.start(Endpoint(self.ip(index), PORT))
        return node

    async def script(self, index: int, handler: Handler, features: int = ANNOUNCED_FEATURES) -> list[Command]:
        """A hypernode that answers with ``handler``; returns the list of what it is asked."""
        heard: list[Command] = []
        admission = Admission(standing_of=lambda ip: Standing.COUNTED)
        budgets = Budgets(Limits(), self.clock)

        async def handle(caller: Caller, command: Command) -> Command | None:
            heard.append(command)
            return await handler(caller, command)

        async def on_connection(transport: Transport) -> None:
            await serve_session(
                transport,
                params=self.params,
                limits=Limits(),
                clock=self.clock,
                our_hello=Hello(self.params.posnet, PORT, self.address(index)),
                features=features,
                admission=admission,
                is_registered=lambda ip: True,
                on_hello=lambda caller: None,
                handler=handle,
                budgets=budgets,
            )

        connections = self.memory.get_connections(self.ip(index))
        await connections.listen(Endpoint(self.ip(index), PORT), on_connection)
        return heard

    async def open(
        self,
        ip: str,
        target: int,
        *,
        port: int = CLIENT_PORT,
        features: int = ANNOUNCED_FEATURES,
        key: int | None = None,
    ) -> ClientSession:
        """A session from ``ip`` to a node that serves; a client's, unless ``port`` says otherwise.  It proves
        the key of hypernode ``key``, if given."""
        return await open_session(
            self.memory.get_connections(ip),
            Endpoint(self.ip(target), PORT),
            params=self.params,
            limits=Limits(),
            hello=Hello(self.params.posnet, port, self.address(key or 0)),
            features=features,
            clock=self.clock,
            connect_timeout_s=5.0,
            hello_timeout_s=10.0,
            identity=None
            if key is None
            else Identity(self.signer(key), SeededEntropy(next(self._numbers), f"{ip} {key}")),
        )


class HeardEvents(EventHub):
    """Passes on what happens, and keeps of each event what it came with."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.heard: dict[str, list[Any]] = defaultdict(list)

    def on_tip(self) -> None:
        self.heard["tip"].append(None)
        super().on_tip()

    def on_height(self) -> None:
        self.heard["height"].append(None)
        super().on_height()

    def on_evidence(self, evidence: Equivocation) -> None:
        self.heard["evidence"].append(evidence)
        super().on_evidence(evidence)

    def on_cut(self, first: Height, last: Height, name: str, why: str) -> None:
        self.heard["cut"].append((first, last, name, why))
        super().on_cut(first, last, name, why)


def list_heard(node: Node, name: str) -> list[Any]:
    """What the events of this name came with so far."""
    assert isinstance(node.events, HeardEvents)
    return list(node.events.heard[name])


async def enter_round(node: Node) -> RoundPlan:
    """What the owner does at the start of a round, but for dialling."""
    round_, _ = node.node_state.get_round_slot()
    plan = await node.chain.derive_plan(round_)
    await node.entry.hand_out(plan)
    return plan


class Branch:
    """Blocks on top of what a ledger holds, each by the juror of its slot by the branch's own history."""

    def __init__(self, bed: Bed, ledger: Ledger, history: History) -> None:
        self._bed = bed
        self._ledger = ledger
        self._rounds = Rounds(bed.params, FixedPowSource(bed.params))
        self.history = history
        self.blocks: list[Block] = []

    @classmethod
    async def on(cls, bed: Bed, ledger: Ledger, height: Height | None = None) -> Branch:
        """On a height, the tip if none is given."""
        at = ledger.get_height().height if height is None else height
        return cls(bed, ledger, await History.at(ledger, at))

    async def plan(self, round_: int) -> RoundPlan:
        return await self._rounds.derive(round_, self.history)

    async def make(
        self,
        round_: int,
        sir: int,
        *,
        messages: Sequence[Message] | None = None,
        senders: Sequence[int] = (0, 1, 2, 3),
        forger: int | None = None,
        after_s: float = 16.0,
    ) -> Block:
        """A block for a slot, by its juror or by ``forger``; it is not put on the branch."""
        bed = self._bed
        start = compute_slot_start(bed.params, round_, sir)
        juror = (await self.plan(round_)).juror_of(sir)
        number = forger if forger is not None else bed.index_of(juror or "")
        sealed = bed.messages(start, senders) if messages is None else messages
        key = make_privkey(SEED, f"node {number}")
        return seal_block(
            lambda buffer: sign(key, buffer),
            compute_address(compute_pubkey(key), bed.params.address_byte),
            self.history.tip,
            round_,
            sir,
            int(start + after_s),
            sealed,
        )

    async def add(self, round_: int, sir: int, **options: Any) -> Block:
        """Make a block and put it on the branch."""
        block = await self.make(round_, sir, **options)
        self.push(block)
        return block

    def push(self, block: Block) -> None:
        self.blocks.append(block)
        self.history.push(block)

    async def grow(self, *slots: tuple[int, int], **options: Any) -> list[Block]:
        """Blocks for these slots."""
        return [await self.add(round_, sir, **options) for round_, sir in slots]


async def store(bed: Bed, ledger: Ledger, *slots: tuple[int, int], **options: Any) -> list[Block]:
    """Put valid blocks for these slots into a ledger."""
    branch = await Branch.on(bed, ledger)
    blocks = await branch.grow(*slots, **options)
    await ledger.append_many(blocks)
    return blocks


@dataclass(frozen=True)
class FakeCaller:
    """Who asks, where a test calls a handler itself."""

    ip: str
    features: int = ANNOUNCED_FEATURES
    hello: Hello | None = None
    standing: Standing = Standing.STRANGER
    expected: list[int] = field(default_factory=list)
    """Bytes that a handler took room for."""

    @property
    def is_legacy(self) -> bool:
        return not self.features

    async def expect(self, size: int) -> None:
        self.expected.append(size)

    @property
    def name(self) -> str:
        return f"{self.ip}:{self.hello.port if self.hello else 0:05d}"


async def serve(node: Node, caller: FakeCaller, command: Command) -> Command | None:
    """What a node answers, as its asker reads it."""
    answer = await node.serving.handle(caller, command)  # type: ignore[arg-type]
    return None if answer is None else await read_answer(answer)


def make_reported(bed: Bed, reported: ChainHeight, *holders: int) -> ReportedChain:
    """A chain as these hypernodes tell it, the first of them last."""
    views = tuple(
        PeerView(f"{bed.ip(n)}:0{PORT}", bed.ip(n), bed.address(n), reported, -float(place), True, True)
        for place, n in enumerate(holders)
    )
    return ReportedChain(reported, views)


def note_height(bed: Bed, node: Node, index: int, reported: ChainHeight | None, *, features: int = 1) -> Peer:
    """Let a node have heard a height from a hypernode that it dialled."""
    name = f"{bed.ip(index)}:{PORT:05d}"
    peer = Peer(name, bed.ip(index), PORT, features, is_outbound=True, reported=reported)
    node.peers.add(peer)
    return peer


def ask(command_id: CommandId, **values: Any) -> Command:
    return Command(command_id, **values)


SessionEnds = list[SessionEnd]


async def reported_by(bed: Bed, *blocks: Block) -> ChainHeight:
    """The height of a chain of these blocks, measured in a ledger of its own."""
    other = await bed.node(1)
    return await other.ports.ledger.append_many(blocks)
