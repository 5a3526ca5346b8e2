"""A session that came in, whatever is said on it in whatever order, against a model of what becomes of it.

Said one after the other, every question has the answer that the model foresees, or ends the session; said
all at once, or broken, no more is foreseen than that it ends with a verdict and gives its place back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hypernode.core.types import Endpoint
from hypernode.net.admission import Admission
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.server import serve_session
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.loop import VirtualTimeLoop
from hypernode.wire.catalogue import COMMANDS, CommandId, Limits, Who
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import FEATURE_CHECKED, FEATURE_COMPRESSED, format_hello
from tests.unit.net.harness import CLIENT_HELLO, NETWORK, NODE_HELLO, OUR_HELLO
from tests.unit.wire.samples import BLOCK, MESSAGE

T = TypeVar("T")
LIMITS = Limits(sessions=4, sessions_kept=1, session_burst=20, session_rate=5, ip_burst=40, registered_ease=1)
ENOUGH_S = 8.0
"""For one answer, whatever was asked before."""
LONG_S = 110.0
"""More than any silence that is borne."""
BACKLOGS = 20
"""Times that long until all that was asked in a hurry is answered."""
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
        self.written = bytearray()

    def feed(self, data: bytes) -> None:
        if data:
            self._pieces.put_nowait(data)

    @property
    def is_gone(self) -> bool:
        return self.is_closed

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


GATED = (CommandId.GETCONFIG, CommandId.AUTH, CommandId.BLOCK, CommandId.TEST, CommandId.HELLO)
"""Not everybody, or nobody, may say these after hello."""
FEATURES = [0, FEATURE_CHECKED, FEATURE_CHECKED | FEATURE_COMPRESSED]


class ServedSession(RuleBasedStateMachine):
    """The other end of one session at a time; a new one after each end."""

    task: asyncio.Task[SessionEnd]

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.clock = SimClock(self.loop, 1_700_000_000.0)
        self.admission = Admission(LIMITS)
        self.budgets = Budgets(LIMITS, self.clock)
        self.is_registered = False

    def play(self, body: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(body)

    @property
    def is_over(self) -> bool:
        return self.task.done()

    # --- a session begins -----------------------------------------------------------------------------

    @initialize(is_registered=st.booleans())
    def begin(self, is_registered: bool) -> None:
        self.is_registered = is_registered
        self.dial()

    def dial(self) -> None:
        self.wire = Wire()
        self.framing = Framing(NETWORK.magic, lambda *_: 2**25, Mode.LEGACY)
        self.callers: list[Caller] = []
        self.features = 0
        self.is_greeted = False
        self.is_broken = False
        """Something was said that the model does not follow."""
        self.is_hurried = False
        """Much was asked at once, and may still wait for its answers."""
        self.dialled_at = self.said_at = self.loop.time()
        self.paid = 0.0

        async def start() -> asyncio.Task[SessionEnd]:
            return asyncio.create_task(
                serve_session(
                    self.wire,
                    params=NETWORK,
                    limits=LIMITS,
                    clock=self.clock,
                    our_hello=NODE_HELLO,
                    features=FEATURE_CHECKED | FEATURE_COMPRESSED,
                    admission=self.admission,
                    is_registered=lambda ip: self.is_registered,
                    on_hello=self.callers.append,
                    handler=self.handle,
                    budgets=self.budgets,
                )
            )

        self.task = self.play(start())
        self.pass_time(0.01)

    async def handle(self, caller: Caller, command: Command) -> Command | None:
        """Checks what the node may rely on when it is asked."""
        spec = COMMANDS[command.id]
        assert caller.hello is not None or spec.is_before_hello
        assert self.is_registered or spec.who is not Who.REGISTERED
        assert caller.features or not spec.is_feature_only
        assert command.id not in (CommandId.HELLO, CommandId.AUTH)
        self.paid += spec.cost
        return None if command.id is CommandId.BLOCK else command

    def pass_time(self, seconds: float) -> None:
        self.play(asyncio.sleep(seconds))

    def wait_out(self) -> None:
        """Silence counts from the last answer: who is registered and asked in a hurry is answered later."""
        for _ in range(BACKLOGS if self.is_hurried else 1):
            self.pass_time(LONG_S)
            if self.is_over:
                return

    def say(self, data: bytes) -> None:
        self.wire.feed(data)
        self.said_at = self.loop.time()
        self.pass_time(0.01)

    def encode(self, command_id: CommandId) -> bytes:
        command = CARRIES.get(command_id, Command(command_id))
        return self.framing.encode_frame(encode_command(command))

    def hear(self) -> list[Command]:
        """What was answered since the last time."""
        self.framing.receive_data(bytes(self.wire.written))
        self.wire.written.clear()
        heard = []
        while (payload := self.framing.next_frame()) is not None:
            heard.append(decode_command(payload))
        return heard

    # --- what the model follows -----------------------------------------------------------------------

    @precondition(lambda self: not self.is_over and not self.is_broken)
    @rule(
        features=st.sampled_from(FEATURES), client=st.booleans(), posnet=st.sampled_from(["", "elsewhere1"])
    )
    def greet(self, features: int, client: bool, posnet: str) -> None:
        hello = CLIENT_HELLO if client else OUR_HELLO
        text = posnet + format_hello(hello)[len(posnet) :]
        command = Command(CommandId.HELLO, string=text, features=features or None)
        self.say(self.framing.encode_frame(encode_command(command)))
        self.pass_time(ENOUGH_S)
        heard = self.hear()
        if self.is_greeted:
            assert self.is_over
            assert heard == []
        elif posnet:
            assert self.is_over
            assert [answer.id for answer in heard] == [CommandId.KO]
        else:
            assert [answer.id for answer in heard] == [CommandId.HELLO]
            assert (heard[0].features is None) == (features == 0)
            self.is_greeted, self.features = True, features
            if features & FEATURE_CHECKED:
                self.framing.switch_to_checked()
            if features & FEATURE_COMPRESSED:
                self.framing.switch_to_packed()

    @precondition(lambda self: not self.is_over and not self.is_broken)
    @rule(command_id=st.sampled_from([c for c in CommandId if c is not CommandId.HELLO]))
    def ask(self, command_id: CommandId) -> None:
        answered, goes_on = self.foresee(command_id)
        self.say(self.encode(command_id))
        self.pass_time(ENOUGH_S)
        assert [answer.id for answer in self.hear()] == answered
        assert self.is_over is not goes_on

    @precondition(lambda self: self.is_greeted and not self.is_over and not self.is_broken)
    @rule(command_id=st.sampled_from(GATED))
    def try_a_gate(self, command_id: CommandId) -> None:
        self.ask(command_id)

    @precondition(
        lambda self: self.is_greeted and self.is_registered and not self.is_over and not self.is_broken
    )
    @rule(times=st.integers(3, 8))
    def ask_much_at_once(self, times: int) -> None:
        """A registered hypernode has all its answers, later."""
        self.say(self.encode(CommandId.BLOCKSYNC) * times)
        self.pass_time(ENOUGH_S + times * COMMANDS[CommandId.BLOCKSYNC].cost / LIMITS.session_rate)
        assert [answer.id for answer in self.hear()] == [CommandId.BLOCKSYNC] * times
        assert not self.is_over

    def foresee(self, command_id: CommandId) -> tuple[list[CommandId], bool]:
        """What is answered, and whether the session goes on."""
        spec = COMMANDS[command_id]
        if not self.is_greeted and not spec.is_before_hello:
            return [CommandId.KO], False
        if command_id in (CommandId.HELLO, CommandId.AUTH):
            return [], False
        if spec.is_feature_only and not self.features:
            return [], False
        if spec.who is Who.REGISTERED and not self.is_registered:
            return [], False
        return [] if command_id is CommandId.BLOCK else [command_id], True

    @precondition(lambda self: not self.is_over and not self.is_broken)
    @rule()
    def say_nothing(self) -> None:
        """As long as is borne, and a little less."""
        most_s = LIMITS.silence_s if self.is_greeted else LIMITS.first_frame_s
        self.pass_time(max(0.0, self.said_at + most_s - 0.5 - self.loop.time()))
        assert not self.is_over

    # --- and what it does not -------------------------------------------------------------------------

    @precondition(lambda self: not self.is_over)
    @rule(command_id=st.sampled_from(CommandId), times=st.integers(2, 12))
    def hurry(self, command_id: CommandId, times: int) -> None:
        self.is_broken = self.is_hurried = True
        self.say(self.encode(command_id) * times)

    @precondition(lambda self: not self.is_over)
    @rule(command_id=st.sampled_from(CommandId), cut=st.integers(1, 30))
    def begin_a_frame(self, command_id: CommandId, cut: int) -> None:
        self.is_broken = True
        self.say(self.encode(command_id)[:cut])

    @precondition(lambda self: not self.is_over)
    @rule(data=st.binary(min_size=1, max_size=60))
    def babble(self, data: bytes) -> None:
        self.is_broken = True
        self.say(data)

    @precondition(lambda self: not self.is_over)
    @rule()
    def hang_up(self) -> None:
        self.wire._pieces.put_nowait(b"")
        self.wait_out()
        assert self.is_over

    @precondition(lambda self: not self.is_over)
    @rule()
    def fall_silent(self) -> None:
        self.wait_out()
        assert self.is_over

    @precondition(lambda self: self.is_over)
    @rule(greet=st.booleans(), features=st.sampled_from(FEATURES))
    def come_again(self, greet: bool, features: int) -> None:
        self.pass_time(self.task.result().held_s)
        self.dial()
        assert not self.is_over
        if greet:
            self.greet(features, False, "")

    @rule(is_registered=st.booleans())
    def next_round(self, is_registered: bool) -> None:
        self.is_registered = is_registered

    # --- always -----------------------------------------------------------------------------------------

    @invariant()
    def it_ends_with_a_verdict_and_gives_its_place_back(self) -> None:
        if not hasattr(self, "task"):
            return
        assert self.admission.count == (0 if self.task.done() else 1)
        if self.task.done():
            assert self.task.result().reason
            assert self.wire.is_closed
            assert self.task.result().is_offence == (self.task.result().held_s > 0)

    @invariant()
    def it_is_greeted_once_and_paid_for(self) -> None:
        if not hasattr(self, "task"):
            return
        assert len(self.callers) <= 1
        since = self.loop.time() - self.dialled_at
        most = LIMITS.session_burst + LIMITS.session_rate * since
        assert self.paid <= most + 1e-6

    def teardown(self) -> None:
        if hasattr(self, "task"):
            self.wire.close()
            self.pass_time(200.0)
            assert self.task.done()
            assert self.task.result().reason
        self.loop.close()


ServedSession.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestServedSession = ServedSession.TestCase
