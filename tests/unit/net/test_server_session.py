"""What a session costs who opens it: garbage, sizes, silence, places and tokens."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from hypernode.ports.connections import TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import Mode
from hypernode.wire.hello import FEATURE_CHECKED, format_hello
from tests.unit.net.harness import (
    CLIENT_HELLO,
    LIMITS,
    OUR_HELLO,
    REGISTERED,
    STRANGER,
    RawPeer,
    SessionHarness,
    in_harness,
)
from tests.unit.wire.samples import MESSAGE

KIB, MIB = 1024, 1024 * 1024


async def measure_end(harness: SessionHarness, peer: RawPeer) -> float:
    """Seconds until the session ends."""
    started = harness.clock.monotonic()
    assert await peer.hear() is None
    return harness.clock.monotonic() - started


async def _drip(peer: RawPeer) -> None:
    """A byte a second keeps no session alive."""
    try:
        while True:
            await asyncio.sleep(1)
            await peer.write(b"\x10")
    except TransportClosed:
        pass


async def _ask(harness: SessionHarness, ip: str, count: int, *, at_once: bool) -> list[Command | None]:
    peer = await harness.dial(ip)
    await peer.say(HELLO)
    answers = [await peer.hear()]
    if at_once:
        await peer.say(*[Command(CommandId.GETTX)] * count)
        return answers + [await peer.hear() for _ in range(count)]
    for _ in range(count):
        await peer.say(Command(CommandId.GETTX))
        answers.append(await peer.hear())
    return answers


HELLO = Command(CommandId.HELLO, string=format_hello(OUR_HELLO))


FEATURE_HELLO = replace(HELLO, features=FEATURE_CHECKED, version=1)


STATUS = Command(CommandId.STATUS)


def talk(
    *said: Command, ip: str = REGISTERED, mode: Mode = Mode.LEGACY
) -> Callable[[SessionHarness], Coroutine[Any, Any, None]]:
    """Say these, one after the other's answer; the answers are in ``world.answers``."""

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(ip, mode)
        answers = []
        for command in said:
            await peer.say(command)
            answers.append(await peer.hear())
        harness.answers = answers  # type: ignore[attr-defined]

    return body


def answers_of(harness: SessionHarness) -> list[Command | None]:
    answers: list[Command | None] = harness.answers  # type: ignore[attr-defined]
    return answers


def say_bytes(data: bytes, ip: str = REGISTERED, hello: Command | None = None) -> SessionHarness:
    """Write bytes, after a hello if given, and wait for the end."""

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(ip)
        if hello is not None:
            await peer.say(hello)
            assert await peer.hear() is not None
        await peer.write(data)
        assert await peer.hear() is None

    return in_harness(body)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(4), "a frame of length 0"),
        (b"\xff" * 4, "a frame of length -1"),
        (bytes.fromhex("b1534e55"), "neither a length nor the magic of this network, but b1534e55"),
        (b"GET / HTTP/1.1\r\n\r\n", "the command does not come first"),
        (bytes.fromhex("000000020863"), "unknown command"),
        (bytes.fromhex("000000021200"), "the command does not come first"),
        (bytes.fromhex("0000000408001205"), "the payload ends within a field"),
    ],
)
def test_garbage_ends_the_session_and_is_held_against_the_ip(data: bytes, reason: str) -> None:
    harness = say_bytes(data, STRANGER)
    assert harness.list_reasons() == [reason]
    assert harness.ends[0].held_s == 4.0


def header(size: int, command_id: int) -> bytes:
    return struct.pack(">i", size) + bytes([8, command_id])


@pytest.mark.parametrize(
    ("ip", "hello", "command_id", "limit"),
    [
        (STRANGER, None, 0, 4 * KIB),
        (STRANGER, None, 6, 4 * KIB),
        (STRANGER, None, 20, 4 * KIB),
        (REGISTERED, None, 0, 4 * KIB),
        (REGISTERED, None, 5, 4 * KIB),
        (REGISTERED, None, 6, 3 * MIB),
        (REGISTERED, None, 20, 320 * KIB),
        (STRANGER, HELLO, 5, 64 * KIB),
        (STRANGER, HELLO, 8, 2 * MIB),
        (STRANGER, HELLO, 7, 2 * MIB),
        (STRANGER, HELLO, 6, 64 * KIB),
        (STRANGER, HELLO, 20, 64 * KIB),
        (REGISTERED, HELLO, 6, 3 * MIB),
        (REGISTERED, HELLO, 20, 320 * KIB),
        (REGISTERED, HELLO, 12, 64 * KIB),
    ],
)
def test_size_is_bound_before_it_is_held(ip: str, hello: Command | None, command_id: int, limit: int) -> None:
    """The last byte that is allowed opens a frame; one more ends the session from the header alone."""

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(ip)
        if hello is not None:
            await peer.say(hello)
            assert await peer.hear() is not None
        await peer.write(header(limit, command_id))
        await asyncio.sleep(5)
        assert harness.ends == []
        peer.transport.close()

    in_harness(body)
    harness = say_bytes(header(limit + 1, command_id), ip, hello)
    assert harness.list_reasons()[0].endswith(f"of {limit + 1} bytes, over the limit")
    is_block_of_juror = ip == REGISTERED and command_id == CommandId.BLOCK
    assert harness.ends[0].is_offence is not is_block_of_juror


def test_three_damaged_frames_in_a_minute_end_a_checked_session() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(mode=Mode.CHECKED)
        await peer.say(FEATURE_HELLO)
        assert await peer.hear() is not None
        for _ in range(2):
            await peer.write(b"noise")
            await peer.say(STATUS)
            assert await peer.hear() == STATUS
        await peer.write(b"noise")
        await peer.say(STATUS)
        assert await peer.hear() is None

    harness = in_harness(body)
    assert harness.list_reasons() == ["3 damaged frames within 60 s"]


def test_a_damaged_frame_now_and_then_is_lived_with() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(mode=Mode.CHECKED)
        await peer.say(FEATURE_HELLO)
        assert await peer.hear() is not None
        for _ in range(6):
            await asyncio.sleep(31)
            await peer.write(b"noise")
            await peer.say(STATUS)
            assert await peer.hear() == STATUS

    in_harness(body)


def test_a_connection_that_says_nothing_ends_after_ten_seconds() -> None:
    async def body(harness: SessionHarness) -> None:
        assert await measure_end(harness, await harness.dial()) == pytest.approx(10.0, abs=0.1)

    harness = in_harness(body)
    assert (harness.list_reasons(), harness.ends[0].is_offence) == (["silent or slow"], False)


def test_silence_after_hello_ends_the_session_after_ninety_seconds() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(HELLO)
        await peer.hear()
        assert await measure_end(harness, peer) == pytest.approx(90.0, abs=0.1)

    in_harness(body)


@pytest.mark.parametrize(("command_id", "seconds"), [(5, 30.0), (6, 45.0)])
def test_a_frame_that_has_begun_must_end_in_time(command_id: int, seconds: float) -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(HELLO)
        await peer.hear()
        await peer.write(header(1_000, command_id))
        drip = asyncio.create_task(_drip(peer))
        assert await measure_end(harness, peer) == pytest.approx(seconds, abs=0.1)
        drip.cancel()

    in_harness(body)


def test_who_does_not_read_its_answers_is_let_go() -> None:
    async def big(*_: object) -> Command | None:
        return Command(CommandId.STATUS, string="x" * MIB)

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(HELLO, STATUS)
        await asyncio.sleep(89)
        assert harness.ends == []
        await asyncio.sleep(2)

    harness = in_harness(body, handler=big)
    assert harness.list_reasons() == ["silent or slow"]


@pytest.mark.parametrize(("ip", "most"), [(STRANGER, 3), (REGISTERED, 6)])
def test_sessions_of_an_ip_are_counted(ip: str, most: int) -> None:
    async def body(harness: SessionHarness) -> None:
        peers = [await harness.dial(ip) for _ in range(most)]
        for peer in peers:
            await peer.say(HELLO)
            assert await peer.hear() is not None
        late = await harness.dial(ip)
        with contextlib.suppress(TransportClosed):
            # who may have a registered key is let in to prove it; nothing else is answered
            await late.say(HELLO)
        assert await late.hear() is None
        assert harness.list_reasons() == [f"{most} sessions of its IP are open"]
        peers[0].transport.close()
        await asyncio.sleep(1)
        await talk(HELLO, ip=ip)(harness)
        assert answers_of(harness) != [None]

    in_harness(body)


@pytest.mark.parametrize(
    ("ip", "at_once", "ease", "waits_s"),
    [
        (STRANGER, False, 4, 10.0),
        (REGISTERED, False, 1, 10.0),
        (REGISTERED, True, 1, 10.0),
        (REGISTERED, False, 2, 2.5),
        (REGISTERED, True, 4, 0.0),
    ],
)
def test_who_asks_much_is_answered_later(ip: str, at_once: bool, ease: float, waits_s: float) -> None:
    async def body(harness: SessionHarness) -> None:
        started = harness.clock.monotonic()
        assert None not in await _ask(harness, ip, 29, at_once=at_once)
        assert harness.clock.monotonic() - started == pytest.approx(waits_s, abs=0.1)

    in_harness(body, session_burst=10, session_rate=2, registered_ease=ease)


def test_a_flood_from_a_stranger_is_an_offence() -> None:
    async def body(harness: SessionHarness) -> None:
        assert None in await _ask(harness, STRANGER, 29, at_once=True)

    harness = in_harness(body, session_burst=10, session_rate=2)
    assert (harness.list_reasons(), harness.ends[0].held_s) == (["a flood of requests"], 4.0)


def test_sessions_of_an_ip_share_their_tokens() -> None:
    async def body(harness: SessionHarness) -> None:
        started = harness.clock.monotonic()
        await asyncio.gather(*[_ask(harness, STRANGER, 9, at_once=False) for _ in range(2)])
        assert harness.clock.monotonic() - started == pytest.approx(5.0, abs=0.1)

    in_harness(body, ip_burst=10, ip_rate=2)


def test_block_answers_are_dearer() -> None:
    async def body(harness: SessionHarness) -> None:
        started = harness.clock.monotonic()
        peer = await harness.dial(STRANGER)
        for command in (HELLO, Command(CommandId.BLOCKSYNC, int32=1)):
            await peer.say(command)
            await peer.hear()
        assert harness.clock.monotonic() - started == pytest.approx(5.0, abs=0.1)

    in_harness(body, session_burst=6, session_rate=1)


def test_who_gives_way_while_it_waits_for_tokens_is_not_dealt_with() -> None:
    tx = Command(CommandId.TX, messages=(MESSAGE,) * 100)
    size = len(encode_command(tx))

    async def body(harness: SessionHarness) -> None:
        peers = []
        for _ in range(3):
            peer = await harness.dial(STRANGER)
            await peer.say(Command(CommandId.HELLO, string=format_hello(CLIENT_HELLO)))
            assert await peer.hear() is not None
            peers.append(peer)
        now = harness.clock.monotonic()
        harness.admission.get_bucket(STRANGER, now).take(LIMITS.ip_burst + 5 * LIMITS.ip_rate, now)
        for peer in peers:
            await peer.say(tx)
            await asyncio.sleep(0.1)
        await asyncio.sleep(60.0)
        assert len(harness.handled) == 1
        assert harness.list_reasons() == ["gave way", "gave way"]

    in_harness(body, receiving_stranger_bytes=size * 3 // 2, receiving_bytes=size * 10)
