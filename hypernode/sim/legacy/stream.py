"""Legacy frames over a stream: a signed length, a payload, and no notion of features (spec 2, frames)."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace

from hypernode.core.errors import Reject
from hypernode.core.types import Endpoint
from hypernode.ports.connections import Connections, Transport, TransportClosed
from hypernode.sim.legacy.traps import LegacyCloses, Trap, TrapLog
from hypernode.wire.catalogue import LAST_LEGACY_ID, CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command

SILENCE_S = 90.0
"""It closes after this long without a frame."""
CONNECT_TIMEOUT_S = 5.0
_COMMAND_TAG = 0x08
_READ_BYTES = 64 * 1024
_NO_LIMITS = replace(
    Limits(),
    mempool_messages=10**9,
    block_messages=10**9,
    frame_fields=10**9,
    many_blocks_fields=10**9,
)


class LegacyStream:
    """One connection, either side of it."""

    def __init__(self, transport: Transport, traps: TrapLog) -> None:
        self._transport = transport
        self._traps = traps
        self._buffer = bytearray()
        self.remote = transport.remote

    async def read(self, wait_s: float = SILENCE_S) -> Command:
        """The next command.  Raises TransportClosed, TimeoutError, LegacyCloses for what cannot be
        parsed."""
        async with asyncio.timeout(wait_s):
            (length,) = struct.unpack(">i", await self._take(4))
            payload = await self._take(max(0, length))
        if length <= 0:
            self._traps.spring(Trap.EMPTY_FRAME, self.remote.ip, str(length))
            return Command(CommandId.HELLO)
        if payload[0] == _COMMAND_TAG and len(payload) > 1 and payload[1] > LAST_LEGACY_ID:
            # proto2: an enum value that the parser does not know reads as the first one
            self._traps.spring(Trap.UNKNOWN_COMMAND, self.remote.ip, str(payload[1]))
            return Command(CommandId.HELLO)
        try:
            command = decode_command(payload, _NO_LIMITS)
        except Reject as problem:
            raise LegacyCloses(problem.reason) from None
        return replace(command, height_forger=None, features=None, nonce=None, pubkey=None, proof=None)

    async def write(self, command: Command) -> None:
        """Raises TransportClosed."""
        payload = encode_command(command)
        await self._transport.write(struct.pack(">i", len(payload)) + payload)

    async def ask(self, command: Command) -> Command:
        """Write and read the answer, whatever it is."""
        await self.write(command)
        return await self.read()

    def close(self) -> None:
        self._transport.close()

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += await self._transport.read_some(_READ_BYTES)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


async def connect(
    connections: Connections, remote: Endpoint, source_ip: str, traps: TrapLog, hello: str | None
) -> LegacyStream:
    """Dial, and say hello if there is one to say.  Raises TransportClosed, also when it is refused, and
    TimeoutError."""
    transport = await connections.connect(remote, source_ip, CONNECT_TIMEOUT_S)
    stream = LegacyStream(transport, traps)
    if hello is None:
        return stream
    try:
        answer = await stream.ask(Command(CommandId.HELLO, string=hello))
        if answer.id is not CommandId.HELLO:
            raise TransportClosed(f"hello answered with {answer.id.name}")
    except BaseException:
        stream.close()
        raise
    return stream
