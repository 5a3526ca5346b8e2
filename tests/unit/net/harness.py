"""A served node and its callers on the network in memory, for tests of sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from hashlib import sha256
from typing import Any

from hypernode.core.params.networks import mainnet
from hypernode.core.types import Endpoint
from hypernode.net.admission import Admission
from hypernode.net.answer import Answer
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.proving import Keys
from hypernode.net.server import serve_session
from hypernode.net.signed_hello import Identity
from hypernode.net.standing import Standing
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.sim.memory.adapters import KeySigner
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello

NETWORK = mainnet()
NODE = Endpoint("10.0.0.1", 6969)


def make_identity(name: str) -> Identity:
    """A key and chance of its own for each name, the same at every run."""
    signer = KeySigner(sha256(name.encode()).digest(), NETWORK.address_byte)
    return Identity(signer, SeededEntropy(1, name))


NODE_KEY = make_identity("the node")
OUR_KEY = make_identity("who dials it")
ADDRESS = OUR_KEY.signer.address
NODE_HELLO = Hello("posnet0002", 6969, NODE_KEY.signer.address)
OUR_HELLO = Hello("posnet0002", 6969, ADDRESS)
CLIENT_HELLO = Hello("posnet0002", 101, ADDRESS)
REGISTERED = "10.0.0.2"
STRANGER = "10.9.9.9"
LIMITS = Limits()
FAST = LinkQuality(min_latency_s=0.0, max_latency_s=0.0, jitter_s=0.0)

Handler = Callable[[Caller, Command], Awaitable[Answer | None]]


async def echo(caller: Caller, command: Command) -> Command | None:
    """A handler that gives back what came; nothing to ping and block."""
    return None if command.id in (CommandId.PING, CommandId.BLOCK) else command


def _get_standing(ip: str) -> Standing:
    return Standing.COUNTED if ip == REGISTERED else Standing.STRANGER


class SessionHarness:
    """One node that serves, and hosts that dial it."""

    def __init__(self, limits: Limits, handler: Handler, features: int, never_held: tuple[str, ...]) -> None:
        self.memory = MemoryNetwork(seed=1, quality=FAST)
        self.clock = SimClock(asyncio.get_running_loop(), 1_700_000_000.0)
        self.limits = limits
        self.budgets = Budgets(limits, self.clock)
        self.admission = Admission(limits, lambda ip: ip in never_held, _get_standing)
        self.ends: list[SessionEnd] = []
        self.callers: list[Caller] = []
        self.handled: list[Command] = []
        self.refuse_hello: Exception | None = None
        self._handler = handler
        self._features = features
        self.memory.get_connections(REGISTERED)
        self.memory.get_connections(STRANGER)

    async def start(self) -> None:
        await self.memory.get_connections(NODE.ip).listen(NODE, self._serve)

    async def _serve(self, transport: Transport) -> None:
        self.ends.append(
            await serve_session(
                transport,
                params=NETWORK,
                limits=self.limits,
                clock=self.clock,
                our_hello=NODE_HELLO,
                features=self._features,
                admission=self.admission,
                is_registered=lambda ip: ip == REGISTERED,
                on_hello=self._on_hello,
                handler=self._handle,
                budgets=self.budgets,
                identity=NODE_KEY,
                keys=Keys(
                    lambda ip, address: (ip, address) == (REGISTERED, ADDRESS),
                    lambda ip: any(caller.proved_address == ADDRESS for caller in self.callers),
                ),
            )
        )

    def _on_hello(self, caller: Caller) -> None:
        if self.refuse_hello is not None:
            raise self.refuse_hello
        self.callers.append(caller)

    async def _handle(self, caller: Caller, command: Command) -> Answer | None:
        self.handled.append(command)
        return await self._handler(caller, command)

    async def open(
        self,
        ip: str = REGISTERED,
        hello: Hello = OUR_HELLO,
        features: int = ANNOUNCED_FEATURES,
        start_checked: bool = False,
        identity: Identity | None = OUR_KEY,
        remote: Endpoint = NODE,
    ) -> ClientSession:
        return await open_session(
            self.memory.get_connections(ip),
            remote,
            params=NETWORK,
            limits=self.limits,
            hello=hello,
            features=features,
            clock=self.clock,
            connect_timeout_s=5.0,
            hello_timeout_s=90.0,
            start_checked=start_checked,
            identity=identity,
        )

    async def dial(self, ip: str = REGISTERED, mode: Mode = Mode.LEGACY) -> RawPeer:
        return RawPeer(await self.memory.get_connections(ip).connect(NODE, None, 5.0), mode)

    def list_reasons(self) -> list[str]:
        return [end.reason for end in self.ends]


class RawPeer:
    """A peer that says what a test wants: bytes, or commands."""

    def __init__(self, transport: Transport, mode: Mode = Mode.LEGACY) -> None:
        self.transport = transport
        self.framing = Framing(NETWORK.magic, lambda *_: 2**25, mode)

    async def say(self, *commands: Command) -> None:
        frames = (self.framing.encode_frame(encode_command(command)) for command in commands)
        await self.transport.write(b"".join(frames))

    async def write(self, data: bytes) -> None:
        await self.transport.write(data)

    async def hear(self) -> Command | None:
        """The next command; None when the stream ends."""
        while (payload := self.framing.next_frame()) is None:
            try:
                self.framing.receive_data(await self.transport.read_some(2**16))
            except TransportClosed:
                return None
        return decode_command(payload)

    async def hear_to_the_end(self) -> list[Command]:
        return [command async for command in aiter(self.hear_all())]

    async def hear_all(self) -> Any:
        while (command := await self.hear()) is not None:
            yield command


def in_harness(
    body: Callable[[SessionHarness], Coroutine[Any, Any, None]],
    *,
    handler: Handler = echo,
    features: int = ANNOUNCED_FEATURES,
    never_held: tuple[str, ...] = (),
    **limits: float,
) -> SessionHarness:
    """Run a test in a world on virtual time; all sessions have ended when it returns."""

    async def live() -> SessionHarness:
        world = SessionHarness(replace(LIMITS, **limits), handler, features, never_held)  # type: ignore[arg-type]
        await world.start()
        await body(world)
        for caller in world.callers:
            caller.close()
        await asyncio.sleep(1.0)
        return world

    return run(live())


class ScriptedServer:
    """A peer that answers with what a test gives it, as a server: a list of answers, one a frame."""

    def __init__(
        self, memory: MemoryNetwork, *answers: Command | bytes | None, mode: Mode = Mode.LEGACY
    ) -> None:
        self._memory = memory
        self._answers = list(answers)
        self.heard: list[Command] = []
        self.framing = Framing(NETWORK.magic, lambda *_: 2**25, mode)

    async def start(self) -> ScriptedServer:
        await self._memory.get_connections(NODE.ip).listen(NODE, self._serve)
        return self

    async def _serve(self, transport: Transport) -> None:
        for answer in self._answers:
            while (payload := self.framing.next_frame()) is None:
                self.framing.receive_data(await transport.read_some(2**16))
            self.heard.append(decode_command(payload))
            if isinstance(answer, bytes):
                await transport.write(answer)
            elif answer is not None:
                await transport.write(self.framing.encode_frame(encode_command(answer)))
                if answer.id is CommandId.HELLO and answer.features:
                    self.framing.switch_to_checked()
        await transport.read_some(1)
