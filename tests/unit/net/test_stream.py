"""What of a stream is coded where it is, and what is given away so that the loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from hypernode.core.errors import Reject
from hypernode.core.types import Endpoint, Message
from hypernode.net.stream import LONG_BYTES, LONG_FRAME_BYTES, LONG_MESSAGES, CommandStream
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.loop import run
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import Framing, Mode
from tests.unit.wire.samples import BLOCK, MESSAGE

T = TypeVar("T")
MAGIC = b"\xf0\x01\x02\x03"
START = 1_796_119_200.5


class Pipe:
    """A transport whose other end is a list of bytes."""

    remote = Endpoint("10.0.0.1", 1)
    is_gone = False

    def __init__(self) -> None:
        self.data = bytearray()

    async def read_some(self, max_bytes: int) -> bytes:
        if not self.data:
            raise TransportClosed("the end")
        data = bytes(self.data[:max_bytes])
        del self.data[:max_bytes]
        return data

    async def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        """Nothing is open."""


class Aside:
    """Runs work at once and notes it."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, work: Callable[[], T], /) -> T:
        self.count += 1
        return work()


def exchange(command: Command, limits: Limits | None = None) -> tuple[Command, int, int]:
    """Write a command and read it again: what comes, and how often each side gave work away."""

    async def scenario() -> tuple[Command, int, int]:
        pipe, writing, reading = Pipe(), Aside(), Aside()
        clock = SimClock(asyncio.get_running_loop(), START)

        def open_stream(aside: Aside) -> CommandStream:
            framing = Framing(MAGIC, lambda *_: 1 << 26, Mode.CHECKED)
            return CommandStream(pipe, framing, limits or Limits(), clock, aside)

        await open_stream(writing).write_command(command)
        return await open_stream(reading).read_command(1.0), writing.count, reading.count

    return run(scenario())


def make_messages(count: int) -> tuple[Message, ...]:
    return tuple(replace(MESSAGE, value=n) for n in range(count))


def test_a_short_command_is_coded_where_it_is() -> None:
    command = Command(CommandId.TX, messages=make_messages(LONG_MESSAGES))
    short = replace(command, messages=command.messages[:100])
    assert len(encode_command(short)) <= LONG_BYTES
    assert exchange(short) == (short, 0, 0)


@pytest.mark.parametrize("count", [2, LONG_MESSAGES + 200])
def test_messages_are_marked_with_the_time_at_which_they_came(count: int) -> None:
    """Also those in blocks: scripts show it, and the ledger keeps it (spec 6, status)."""
    block = replace(BLOCK, messages=make_messages(count))
    for command in (
        Command(CommandId.TX, messages=tuple(block.messages)),
        Command(CommandId.BLOCK, blocks=(block,)),
    ):
        taken, *_ = exchange(command)
        messages = taken.messages or taken.blocks[0].messages
        assert {message.received for message in messages} == {int(START)}


@pytest.mark.parametrize(
    "command",
    [
        Command(CommandId.TX, messages=make_messages(LONG_MESSAGES + 200)),
        Command(CommandId.BLOCKSYNC, blocks=(replace(BLOCK, messages=make_messages(LONG_MESSAGES + 200)),)),
    ],
)
def test_a_long_command_is_given_away_both_ways(command: Command) -> None:
    assert exchange(command) == (command, 1, 1)


def test_a_long_frame_is_hashed_aside_too() -> None:
    command = Command(CommandId.STATUS, string="x" * (LONG_FRAME_BYTES + 200_000))
    got, _, given = exchange(command)
    assert got == command
    # the pieces over the size, and the decoding
    assert given > 1


def test_what_a_long_answer_breaks_is_raised_all_the_same() -> None:
    command = Command(CommandId.TX, messages=make_messages(LONG_MESSAGES + 200))
    with pytest.raises(Reject, match="over 400 messages"):
        exchange(command, Limits(mempool_messages=400))


def test_a_closed_stream_holds_nothing_of_an_unfinished_frame() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        framing = Framing(b"\xb1SN\x19", lambda *_: 2**25, Mode.LEGACY)
        stream = CommandStream(pipe, framing, Limits(), SimClock(asyncio.get_running_loop(), 1_700_000_000.0))
        await pipe.write((1_000_000).to_bytes(4, "big") + b"\x08\x07" + bytes(500_000))
        with pytest.raises(TransportClosed):
            await stream.read_command(10.0)
        assert framing.bytes_held > 500_000
        stream.close()
        assert framing.bytes_held == 0

    run(scenario())
