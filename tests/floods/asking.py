"""Floods of questions that anybody may ask: of the chain, of the node, unread ones, and mere sitting there.

Each address is of a /24 of its own, and has as many sessions as the node lets it have.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from hypernode.app.system_clock import SystemClock
from hypernode.core.errors import Verdict
from hypernode.core.message import create_message
from hypernode.net.client_session import HelloRefused
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.hello import CLIENT_PORT, Hello, format_hello
from tests.floods.arena import Arena

CUT_OFF: Final = (TransportClosed, TimeoutError, HelloRefused, Verdict, OSError)
ASKERS: Final = 66
"""Addresses, with three sessions each: what strangers may have in all, but two."""
SECONDS: Final = 20.0
HELD: Final = 500
COME_BACK_S: Final = 2.0
DEAF_QUESTIONS: Final = 15
"""Of 8 bytes, within the tokens of a session: the kernel takes the first answers."""
FILL: Final = 200
"""Messages of each sender.  With what the legitimate peer says for the same three in a round, 80 of each,
they are within the 300 that a mempool takes; over that, later slots of the round would lack messages."""
FIND_S: Final = 10.0
"""So soon a stranger has found a place."""
OPERATOR_IP: Final = "127.0.0.1"
NEWCOMER: Final = 9_000
"""The number of a stranger that no flood uses."""

_OF_THE_CHAIN: Final = (CommandId.BLOCKSYNC, CommandId.ROUNDBLOCKS, CommandId.GETBLOCK, CommandId.GETHEADERS)
_OF_THE_NODE: Final = (
    *(CommandId.STATUS, CommandId.GETROUND, CommandId.MEMPOOL, CommandId.GETHEIGHTS, CommandId.PEERS),
)


async def chain_questions(arena: Arena, scale: float) -> None:
    """200 sessions of strangers that ask for blocks all the time, and leave with a question asked."""
    first = await fill_blocks(arena, scale)
    await _ask_on(arena, [_make_question(kind, first) for kind in _OF_THE_CHAIN], scale)


async def node_questions(arena: Arena, scale: float) -> None:
    """200 sessions of strangers that ask for the status and the like all the time."""
    await _ask_on(arena, [_make_question(kind, 0) for kind in _OF_THE_NODE], scale)


async def unread_answers(arena: Arena, scale: float) -> None:
    """200 sessions of strangers that ask for blocks and read nothing of them."""
    first = await fill_blocks(arena, scale)
    sockets = [await _ask_deaf(arena, number, first) for number in range(_scaled(3 * ASKERS, scale))]
    await asyncio.sleep(SECONDS * scale)
    for sock in sockets:
        if sock is not None:
            sock.close()


async def held_places(arena: Arena, scale: float) -> None:
    """500 sessions that come back when they are ended, and meanwhile an operator and a stranger that comes to
    sync."""
    holders = [asyncio.create_task(_hold(arena, number)) for number in range(_scaled(HELD, scale))]
    try:
        await asyncio.sleep(max(1.0, SECONDS * scale / 2))
        for ip, within_s in ((OPERATOR_IP, 5.0), (arena.make_stranger_ip(NEWCOMER), FIND_S)):
            await _come_in(arena, ip, within_s)
        await asyncio.sleep(SECONDS * scale / 2)
    finally:
        for holder in holders:
            holder.cancel()
        await asyncio.gather(*holders, return_exceptions=True)


async def fill_blocks(arena: Arena, scale: float) -> int:
    """Let the next block be a large one; the height from which on it is among the next blocks."""
    newest = (await arena.ask_newest())[-1].height
    now = int(SystemClock().now())
    async with _connect(arena, arena.rogue_ip) as transport:
        for wallet in (arena.rogue, arena.peer, arena.control):
            messages = tuple(
                create_message(
                    wallet.sign,
                    wallet.pubkey,
                    timestamp=now,
                    sender=wallet.address,
                    recipient=arena.target_address,
                    what=203,
                    params="x" * 250,
                    value=number,
                )
                for number in range(_scaled(FILL, scale))
            )
            with contextlib.suppress(*CUT_OFF):
                await _exchange(transport, Command(CommandId.TX, messages=messages))
    await asyncio.sleep(2 * arena.params.slot_s * min(scale * 5, 1.0))
    return max(1, newest - 1)


def _make_question(kind: CommandId, first: int) -> Command:
    if kind in (CommandId.STATUS, CommandId.GETROUND, CommandId.GETHEIGHTS, CommandId.PEERS):
        return Command(kind)
    if kind is CommandId.GETHEADERS:
        return Command(kind, string="0,1000")
    return Command(kind, int32=1 if kind in (CommandId.MEMPOOL, CommandId.ROUNDBLOCKS) else first)


async def _ask_on(arena: Arena, questions: Sequence[Command], scale: float) -> None:
    """Ask and read, ask and read; at the end each leaves without reading."""
    count = _scaled(3 * ASKERS, scale)
    until = asyncio.get_running_loop().time() + SECONDS * scale

    async def ask(number: int) -> None:
        with contextlib.suppress(*CUT_OFF):
            async with _connect(arena, _get_ip(arena, number)) as transport:
                for question in itertools.islice(itertools.cycle(questions), number, None):
                    if asyncio.get_running_loop().time() >= until:
                        await _say(transport, question)
                        return
                    async with asyncio.timeout_at(until):
                        await _exchange(transport, question)

    await asyncio.gather(*(ask(number) for number in range(count)))


async def _ask_deaf(arena: Arena, number: int, first: int) -> socket.socket | None:
    """A socket with next to no room for answers, and questions asked on it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        sock.bind((_get_ip(arena, number), 0))
        async with asyncio.timeout(5.0):
            await loop.sock_connect(sock, (arena.target.ip, arena.target.port))
            question = _frame(Command(CommandId.BLOCKSYNC, int32=first))
            await loop.sock_sendall(sock, _frame(_make_hello(arena)) + question * DEAF_QUESTIONS)
    except OSError:
        sock.close()
        return None
    return sock


async def _hold(arena: Arena, number: int) -> None:
    """Sit there; come back when that ends."""
    while True:
        with contextlib.suppress(*CUT_OFF):
            async with _connect(arena, _get_ip(arena, number)) as transport:
                await transport.read_some(1)
        await asyncio.sleep(COME_BACK_S)


async def _come_in(arena: Arena, ip: str, within_s: float) -> None:
    """Get an answer from the node, trying again; a fault of the node's if there was none in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while loop.time() < until:
        with contextlib.suppress(*CUT_OFF):
            async with asyncio.timeout_at(until), _connect(arena, ip) as transport:
                await _exchange(transport, Command(CommandId.BLOCKSYNC, int32=1))
                return
        await asyncio.sleep(0.2)
    arena.faults.append(f"nothing was to be had from {ip} within {within_s:g} s")


@asynccontextmanager
async def _connect(arena: Arena, ip: str) -> AsyncIterator[Transport]:
    """A connection after its hello.  Raises what it was cut off with."""
    transport = await arena.dial(ip)
    try:
        await _exchange(transport, _make_hello(arena))
        yield transport
    finally:
        transport.close()


async def _exchange(transport: Transport, command: Command) -> int:
    """Ask, and read the answer over; its length."""
    await _say(transport, command)
    data = bytearray()
    while len(data) < 4 or len(data) < 4 + struct.unpack_from(">i", data)[0]:
        data += await transport.read_some(65_536)
    return len(data)


async def _say(transport: Transport, command: Command) -> None:
    await transport.write(_frame(command))


def _make_hello(arena: Arena) -> Command:
    hello = Hello(arena.params.posnet, CLIENT_PORT, arena.rogue.address)
    return Command(CommandId.HELLO, string=format_hello(hello))


def _frame(command: Command) -> bytes:
    payload = encode_command(command)
    return struct.pack(">i", len(payload)) + payload


def _get_ip(arena: Arena, number: int) -> str:
    """Three numbers share an address."""
    return arena.make_stranger_ip(number // 3)


def _scaled(count: int, scale: float) -> int:
    return max(1, round(count * scale))
