"""The side that asks: hello and features, questions in turn, and what ends a session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from hypernode.core.errors import Ignore, Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Endpoint
from hypernode.net.client_session import (
    ClientSession,
    HelloRefused,
    encode_without_hello,
    open_session,
    request_without_hello,
    send_without_hello,
)
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import ANNOUNCED_FEATURES, FEATURE_CHECKED, Hello, format_hello
from tests.unit.net.harness import (
    FAST,
    LIMITS,
    NETWORK,
    NODE,
    NODE_HELLO,
    OUR_HELLO,
    REGISTERED,
    ScriptedServer,
    SessionHarness,
    in_harness,
)
from tests.unit.wire.samples import BLOCK, HEIGHT, MESSAGE

HELLO = Command(CommandId.HELLO, string=format_hello(NODE_HELLO))
FEATURE_HELLO = replace(HELLO, features=ANNOUNCED_FEATURES, version=1)
STATUS = Command(CommandId.STATUS)


async def open_to(
    memory: MemoryNetwork,
    features: int = FEATURE_CHECKED,
    hello: Hello = OUR_HELLO,
    start_checked: bool = False,
) -> ClientSession:
    return await open_session(
        memory.get_connections(REGISTERED),
        NODE,
        params=NETWORK,
        limits=LIMITS,
        hello=hello,
        features=features,
        clock=SimClock(asyncio.get_running_loop(), 0.0),
        connect_timeout_s=5.0,
        hello_timeout_s=90.0,
        start_checked=start_checked,
    )


def with_server(
    *answers: Command | bytes | None, features: int = FEATURE_CHECKED, mode: Mode = Mode.LEGACY
) -> tuple[ClientSession, ScriptedServer]:
    """Open a session with a peer that answers these, hello first; run the loop until it is open."""

    async def live() -> tuple[ClientSession, ScriptedServer]:
        server = await ScriptedServer(memory := MemoryNetwork(1, FAST), *answers, mode=mode).start()
        return await open_to(memory, features, start_checked=mode is Mode.CHECKED), server

    return run(live())


async def connect(*answers: Command | bytes | None) -> ClientSession:
    memory = MemoryNetwork(1, FAST)
    await ScriptedServer(memory, HELLO, *answers).start()
    return await open_to(memory, features=0)


# --- hello ------------------------------------------------------------------------------------------


def test_a_hello_announces_features_and_version_in_a_legacy_frame() -> None:
    session, server = with_server(HELLO)
    expected = Command(CommandId.HELLO, string=format_hello(OUR_HELLO), features=FEATURE_CHECKED, version=1)
    assert server.heard == [expected]
    assert (session.peer_hello, session.features) == (NODE_HELLO, 0)


def test_without_features_a_hello_looks_like_a_legacy_one() -> None:
    _, server = with_server(FEATURE_HELLO, features=0)
    assert server.heard == [Command(CommandId.HELLO, string=format_hello(OUR_HELLO))]


def test_both_go_on_with_what_both_have() -> None:
    session, _ = with_server(FEATURE_HELLO)
    assert session.features == FEATURE_CHECKED


def test_checked_frames_follow_between_two_of_our_own() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        assert await session.request(STATUS, 5.0) == STATUS
        assert (session.features, session.peer_hello) == (ANNOUNCED_FEATURES, NODE_HELLO)
        assert session.bytes_sent == harness.callers[0].bytes_received
        assert session.bytes_received == harness.callers[0].bytes_sent
        session.close()

    in_harness(body)


@pytest.mark.parametrize("start_checked", [False, True])
def test_a_session_may_open_with_checked_frames(start_checked: bool) -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open(start_checked=start_checked)
        assert await session.request(STATUS, 5.0) == STATUS

    in_harness(body)


def test_a_damaged_answer_ends_the_session_at_once() -> None:
    damaged = bytearray(
        Framing(NETWORK.magic, lambda *_: 100, Mode.CHECKED).encode_frame(encode_command(STATUS))
    )
    damaged[-1] ^= 1
    late = Framing(NETWORK.magic, lambda *_: 100, Mode.CHECKED).encode_frame(encode_command(STATUS))

    async def live() -> None:
        await ScriptedServer(memory := MemoryNetwork(1, FAST), FEATURE_HELLO, bytes(damaged) + late).start()
        session = await open_to(memory)
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        # the next frame is whole, and would be taken for the answer
        with pytest.raises(TransportClosed, match="a damaged frame where an answer belongs"):
            await session.request(STATUS, 60.0)
        assert loop.time() - asked_at < 1.0
        assert session.is_closed

    run(live())


@pytest.mark.parametrize("reason", ["Bad Posnet posnet0009", ""])
def test_ko_refuses_the_hello(reason: str) -> None:
    with pytest.raises(HelloRefused) as caught:
        with_server(Command(CommandId.KO, string=reason))
    assert caught.value.reason == reason


def test_what_a_peer_says_when_it_refuses_is_fit_to_be_logged() -> None:
    with pytest.raises(HelloRefused) as caught:
        with_server(Command(CommandId.KO, string="\x1b[2J" + "é" * 200))
    assert caught.value.reason == "?[2J" + "?" * 96


def test_a_peer_of_another_network_is_refused() -> None:
    with pytest.raises(HelloRefused, match="its posnet is posnet0009"):
        with_server(Command(CommandId.HELLO, string="posnet0009" + format_hello(NODE_HELLO)[10:]))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (STATUS, "hello answered with status"),
        (Command(CommandId.HELLO), "a hello of 0 characters"),
        (b"\xff\xff\xff\xff", "a frame of length -1"),
    ],
)
def test_what_is_no_hello_is_the_peers_fault(answer: Command | bytes, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        with_server(answer)
    assert (caught.value.rule, caught.value.reason) == (Rule.WIRE, reason)


def test_a_peer_that_does_not_answer_the_hello_is_given_its_time() -> None:
    async def live() -> None:
        await ScriptedServer(memory := MemoryNetwork(1, FAST), None).start()
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await open_to(memory)
        assert asyncio.get_running_loop().time() - started == pytest.approx(90.0, abs=0.1)

    run(live())


def test_a_host_where_nobody_listens_refuses() -> None:
    async def live() -> None:
        memory = MemoryNetwork(1, FAST)
        memory.restart(NODE.ip)
        with pytest.raises(TransportClosed):
            await open_to(memory)

    run(live())


# --- questions --------------------------------------------------------------------------------------


def test_questions_are_asked_one_at_a_time() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        asked = [Command(CommandId.GETBLOCK, int32=number) for number in range(5)]
        assert await asyncio.gather(*[session.request(command, 5.0) for command in asked]) == asked

    in_harness(body)


def test_what_has_no_answer_is_only_sent() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        push = Command(CommandId.BLOCK, blocks=(BLOCK,))
        await session.send(push)
        assert await session.request(STATUS, 5.0) == STATUS
        assert harness.handled == [push, STATUS]

    in_harness(body)


def test_when_a_session_was_last_used_is_known() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        opened = session.last_used
        await asyncio.sleep(20)
        assert session.last_used == opened
        await session.request(STATUS, 5.0)
        assert session.last_used == pytest.approx(opened + 20, abs=0.1)

    in_harness(body)


async def fails(
    session: ClientSession, question: Awaitable[object], error: type[BaseException], match: str | None = None
) -> None:
    """The question fails, and the session is over."""
    with pytest.raises(error, match=match):
        await question
    assert session.is_closed
    with pytest.raises(TransportClosed, match="the session is closed"):
        await session.request(STATUS, 5.0)


def test_no_answer_in_time_ends_the_session() -> None:
    async def live() -> None:
        session = await connect(None)
        await fails(session, session.request(STATUS, 5.0), TimeoutError)
        assert session.close_reason is not None
        assert session.close_reason.startswith("status failed")

    run(live())


def test_a_giant_block_has_its_time_to_come() -> None:
    async def live() -> None:
        loop = asyncio.get_running_loop()
        session = await connect(None)
        begun = loop.time()
        await fails(session, session.request_giant(1, 2**20), TimeoutError)
        assert loop.time() - begun == pytest.approx(LIMITS.giant_block_s)

    run(live())


def test_waiting_for_ones_turn_in_vain_does_not_end_the_session() -> None:
    async def live() -> None:
        session = await connect(None)
        first = asyncio.create_task(session.request(STATUS, 50.0))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await session.request(STATUS, 5.0)
        assert not session.is_closed
        first.cancel()
        await fails(session, first, asyncio.CancelledError)

    run(live())


def test_a_closed_stream_ends_the_session() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        harness.callers[0].close()
        await fails(session, session.request(STATUS, 5.0), TransportClosed)

    in_harness(body)


def test_an_answer_begun_must_end_in_time() -> None:
    async def live() -> None:
        session = await connect(b"\x00\x00\x10\x00\x08\x05")
        started = asyncio.get_running_loop().time()
        await fails(session, session.request(STATUS, 90.0), TimeoutError)
        assert asyncio.get_running_loop().time() - started == pytest.approx(30.0, abs=0.1)

    run(live())


KIB, MIB = 1024, 1024 * 1024


@pytest.mark.parametrize(
    ("asked", "answered", "limit"),
    [
        (CommandId.STATUS, CommandId.STATUS, 2 * MIB),
        (CommandId.MEMPOOL, CommandId.MEMPOOL, 2 * MIB),
        (CommandId.GETBLOCK, CommandId.GETBLOCK, 3 * MIB + 64 * KIB),
        (CommandId.BLOCKSYNC, CommandId.BLOCKSYNC, 32 * MIB),
        (CommandId.ROUNDBLOCKS, CommandId.ROUNDBLOCKS, 32 * MIB),
        (CommandId.BLOCKSYNC, CommandId.STATUS, 64 * KIB),
        (CommandId.STATUS, CommandId.BLOCKSYNC, 64 * KIB),
    ],
)
def test_an_answer_may_be_as_large_as_what_was_asked(
    asked: CommandId, answered: CommandId, limit: int
) -> None:
    async def live() -> None:
        start = (limit + 1).to_bytes(4, "big") + bytes([8, answered])
        session = await connect(start)
        await fails(
            session, session.request(Command(asked), 90.0), Reject, f"{limit + 1} bytes, over the limit"
        )
        session = await connect(limit.to_bytes(4, "big") + bytes([8, answered]))
        await fails(session, session.request(Command(asked), 9.0), TimeoutError)

    run(live())


def test_ko_is_an_answer() -> None:
    async def live() -> None:
        ko = Command(CommandId.KO, string="no")
        session = await connect(ko)
        assert await session.request(Command(CommandId.TX, messages=(MESSAGE,)), 5.0) == ko

    run(live())


def test_what_was_not_asked_for_ends_the_session() -> None:
    async def live() -> None:
        frame = (2).to_bytes(4, "big") + encode_command(STATUS)
        session = await connect(frame * 2, None)
        assert await session.request(STATUS, 5.0) == STATUS
        await fails(session, session.request(STATUS, 5.0), Reject, "a frame that was not asked for")

    run(live())


@pytest.mark.parametrize("command_id", [CommandId.GETCONFIG, CommandId.AUTH])
def test_commands_above_the_legacy_ones_are_kept_from_legacy_peers(command_id: CommandId) -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open(features=0)
        with pytest.raises(Ignore, match="not for a peer without features"):
            await session.request(Command(command_id), 5.0)
        with pytest.raises(Ignore, match="not for a peer without features"):
            await session.send(Command(command_id))
        assert not session.is_closed

    in_harness(body)


def test_a_peer_with_features_is_asked_for_its_configuration() -> None:
    async def body(harness: SessionHarness) -> None:
        question = Command(CommandId.GETCONFIG)
        assert await (await harness.open()).request(question, 5.0) == question

    in_harness(body)


@pytest.mark.parametrize("port", [0, 101])
def test_no_height_is_told_over_a_one_off_connection(port: int) -> None:
    async def body(harness: SessionHarness) -> None:
        height = Command(CommandId.HEIGHT, height=HEIGHT)
        one_off = await harness.open(hello=replace(OUR_HELLO, port=port))
        with pytest.raises(Ignore, match="no height over a one-off connection"):
            await one_off.request(height, 5.0)
        standing = await harness.open()
        assert await standing.request(height, 5.0) == height

    in_harness(body)


def test_what_cannot_be_written_is_not_sent() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        with pytest.raises(Ignore, match="cannot be written"):
            await session.send(Command(CommandId.KO, string="\ud800"))

    in_harness(body)


# --- one-off connections ----------------------------------------------------------------------------


async def ask_alone(harness: SessionHarness, command: Command, remote: Endpoint = NODE) -> Command:
    return await request_without_hello(
        harness.memory.get_connections(REGISTERED),
        remote,
        command,
        params=NETWORK,
        limits=LIMITS,
        clock=harness.clock,
        connect_timeout_s=5.0,
        timeout_s=30.0,
    )


async def send_alone(harness: SessionHarness, command: Command) -> None:
    await send_without_hello(
        harness.memory.get_connections(REGISTERED),
        NODE,
        encode_without_hello(command),
        connect_timeout_s=5.0,
        timeout_s=45.0,
    )


def test_a_test_goes_without_hello() -> None:
    async def body(harness: SessionHarness) -> None:
        test = Command(CommandId.TEST, messages=(MESSAGE,), hashes=(b"x" * 256 * KIB,))
        assert await ask_alone(harness, test) == test

    in_harness(body)


def test_a_block_goes_without_hello_and_whole() -> None:
    async def body(harness: SessionHarness) -> None:
        push = Command(
            CommandId.BLOCK, blocks=(replace(BLOCK, messages=(MESSAGE,) * 3_000, msg_count=3_000),)
        )
        await send_alone(harness, push)
        await asyncio.sleep(1)
        assert harness.handled == [push]
        assert harness.list_reasons() == ["closed by the peer"]

    in_harness(body)


def test_what_needs_a_hello_is_not_sent_without() -> None:
    async def body(harness: SessionHarness) -> None:
        with pytest.raises(Ignore, match="status needs a hello"):
            await send_alone(harness, STATUS)
        with pytest.raises(Ignore, match="status needs a hello"):
            await ask_alone(harness, STATUS)

    in_harness(body)
