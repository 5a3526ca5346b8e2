"""What the parts of a simulated legacy node share: who it is, its chain and mempool, its round, its peers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypernode.core.kinds import format_peer_name
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import ChainHeight, Endpoint, Message, Registration, Round, RoundPlan, Slot
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections
from hypernode.ports.signing import Signer, Verifier
from hypernode.sim.legacy.chain import LegacyChain
from hypernode.sim.legacy.mempool import LegacyMempool, Raises
from hypernode.sim.legacy.stream import LegacyStream, connect
from hypernode.sim.legacy.traps import Trap, TrapLog
from hypernode.wire.hello import ONE_OFF_PORT, Hello, format_hello


@dataclass(frozen=True, slots=True)
class LegacyHabits:
    """In what legacy nodes differ among themselves.  Times in seconds."""

    derive_s: float = 20.0
    """How long it derives a round, once an hour, and answers nothing meanwhile."""
    reconnects_each_round: bool = True
    """It dials its whole list anew; else a connection stands for as long as its peer is on the list."""
    takes_long_ids: bool = True
    """Its back end (fastecdsa) takes ids of 65 to 96 bytes."""
    look_s: float = 10.0
    """How often it looks at itself (WAIT)."""
    height_s: float = 10.0
    mempool_s: float = 30.0
    retry_s: float = 20.0


@dataclass(slots=True)
class LegacyMemory:
    """What survives a restart: the chain on its disk, and the traps that it went into."""

    chain: LegacyChain
    traps: TrapLog


@dataclass(frozen=True, slots=True)
class ReportedHeight:
    """What a registered peer told of its chain, and under which name."""

    height: ChainHeight
    ip: str
    port: int


@dataclass(slots=True)
class LegacyState:
    """One life of a legacy node."""

    params: ChainParams
    signer: Signer
    clock: Clock
    connections: Connections
    verifier: Verifier
    own: Endpoint
    memory: LegacyMemory
    habits: LegacyHabits
    mempool: LegacyMempool = field(init=False)
    plan: RoundPlan | None = None
    previous_plan: RoundPlan | None = None
    reported: dict[str, ReportedHeight] = field(default_factory=dict)
    """By peer name; over connections of either direction."""
    inbound: dict[str, LegacyStream] = field(default_factory=dict)
    outbound: dict[str, LegacyStream] = field(default_factory=dict)
    listed: dict[str, list[Registration]] = field(default_factory=dict)
    """Who is registered for the round, by IP."""
    free: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is not deriving a round."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: str = ""
    """Why it stopped itself."""
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mempool = LegacyMempool(self.params, self.verifier, takes_long_ids=self.habits.takes_long_ids)

    @property
    def chain(self) -> LegacyChain:
        return self.memory.chain

    @property
    def traps(self) -> TrapLog:
        return self.memory.traps

    def note(self, text: str) -> None:
        """A line of its log."""
        self.log.append(f"{self.clock.now() - self.params.origin_of_time:.3f} {text}")

    def halt(self, reason: str) -> None:
        """It stops itself."""
        if not self.stopped:
            self.stopped = reason
            self.note(f"stops: {reason}")
        self.stop.set()

    def get_round_slot(self) -> tuple[Round, Slot]:
        return compute_round_slot(self.params, self.clock.now())

    def is_registered_ip(self, ip: str) -> bool:
        return ip in self.listed

    def count_peers(self) -> int:
        """Registered hosts that it has a connection with, either way."""
        streams = (*self.inbound.values(), *self.outbound.values())
        return len({s.remote.ip for s in streams if self.is_registered_ip(s.remote.ip)})

    def note_height(self, ip: str, port: int, height: ChainHeight) -> None:
        """A registered peer told its height."""
        if self.is_registered_ip(ip):
            self.reported[format_peer_name(ip, port)] = ReportedHeight(height, ip, port)

    def list_reported(self) -> list[ReportedHeight]:
        """What the registered peers that it is connected to told, one each, by name."""
        names = {*self.inbound, *self.outbound}
        reported = [self.reported[name] for name in sorted(self.reported) if name in names]
        return [t for t in reported if self.is_registered_ip(t.ip)]

    async def dial_once(self, ip: str, port: int) -> LegacyStream:
        """A connection for one command (port 00000)."""
        hello = format_hello(Hello(self.params.posnet, ONE_OFF_PORT, self.signer.address))
        return await connect(self.connections, Endpoint(ip, port), self.own.ip, self.traps, hello)

    async def dial_alone(self, ip: str, port: int) -> LegacyStream:
        """A connection without hello, for a block or a test."""
        return await connect(self.connections, Endpoint(ip, port), self.own.ip, self.traps, None)

    def publish(self, what: int, recipient: str, params: str, value: int) -> Message:
        """Write a message into the own mempool."""
        message = create_message(
            self.signer.sign,
            self.signer.pubkey,
            timestamp=int(self.clock.now()),
            sender=self.signer.address,
            recipient=recipient,
            what=what,
            params=params,
            value=value,
        )
        self.mempool.add_own(message)
        return message

    async def digest_messages(self, messages: Sequence[Message], by: str) -> bool:
        """A batch from a peer; False when a bad one took the rest of it along."""
        if len(messages) > self.params.default_tunables.max_txs_to_sync:
            self.traps.spring(Trap.TOO_MANY_MESSAGES, by, str(len(messages)))
            return True
        now = self.clock.now()
        self.mempool.purge(now)
        for m in messages:
            try:
                await self.mempool.digest(m, now, is_in_chain=self.chain.holds)
            except Raises as problem:
                self.traps.spring(problem.trap, by, f"{m.what} {m.params} of {m.sender}")
                return False
        return True
