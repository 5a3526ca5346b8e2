"""A session that came in, whatever is said on it in whatever order: it never raises, and stays consistent."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hypernode.net.admission import Admission
from hypernode.net.serving import Caller, SessionEnd, serve_session
from hypernode.ports import Endpoint, TransportClosed
from hypernode.sim.clock import SimClock
from hypernode.sim.loop import VirtualTimeLoop
from hypernode.wire.catalogue import COMMANDS, CommandId, Limits, Who
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import FEATURE_CHECKED, FEATURE_COMPRESSED, format_hello
from tests.unit.net.world import CLIENT_HELLO, NETWORK, NODE_HELLO, OUR_HELLO
from tests.unit.wire.samples import BLOCK, MESSAGE

T = TypeVar("T")
LIMITS = Limits(sessions=4, sessions_kept=1, session_burst=40, ip_burst=60)
IP = "10.0.0.2"
CARRIES: dict[CommandId, Command] = {
    CommandId.BLOCK: Command(CommandId.BLOCK, blocks=(BLOCK,)),
    CommandId.TX: Command(CommandId.TX, messages=(MESSAGE,)),
    CommandId.BLOCKSYNC: Command(CommandId.BLOCKSYNC, int32=1),
}
"""What a question carries, where it carries anything here."""


class Wire:
    """A transport whose other end is the test."""

    remote = Endpoint(IP, 50_000)

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.is_closed = False
        self.most_read = 0
        self.written = bytearray()

    def feed(self, data: bytes) -> None:
        if data:
            self._pieces.put_nowait(data)

    async def read_some(self, max_bytes: int) -> bytes:
        if self.is_closed:
            raise TransportClosed("closed")
        data = await self._pieces.get()
        if not data:
            raise TransportClosed("the end")
        return data

    async def write(self, data: bytes) -> None:
        if self.is_closed:
            raise TransportClosed("closed")
        self.written += data

    def close(self) -> None:
        self.is_closed = True
        self._pieces.put_nowait(b"")


class ServedSession(RuleBasedStateMachine):
    """The other end of one session at a time; a new one after each end."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.clock = SimClock(self.loop, 1_700_000_000.0)
        self.admission = Admission(LIMITS)
        self.task: asyncio.Task[SessionEnd] | None = None

    def play(self, body: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(body)

    @initialize(is_registered=st.booleans())
    def begin(self, is_registered: bool) -> None:
        self.is_registered = is_registered
        self.dial()

    def dial(self) -> None:
        self.wire = Wire()
        self.framing = Framing(NETWORK.magic, lambda *_: 2**25, Mode.LEGACY)
        self.callers: list[Caller] = []
        self.features = 0
        self.has_greeted = False

        async def start() -> asyncio.Task[SessionEnd]:
            return asyncio.create_task(
                serve_session(
                    self.wire,
                    network=NETWORK,
                    limits=LIMITS,
                    clock=self.clock,
                    our_hello=NODE_HELLO,
                    features=FEATURE_CHECKED | FEATURE_COMPRESSED,
                    admission=self.admission,
                    is_registered=lambda ip: self.is_registered,
                    on_hello=self.callers.append,
                    handler=self.handle,
                )
            )

        self.task = self.play(start())

    async def handle(self, caller: Caller, command: Command) -> Command | None:
        """Checks what the node may rely on when it is asked."""
        spec = COMMANDS[command.id]
        assert caller.hello is not None or spec.is_before_hello
        assert self.is_registered or spec.who is not Who.REGISTERED
        assert caller.features or not spec.is_feature_only
        assert command.id not in (CommandId.HELLO, CommandId.AUTH)
        return None if command.id is CommandId.BLOCK else command

    def say(self, data: bytes) -> None:
        self.wire.feed(data)
        self.wait(0.01)

    @rule(
        features=st.sampled_from([0, FEATURE_CHECKED, FEATURE_CHECKED | FEATURE_COMPRESSED]),
        client=st.booleans(),
    )
    def greet(self, features: int, client: bool) -> None:
        hello = CLIENT_HELLO if client else OUR_HELLO
        command = Command(CommandId.HELLO, string=format_hello(hello), features=features or None)
        self.say(self.framing.encode_frame(encode_command(command)))
        if not self.has_greeted and self.callers and not self.task_is_done():
            self.has_greeted, self.features = True, features
            if features & FEATURE_CHECKED:
                self.framing.switch_to_checked()
            if features & FEATURE_COMPRESSED:
                self.framing.switch_to_packed()

    @rule(command_id=st.sampled_from(CommandId), times=st.integers(1, 12))
    def ask(self, command_id: CommandId, times: int) -> None:
        command = CARRIES.get(command_id, Command(command_id))
        self.say(self.framing.encode_frame(encode_command(command)) * times)

    @rule(command_id=st.sampled_from(CommandId), cut=st.integers(1, 30))
    def begin_a_frame(self, command_id: CommandId, cut: int) -> None:
        self.say(self.framing.encode_frame(encode_command(Command(command_id)))[:cut])

    @rule(data=st.binary(min_size=1, max_size=60))
    def babble(self, data: bytes) -> None:
        self.say(data)

    @rule(seconds=st.sampled_from([0.1, 5.0, 11.0, 31.0, 46.0, 91.0]))
    def wait(self, seconds: float) -> None:
        self.play(asyncio.sleep(seconds))

    @rule()
    def hang_up(self) -> None:
        self.wire.feed(b"x")
        self.wire._pieces.put_nowait(b"")
        self.wait(0.01)

    @precondition(lambda self: self.task_is_done())
    @rule()
    def come_again(self) -> None:
        self.dial()
        self.wait(0.01)

    @rule(is_registered=st.booleans())
    def next_round(self, is_registered: bool) -> None:
        self.is_registered = is_registered

    def task_is_done(self) -> bool:
        return self.task is not None and self.task.done()

    @invariant()
    def it_ends_with_a_verdict_and_gives_its_place_back(self) -> None:
        if self.task is None:
            return
        assert self.admission.count == (0 if self.task.done() else 1)
        if self.task.done():
            assert self.task.result().reason
            assert self.wire.is_closed

    @invariant()
    def it_is_greeted_once(self) -> None:
        assert self.task is None or len(self.callers) <= 1

    def teardown(self) -> None:
        if self.task is not None:
            self.wire.close()
            self.wait(200.0)
            assert self.task.done()
            assert self.task.result().reason
        self.loop.close()


ServedSession.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestServedSession = ServedSession.TestCase
