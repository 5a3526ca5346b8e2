"""The floods: each takes an arena and how much of it, and returns when it has said everything.

``scale`` 1 is the full form.  An attacker is cut off most of the time: that is tested, and it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

import zstandard

from hypernode.app.system_clock import SystemClock
from hypernode.core.address import compute_address
from hypernode.core.errors import Verdict
from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import ChainHeight, Message
from hypernode.net.client_session import ClientSession, HelloRefused
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.compression import ZSTD
from hypernode.wire.hello import CLIENT_PORT, FEATURE_CHECKED, FEATURE_COMPRESSED, Hello, format_hello
from tests.floods.arena import MIB, Arena
from tests.floods.asking import chain_questions, held_places, node_questions, unread_answers

T = TypeVar("T")
Flood: TypeAlias = Callable[[Arena, float], Awaitable[None]]

_CUT_OFF: Final = (TransportClosed, TimeoutError, HelloRefused, Verdict, OSError)
"""What an attacker gets."""
_AT_ONCE: Final = 50
STRANGERS: Final = 100
"""Addresses that the attacker has."""


async def idle(arena: Arena, scale: float) -> None:
    """1,000 connections that say nothing, from many addresses, held while the node holds them."""
    count = scale_count(1_000, scale)
    opened = await gather(_try_dial(arena, number) for number in range(count))
    await asyncio.sleep(12 * scale)
    for transport in opened:
        if transport is not None:
            transport.close()


async def slowloris(arena: Arena, scale: float) -> None:
    """300 connections, each with a frame that comes byte after byte; half of them after hello."""

    async def crawl(number: int) -> None:
        with contextlib.suppress(*_CUT_OFF):
            transport = await arena.dial(arena.make_stranger_ip(number % STRANGERS))
            try:
                if number % 2:
                    await transport.write(_make_hello_frame(arena, 0))
                frame = frame_legacy(encode_command(Command(CommandId.STATUS)) + bytes(200))
                for place in range(scale_count(60, scale)):
                    await transport.write(frame[place : place + 1])
                    await asyncio.sleep(0.3)
            finally:
                transport.close()

    await asyncio.gather(*(crawl(number) for number in range(scale_count(300, scale))))


async def oversize(arena: Arena, scale: float) -> None:
    """3,000 frames that say they are longer than any may be, or shorter."""
    lengths = (2**31 - 1, 0, -1, 33 * MIB, 4 * MIB, -(2**31))
    magic = arena.params.magic

    async def claim(number: int) -> None:
        length = lengths[number % len(lengths)]
        head = struct.pack(">i", length) + b"\x08\x06"
        if number % 2:
            head = magic + struct.pack(">I", length & 0xFFFFFFFF) + b"huge" + b"\x08\x06"
        await say(arena, _pick_ip(arena, number), head + bytes(4_000))

    await gather(claim(number) for number in range(scale_count(3_000, scale)))


async def zstd_bombs(arena: Arena, scale: float) -> None:
    """500 sessions with compression, each with frames that inflate to far more than they are."""
    honest = zstandard.compress(b"\x08\x06" + bytes(2 * MIB))
    lying = bytearray(zstandard.compress(bytes(200 * MIB)))
    lying[5:9] = struct.pack("<I", 1_000)
    unsaid = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100 * MIB))
    bombs = (honest, zstandard.compress(bytes(300 * MIB)), bytes(lying), unsaid)

    async def inflate(number: int) -> None:
        data = b"".join(_checked(arena, bytes((ZSTD,)) + bombs[(number + n) % len(bombs)]) for n in range(4))
        features = FEATURE_CHECKED | FEATURE_COMPRESSED
        await say(arena, _pick_ip(arena, number), _make_hello_frame(arena, features), data)

    await gather(inflate(number) for number in range(scale_count(500, scale)))


async def garbage(arena: Arena, scale: float) -> None:
    """3,000 sessions that say hello and then bytes without sense, in legacy and in checked frames."""

    async def babble(number: int) -> None:
        noise = hashlib.shake_128(b"%d" % number).digest(3_000)
        features = FEATURE_CHECKED if number % 2 else 0
        frame = _checked(arena, b"\x08\x05" + noise) if number % 4 == 3 else noise
        await say(arena, _pick_ip(arena, number), _make_hello_frame(arena, features), frame)

    await gather(babble(number) for number in range(scale_count(3_000, scale)))


async def strange_messages(arena: Arena, scale: float) -> None:
    """50,000 well signed messages of senders that nobody registered, half from a registered IP."""
    now = int(SystemClock().now())
    batches = [
        await asyncio.to_thread(_make_messages, arena, number, 250, now)
        for number in range(max(2, scale_count(200, scale)))
    ]

    async def pour(place: int) -> None:
        is_rogue = place == 0
        wait_s, ip = 20.0, arena.rogue_ip if is_rogue else arena.make_stranger_ip(place)
        port = arena.target.port if is_rogue else CLIENT_PORT
        session: ClientSession | None = None
        for batch in batches[place::2]:
            what = CommandId.MEMPOOL if is_rogue else CommandId.TX
            with contextlib.suppress(*_CUT_OFF):
                if session is None or session.is_closed:
                    session = await arena.open(arena.rogue, ip, port)
                await session.request(Command(what, messages=batch), wait_s)
        if session is not None:
            session.close()

    await asyncio.gather(pour(0), pour(1))


async def replays(arena: Arena, scale: float) -> None:
    """The node's own blocks pushed again, a good message said again and again, a recorded signed hello."""
    recorded = await arena.ask_newest()
    push = frame_legacy(encode_command(Command(CommandId.BLOCK, blocks=recorded[-1:])))
    said = [message for block in recorded for message in block.messages][:200]
    hello = _make_hello_frame(arena, 7, nonce=bytes(32), pubkey=arena.rogue.pubkey)
    proof = frame_legacy(encode_command(Command(CommandId.AUTH, proof=bytes(range(64)))))

    async def replay(number: int) -> None:
        await say(arena, arena.rogue_ip, push)
        await say(arena, arena.make_stranger_ip(number % STRANGERS), hello, proof)

    await gather(replay(number) for number in range(scale_count(1_500, scale)))
    with contextlib.suppress(*_CUT_OFF):
        await _repeat(arena, tuple(said), scale_count(100, scale))


async def _repeat(arena: Arena, messages: tuple[Message, ...], count: int) -> None:
    async with _open(arena, CLIENT_PORT) as session:
        for _ in range(count):
            await session.request(Command(CommandId.TX, messages=messages), 20.0)


async def wrong_jurors(arena: Arena, scale: float) -> None:
    """1,000 blocks for the present slot, well sealed by a registered hypernode that is not its juror."""
    rogue, params = arena.rogue, arena.params
    parent = (await arena.ask_newest())[-1]
    for start in range(0, scale_count(1_000, scale), _AT_ONCE):
        now = SystemClock().now()
        round_, sir = compute_round_slot(params, now)
        blocks = [
            seal_block(
                rogue.sign, rogue.address, parent, round_, sir, int(now), list(parent.messages[: n % 7])
            )
            for n in range(start, start + _AT_ONCE)
        ]
        frames = [frame_legacy(encode_command(Command(CommandId.BLOCK, blocks=(block,)))) for block in blocks]
        await gather(say(arena, arena.rogue_ip, frame) for frame in frames)


async def forged_messages(arena: Arena, scale: float) -> None:
    """200 frames of 2,000 messages that nobody signed: in the name of hypernodes, and of 2,000 unknown
    senders."""
    now, recorded = int(SystemClock().now()), await arena.ask_newest()
    sealed = [message for block in recorded for message in block.messages]

    def make(number: int) -> bytes:
        models = (sealed[place % len(sealed)] for place in range(2_000))
        messages = (
            replace(
                model,
                txid=hashlib.sha512(b"%d %d" % (number, place)).digest(),
                timestamp=now,
                value=place,
                sender=model.sender if number % 2 else f"{place:B>34}",
            )
            for place, model in enumerate(models)
        )
        return frame_legacy(encode_command(Command(CommandId.TX, messages=tuple(messages))))

    hello = _make_hello_frame(arena, 0)

    async def pour(number: int) -> None:
        await say(arena, arena.make_stranger_ip(number % STRANGERS), hello, make(number))

    await gather(pour(number) for number in range(scale_count(200, scale)))


async def junk_blocks(arena: Arena, scale: float) -> None:
    """50 blocks of 10,000 messages that nobody signed, well sealed by a registered hypernode, also in its
    slots."""
    rogue, parts = arena.rogue, [hashlib.sha512(b"%d" % number).digest() for number in range(10_000)]
    for _ in range(scale_count(50, scale)):
        parent = (await arena.ask_newest())[-1]
        now = SystemClock().now()
        round_, sir = compute_round_slot(arena.params, now)
        model = parent.messages[0]
        junk = [replace(model, txid=part, timestamp=int(now), value=n) for n, part in enumerate(parts)]
        block = seal_block(rogue.sign, rogue.address, parent, round_, sir, int(now), junk)
        push = frame_legacy(
            await asyncio.to_thread(encode_command, Command(CommandId.BLOCK, blocks=(block,)))
        )
        await say(arena, arena.rogue_ip, push)


async def impostors(arena: Arena, scale: float) -> None:
    """1,000 sessions from the IP of the legitimate peer, without its key: untrue heights in its name,
    garbage, and six that hold its places."""
    hello = _make_hello_frame(arena, 0, port=arena.target.port)
    lie = ChainHeight(1_000_000, 50_000, 1, bytes(20), 9, 9, 9, 9)
    told = frame_legacy(encode_command(Command(CommandId.HEIGHT, height=lie)))

    async def claim(number: int) -> None:
        pieces = (b"\x90garbage" * 20,) if number % 3 == 0 else (hello, told, told)
        await say(arena, arena.peer_ip, *pieces, listen_s=0.5)

    for _ in range(6):
        with contextlib.suppress(*_CUT_OFF):
            await arena.dial(arena.peer_ip)
    await gather(claim(number) for number in range(scale_count(1_000, scale)))


async def height_spam(arena: Arena, scale: float) -> None:
    """20,000 heights that are not true, from a registered hypernode that does not wait for answers."""
    with contextlib.suppress(*_CUT_OFF):
        await _lie(arena, scale_count(200, scale))
    lies = [ChainHeight(number + 2, 2**32 - 1, 0, bytes(20), 1, 1, 1, 1) for number in range(100)]
    burst = b"".join(frame_legacy(encode_command(Command(CommandId.HEIGHT, height=lie))) for lie in lies)
    hello = _make_hello_frame(arena, 0, port=arena.target.port)
    for number in range(scale_count(200, scale)):
        ip = arena.rogue_ip if number % 2 else arena.make_stranger_ip(number % STRANGERS)
        await say(arena, ip, hello, burst, listen_s=0.2)


async def _lie(arena: Arena, count: int) -> None:
    async with _open(arena, arena.target.port) as session:
        for number in range(count):
            lie = ChainHeight(
                1_000_000 + number, 50_000, 1, hashlib.sha256(b"%d" % number).digest()[:20], 9, 9, 9, 9
            )
            await session.request(Command(CommandId.HEIGHT, height=lie), 20.0)


FLOODS: Final[Mapping[str, Flood]] = {
    flood.__name__: flood
    for flood in (
        idle,
        slowloris,
        strange_messages,
        forged_messages,
        wrong_jurors,
        junk_blocks,
        impostors,
        replays,
        height_spam,
        zstd_bombs,
        oversize,
        garbage,
        chain_questions,
        node_questions,
        unread_answers,
        held_places,
    )
}


def scale_count(count: int, scale: float) -> int:
    return max(1, round(count * scale))


async def gather(works: Iterable[Awaitable[T]]) -> list[T]:
    """All of them, some at a time."""
    done: list[T] = []
    waiting = iter(works)
    while batch := list(itertools.islice(waiting, _AT_ONCE)):
        done += await asyncio.gather(*batch)
    return done


async def _try_dial(arena: Arena, number: int) -> Transport | None:
    with contextlib.suppress(*_CUT_OFF):
        return await arena.dial(arena.make_stranger_ip(number % STRANGERS))
    return None


async def say(arena: Arena, ip: str, *pieces: bytes, listen_s: float = 1.0) -> None:
    """Connect, say the pieces, and listen until the node closes or ``listen_s`` have passed."""
    with contextlib.suppress(*_CUT_OFF):
        transport = await arena.dial(ip)
        try:
            async with asyncio.timeout(5.0):
                for piece in pieces:
                    await transport.write(piece)
            async with asyncio.timeout(listen_s):
                while True:
                    await transport.read_some(65_536)
        finally:
            transport.close()


def _pick_ip(arena: Arena, number: int) -> str:
    """One in ten comes from the registered hypernode."""
    return arena.rogue_ip if number % 10 == 0 else arena.make_stranger_ip(number % STRANGERS)


def _make_hello_frame(
    arena: Arena,
    features: int,
    nonce: bytes | None = None,
    pubkey: bytes | None = None,
    port: int = CLIENT_PORT,
) -> bytes:
    hello = Hello(arena.params.posnet, port, arena.rogue.address)
    command = Command(
        CommandId.HELLO, string=format_hello(hello), features=features or None, nonce=nonce, pubkey=pubkey
    )
    return frame_legacy(encode_command(command))


def frame_legacy(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def _checked(arena: Arena, payload: bytes) -> bytes:
    return arena.params.magic + struct.pack(">II", len(payload), zlib.crc32(payload)) + payload


def _make_messages(arena: Arena, number: int, count: int, now: int) -> tuple[Message, ...]:
    """Of a sender of their own each, which is new and registered nowhere."""
    secret = hashlib.sha256(b"stranger %d" % number).digest()
    pubkey = compute_pubkey(secret)
    address = compute_address(pubkey, arena.params.address_byte)
    return tuple(
        create_message(
            lambda buffer: sign(secret, buffer),
            pubkey,
            timestamp=now,
            sender=address,
            recipient=arena.target_address,
            what=202,
            params="TEST:0",
            value=place,
        )
        for place in range(count)
    )


@asynccontextmanager
async def _open(arena: Arena, port: int) -> AsyncIterator[ClientSession]:
    """A session of the registered attacker, which tries for a while.  Raises what it was cut off with."""
    async with asyncio.timeout(15.0):
        while (session := await _try_open(arena, port)) is None:
            await asyncio.sleep(0.5)
    try:
        yield session
    finally:
        session.close()


async def _try_open(arena: Arena, port: int) -> ClientSession | None:
    with contextlib.suppress(*_CUT_OFF):
        return await arena.open(arena.rogue, arena.rogue_ip, port)
    return None
