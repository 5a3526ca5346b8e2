"""The session target: a whole session that came in, over a transport that plays what the fuzzer wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hypernode.core.params.networks import devnet
from hypernode.core.types import Endpoint
from hypernode.net.admission import Admission
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller
from hypernode.net.server import serve_session
from hypernode.net.signed_hello import Identity
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.adapters import KeySigner
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello, format_hello
from tests.fuzz.cutter import Cutter
from tests.fuzz.streams import make_piece

IP: Final = "10.0.0.2"
LIMITS: Final = Limits(session_burst=1e9, ip_burst=1e9, first_frame_bytes=400, request_bytes=400)


class PlayedTransport:
    """Gives its pieces in turn and then closes; counts what is written."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.remote = Endpoint(IP, 50_000)
        self.written = 0
        self.is_closed = False

    @property
    def is_gone(self) -> bool:
        return self.is_closed

    async def read_some(self, max_bytes: int) -> bytes:
        if self.is_closed or not self._pieces:
            raise TransportClosed("played")
        piece = self._pieces[0][:max_bytes]
        self._pieces[0] = self._pieces[0][max_bytes:]
        if not self._pieces[0]:
            del self._pieces[0]
        return piece

    async def write(self, data: bytes) -> None:
        if self.is_closed:
            raise TransportClosed("played")
        self.written += len(data)

    def close(self) -> None:
        self.is_closed = True


class StandingClock:
    """A clock that does not go on: an input takes no time."""

    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 1_000.0


@contextmanager
def open_sessions() -> Iterator[Callable[[bytes], None]]:
    """The target, on an event loop of its own."""
    with asyncio.Runner() as runner:
        yield _Sessions(runner)


class _Sessions:
    """Serves one session an input."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._run = runner.get_loop().run_until_complete
        self._params = devnet(
            origin_of_time=1_700_000_000, slot_s=10, control_pow="0" * 56, control_pos="none"
        )
        self._signer = KeySigner(bytes(range(1, 33)), self._params.address_byte)
        self._hello = Hello(self._params.posnet, 6969, self._signer.address)

    def __call__(self, data: bytes) -> None:
        """Whatever is said, the session ends with a verdict, its place is free again, and what a command
        carries reached the handler only within its limits."""
        cutter = Cutter(data)
        how = cutter.take_number()
        pieces = []
        if how & 1:
            command = Command(
                CommandId.HELLO, string=format_hello(self._hello), features=how >> 2 & 5 or None
            )
            pieces.append(make_piece(1 + (how >> 1 & 1), encode_command(command)))
        while not cutter.is_empty:
            pieces.append(make_piece(cutter.take_number(), cutter.take_piece()))
        if how & 64:
            pieces = [b"".join(pieces)]
        self._run(self._serve(pieces, is_registered=bool(how & 128)))

    async def _serve(self, pieces: list[bytes], *, is_registered: bool) -> None:
        transport, admission = PlayedTransport(pieces), Admission(LIMITS)
        end = await serve_session(
            transport,
            params=self._params,
            limits=LIMITS,
            clock=StandingClock(),
            our_hello=self._hello,
            features=ANNOUNCED_FEATURES,
            admission=admission,
            is_registered=lambda ip: is_registered,
            on_hello=lambda caller: None,
            handler=_answer,
            budgets=Budgets(LIMITS, StandingClock()),
            identity=Identity(self._signer, SeededEntropy(1, "fuzz")),
        )
        if admission.count or not transport.is_closed or not end.reason:
            raise AssertionError(f"a session that did not end well: {end}")


async def _answer(caller: Caller, command: Command) -> Command | None:
    if caller.hello is None and command.id not in (CommandId.BLOCK, CommandId.TEST):
        raise AssertionError("handled before hello")
    return None if command.id is CommandId.BLOCK else command
