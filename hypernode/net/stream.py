"""Commands over a stream of bytes: framing and codec over a ``Transport``, with its deadlines.

Serves both ends of a session.  A frame that has begun must end within its time (spec 2, limits); what a
checked stream damages is counted, and too much of it in a minute is a ``Reject``; where answers are read, the
first damage ends the stream: the next frame might be taken for the answer that was lost.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from hypernode.core.errors import Ignore, Reject
from hypernode.net.answer import Encoded
from hypernode.net.deadline import Deadline
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.ports.signing import Offload
from hypernode.ports.storage_faults import StorageFault
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.framing import FaultCounter, Framing, Mode
from hypernode.wire.long_frames import LongFrame, LongReceiver
from hypernode.wire.scanning import decode_spooled
from hypernode.wire.spool import MakeSpool, MemorySpool, Spool
from hypernode.wire.tags import RULE, check_tags, peek_command_id

READ_BYTES: Final = 64 * 1024
"""Read at once: one kernel buffer; a frame's limit is known before a second piece is asked for."""
LONG_BYTES: Final = 64 * 1024
"""A payload of more is decoded off the event loop: 300 messages, a millisecond."""
SHORT_BYTES: Final = 4 * 1024
"""Of a frame that is being received: more is told to who counts (``on_held``), and a question of more is
decoded in its turn."""
PIECE_BYTES: Final = 64 * 1024
"""Written at once: who does not take as much within its time is stuck."""
LONG_MESSAGES: Final = 300
"""A command with more is encoded there."""
LONG_FRAME_BYTES: Final = 4 * 1024 * 1024
"""A frame of which more is here is hashed and inflated there: some 10 ms; an answer that is longer goes into
a spool."""
_DAMAGED: Final = "a damaged frame where an answer belongs"

T = TypeVar("T")


def _note_nothing(size: int) -> None:
    """For a stream whose progress nobody follows."""


async def run_inline(work: Callable[[], T], /) -> T:
    """``ports.signing.Offload`` where nothing else waits for its turn: a client, a simulation."""
    return work()


class LongQuestion:
    """A question of more than ``SHORT_BYTES``, kept as the bytes that came.  Its decoded messages would take
    three times as much memory, and little of that would return to the system."""

    def __init__(self, payload: bytes, limits: Limits, received: int, offload: Offload) -> None:
        """Raises Reject if the bytes do not begin with a command."""
        command_id = peek_command_id(payload)
        if command_id is None:
            raise Reject(RULE, "a frame without a command")
        self.id: Final = command_id
        self.size: Final = len(payload)
        self._payload = payload
        self._limits = limits
        self._received = received
        self._offload = offload

    async def decode(self) -> Command:
        """Decode it, once; the bytes are dropped.  Raises Reject if they are no command."""
        payload, self._payload = self._payload, b""
        if len(payload) <= LONG_BYTES:
            return decode_command(payload, self._limits, self._received)
        return await self._offload(lambda: decode_command(payload, self._limits, self._received))


@dataclass(frozen=True, slots=True)
class UnparsedAnswer:
    """A long answer whose tags were walked, so that nothing in it is over our limits: to be parsed where
    there is time for it (``wire.codec.parse_command``).  ``received`` in unix seconds."""

    id: CommandId
    payload: bytes
    received: int


class CommandStream:
    """One stream of commands, both ways.  Reads are not to overlap, nor writes.  ``offload`` gets what is
    long to code; ``is_asking``: what is read are answers, of which long ones go into a spool; ``on_held`` is
    called with how many bytes of a long frame are held; ``screen`` gets a payload before it is decoded, and
    may raise."""

    def __init__(
        self,
        transport: Transport,
        framing: Framing,
        limits: Limits,
        clock: Clock,
        offload: Offload = run_inline,
        *,
        is_asking: bool = False,
        make_spool: MakeSpool = MemorySpool,
        on_held: Callable[[int], None] = _note_nothing,
        screen: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        self._transport = transport
        self._is_asking = is_asking
        self._make_spool = make_spool
        self._on_held = on_held
        self._offload = offload
        self._limits = limits
        self._clock = clock
        self._faults = FaultCounter(limits.faults, limits.fault_span_s)
        self._reading, self._writing = Deadline(transport.close), Deadline(transport.close)
        self.framing = framing
        self._screen = screen
        self.bytes_received = 0
        self.bytes_sent = 0
        self.last_used = clock.monotonic()
        """When a byte last came or went, in seconds of the monotonic clock."""
        self.last_progress = self.last_used
        """When a whole command last came, or a piece of ours went."""

    @property
    def is_gone(self) -> bool:
        """Whether the peer closed, though nobody reads or writes."""
        return self._transport.is_gone

    @property
    def is_legacy(self) -> bool:
        """Whether its frames have neither checksums nor anything else of ours."""
        return self.framing.mode is Mode.LEGACY

    async def read_command(
        self, wait_s: float, most_s: float = math.inf, limits: Limits | None = None
    ) -> Command:
        """The next command; its first byte within ``wait_s`` seconds, all of it within ``most_s``.
        ``limits``: other ones than the stream's.  Raises TimeoutError (and then the stream is closed),
        TransportClosed, Reject for what is no command, StorageFault for a long answer that cannot be put
        away."""
        within = limits or self._limits
        payload, received = await self._read_screened(wait_s, most_s, within)
        if not isinstance(payload, bytes):
            spool = payload
            return await self._offload(lambda: decode_spooled(spool, within, received))
        if len(payload) <= LONG_BYTES:
            return decode_command(payload, within, received)
        return await self._offload(lambda: decode_command(payload, within, received))

    async def read_unparsed(self, wait_s: float, most_s: float) -> Command | UnparsedAnswer:
        """Like ``read_command``, but a long answer that is held is left to be parsed."""
        payload, received = await self._read_screened(wait_s, most_s, self._limits)
        if not isinstance(payload, bytes):
            spool = payload
            return await self._offload(lambda: decode_spooled(spool, self._limits, received))
        if len(payload) <= LONG_BYTES:
            return decode_command(payload, self._limits, received)
        command_id = await self._offload(lambda: check_tags(payload, self._limits))
        return UnparsedAnswer(command_id, payload, received)

    async def read_question(self, wait_s: float) -> Command | LongQuestion:
        """Like ``read_command``, but a long question is left to be decoded when it is its turn."""
        payload, received = await self._read_screened(wait_s, math.inf, self._limits)
        if not isinstance(payload, bytes):
            raise RuntimeError("only answers are put into spools")
        if len(payload) <= SHORT_BYTES:
            return decode_command(payload, self._limits, received)
        return LongQuestion(payload, self._limits, received, self._offload)

    async def _read_screened(self, wait_s: float, most_s: float, limits: Limits) -> tuple[bytes | Spool, int]:
        """A payload, and the second when it was here."""
        payload = await self._read_payload(wait_s, most_s, limits)
        if self._screen is not None and isinstance(payload, bytes):
            await self._screen(payload)
        received = int(self._clock.now())
        self.last_progress = self._clock.monotonic()
        if isinstance(payload, bytes) and len(payload) > SHORT_BYTES:
            self._on_held(len(payload) + self.framing.bytes_held)
        return payload, received

    async def write_command(self, command: Command, most_s: float = math.inf) -> None:
        """Raises TimeoutError when the peer does not read within ``most_s`` or the limit (its stream is
        closed then), TransportClosed, and Ignore for a command that cannot be written: not its fault."""
        await self.write_parts(await self.encode(command), min(self._limits.write_s, most_s))

    async def encode(self, answer: Command | Encoded) -> tuple[bytes, ...]:
        """The frame of an answer, in pieces.  Raises Ignore for a command that cannot be written."""
        if isinstance(answer, Encoded):
            payload = answer.payload
            if len(payload) <= LONG_BYTES:
                return (self.framing.encode_frame(payload),)
            return await self._offload(lambda: self.framing.encode_parts(payload))
        try:
            if count_messages(answer) <= LONG_MESSAGES:
                return (self._encode(answer),)
            return await self._offload(lambda: (self._encode(answer),))
        except Reject as verdict:
            raise Ignore(verdict.rule, verdict.reason) from verdict

    async def write_parts(
        self,
        parts: tuple[bytes, ...],
        most_s: float,
        stall_s: float = math.inf,
        on_written: Callable[[int], None] = _note_nothing,
    ) -> None:
        """Pieces of a frame, all within ``most_s`` and none stuck for ``stall_s``; ``on_written`` is told how
        many bytes have gone.  Raises TimeoutError (the stream is closed then), TransportClosed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + most_s
        try:
            for piece in _split(parts):
                self._writing.set(min(until, loop.time() + stall_s), loop)
                await self._transport.write(piece)
                size = len(piece)
                self.bytes_sent += size
                self.last_used = self.last_progress = self._clock.monotonic()
                on_written(size)
        except TransportClosed:
            self._raise_if_over(self._writing)
            raise
        finally:
            self._writing.clear()

    def take_frame(self) -> bytes | None:
        """A frame that is here already.  Raises Reject, TransportClosed for a damaged answer."""
        payload = self.framing.next_frame()
        if self._is_asking and self.framing.faults:
            raise TransportClosed(_DAMAGED)
        if self._faults.is_over(self.framing.faults, self._clock.monotonic()):
            raise Reject(RULE, f"{self._limits.faults} damaged frames within {self._limits.fault_span_s:g} s")
        return payload

    def close(self) -> None:
        self._reading.close()
        self._writing.close()
        self._transport.close()
        # sessions refer to themselves: megabytes of half a frame would stay until somebody collects them
        self.framing.forget()

    def _raise_if_over(self, deadline: Deadline) -> None:
        if deadline.is_over:
            raise TimeoutError

    def _encode(self, command: Command) -> bytes:
        return self.framing.encode_frame(encode_command(command))

    async def _read_payload(self, wait_s: float, most_s: float, limits: Limits) -> bytes | Spool:
        framing, deadline = self.framing, self._reading
        payload = await self._take_frame() if framing.is_in_frame else None
        if payload is not None:
            return payload
        loop = asyncio.get_running_loop()
        start = loop.time()
        begun = start if framing.is_in_frame else None
        most = start + most_s
        try:
            while payload is None:
                until = start + wait_s if begun is None else begun + self._get_frame_time(limits)
                deadline.set(min(until, most), loop)
                data = await self._transport.read_some(READ_BYTES)
                self.bytes_received += len(data)
                self.last_used = self._clock.monotonic()
                framing.receive_data(data)
                if self._is_asking and (frame := framing.begin_long(LONG_FRAME_BYTES)) is not None:
                    return await self._receive_long(frame, min(loop.time() + limits.frame_s, most))
                is_long = framing.bytes_held > LONG_FRAME_BYTES
                payload = await self._take_frame() if is_long else self.take_frame()
                if payload is None and framing.bytes_held > SHORT_BYTES:
                    self._on_held(framing.bytes_held)
                if begun is None and framing.is_in_frame:
                    begun = loop.time()
        except TransportClosed:
            self._raise_if_over(deadline)
            raise
        finally:
            deadline.clear()
        return payload

    async def _receive_long(self, frame: LongFrame, until: float) -> Spool:
        """An answer that is too long to be held, into a spool, by ``until`` (loop time)."""
        loop, spool = asyncio.get_running_loop(), await self._put_away(self._make_spool)
        receiver = LongReceiver(frame, spool)
        rest = await self._put_away(partial(receiver.receive_data, frame.here))
        while not receiver.is_whole:
            self._reading.set(until, loop)
            data = await self._transport.read_some(READ_BYTES)
            self.bytes_received += len(data)
            self.last_used = self._clock.monotonic()
            rest = await self._put_away(partial(receiver.receive_data, data))
        self.framing.receive_data(rest)
        if not receiver.is_intact:
            raise TransportClosed(_DAMAGED)
        receiver.check()
        return spool

    async def _put_away(self, work: Callable[[], T]) -> T:
        """Off the event loop: it is inflated, and goes to a disk.  Raises StorageFault."""
        try:
            return await self._offload(work)
        except OSError as error:
            raise StorageFault(f"a long answer cannot be put away: {error}") from error

    async def _take_frame(self) -> bytes | None:
        """As ``take_frame``; nobody else touches the framing of a stream while it is read."""
        if self.framing.bytes_held <= LONG_FRAME_BYTES:
            return self.take_frame()
        return await self._offload(self.take_frame)

    def _get_frame_time(self, limits: Limits) -> float:
        is_block = self.framing.command_id is CommandId.BLOCK
        return limits.pushed_block_frame_s if is_block else limits.frame_s


def _split(parts: tuple[bytes, ...]) -> Iterable[bytes]:
    """The same bytes in pieces that are written at once; most frames are one."""
    if len(parts[-1]) <= PIECE_BYTES:
        return parts
    return (part[start : start + PIECE_BYTES] for part in parts for start in range(0, len(part), PIECE_BYTES))


async def decode_question(question: Command | LongQuestion) -> Command:
    """The command of a question.  Raises Reject if it is none."""
    return await question.decode() if isinstance(question, LongQuestion) else question


def count_messages(command: Command) -> int:
    """How many messages a command carries, alone and in blocks."""
    if not command.blocks:
        return len(command.messages)
    return len(command.messages) + sum(len(block.messages) for block in command.blocks)
