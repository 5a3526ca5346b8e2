"""Questions answered on one session, and sessions held, the other end in a process of its own.

The bound of a question is Tornado alone, in the same two processes: an echo of as many bytes, with a length
before them and nothing else done.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

import psutil
from tornado.tcpclient import TCPClient

from benchmarks.chains import PORT, Party, make_ip
from benchmarks.figures import Row, compute_noise
from benchmarks.other_end import start_other_end
from hypernode.app.system_clock import SystemClock
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello

TARGETS: Final = {"200-byte": 0.6, "24-KB": 0.65}
SIZES: Final = {"200-byte": 200, "24-KB": 24 * 1024}
WARM_UP: Final = 50
CHUNK: Final = 50
"""Questions of one kind in a row before the other kind's turn: both feel what else the machine does."""
HELD_KIB: Final = 20.0
SETTLE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Answerer:
    """The other process."""

    process: psutil.Process
    session: Endpoint
    echo: Endpoint


async def measure_answers(party: Party, questions: int) -> list[Row]:
    """``questions`` in turn on one session, and as many echoes."""
    async with start_answerer(party) as answerer:
        return [
            await _measure_size(party, answerer, words, size, questions, features)
            for features in (ANNOUNCED_FEATURES, 0)
            for words, size in SIZES.items()
        ]


async def _measure_size(
    party: Party, answerer: Answerer, words: str, size: int, questions: int, features: int
) -> Row:
    session = await open_to(party, answerer.session, 1, features)
    stream = await TCPClient().connect(answerer.echo.ip, answerer.echo.port)
    stream.set_nodelay(True)
    question = Command(CommandId.GETHYPERNODES, string=str(size))
    frame = struct.pack(">i", size) + bytes(size)

    async def ask() -> None:
        await session.request(question, 60.0)

    async def echo() -> None:
        await stream.write(frame)
        (length,) = struct.unpack(">i", await stream.read_bytes(4))
        await stream.read_bytes(length)

    try:
        ours, bare = await _time_in_turns(ask, echo, questions)
    finally:
        session.close()
        stream.close()
    ratios, target = [b / o for b, o in zip(bare, ours, strict=True)], TARGETS[words]
    ratio = median(ratios)
    rate, bound = CHUNK / median(ours), CHUNK / median(bare)
    return Row(
        f"questions on one session, {words} answers, {'checked' if features else 'legacy'} frames",
        f"{rate:,.0f}/s, {ratio:.2f} of the bound",
        f"echo of Tornado alone: {bound:,.0f}/s",
        f"≥ {target} of the bound",
        ratio >= target,
        {"ratio": ratio, "per_second": rate},
        compute_noise(ratios),
    )


async def _time_in_turns(
    one: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]], count: int
) -> tuple[list[float], list[float]]:
    """Seconds of each chunk of calls."""
    loop = asyncio.get_running_loop()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(WARM_UP):
        await one()
        await other()
    for _ in range(max(1, count // CHUNK)):
        for work, into in zip((one, other), times, strict=True):
            start = loop.time()
            for _ in range(CHUNK):
                await work()
            into.append(loop.time() - start)
    return times


async def measure_sessions(party: Party, count: int) -> list[Row]:
    """The memory that ``count`` sessions take in the process that holds them, each after a question."""
    async with start_answerer(party) as answerer:
        first = [await open_to(party, answerer.session, number) for number in range(min(10, count))]
        await _ask_all(first)
        before = answerer.process.memory_info().rss
        held = [await open_to(party, answerer.session, 10 + number) for number in range(count - len(first))]
        await _ask_all(held)
        await asyncio.sleep(SETTLE_S)
        grown = answerer.process.memory_info().rss - before
        for session in (*first, *held):
            session.close()
    kib = grown / 1024 / max(1, len(held))
    return [
        Row(
            f"{count} sessions held",
            f"{kib:.1f} KiB each",
            "",
            f"≤ {HELD_KIB:.0f} KiB",
            kib <= HELD_KIB,
            {"kib": kib},
        )
    ]


async def _ask_all(sessions: list[ClientSession]) -> None:
    for session in sessions:
        await session.request(Command(CommandId.GETHYPERNODES, string="2000"), 10.0)


async def open_to(
    party: Party, remote: Endpoint, number: int, features: int = ANNOUNCED_FEATURES
) -> ClientSession:
    """A session with these features but the signed hello, from the loopback address of a number."""
    return await open_session(
        TornadoConnections(),
        remote,
        params=party.params,
        limits=Limits(),
        hello=Hello(party.params.posnet, PORT, party.addresses[0]),
        features=features,
        clock=SystemClock(),
        connect_timeout_s=5.0,
        hello_timeout_s=5.0,
        source_ip=make_ip(number),
    )


@asynccontextmanager
async def start_answerer(party: Party) -> AsyncIterator[Answerer]:
    """The other process, while the block lasts."""
    async with start_other_end("benchmarks.answerer", str(len(party.addresses))) as other:
        session, echo = (Endpoint(make_ip(0), other.said[name]) for name in ("session", "echo"))
        yield Answerer(psutil.Process(other.pid), session, echo)
