"""Answers that are too long to be held go into a spool; one over its limit is told from one that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from hypernode.app.files import FolderFiles
from hypernode.core.errors import OverLimit
from hypernode.core.types import Block
from hypernode.net import client_session as asking
from hypernode.net import stream
from hypernode.net.answer import InTurn
from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.net.stream import UnparsedAnswer
from hypernode.ports.connections import TransportClosed
from hypernode.ports.storage_faults import StorageFault
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.compression import pack_payload
from hypernode.wire.framing import Checksums, Framing, Mode
from hypernode.wire.hello import ANNOUNCED_FEATURES, FEATURE_CHECKED
from hypernode.wire.long_frames import LongReceiver
from hypernode.wire.spool import MemorySpool, SpooledMessages
from tests.unit.net.harness import NETWORK, SessionHarness, in_harness
from tests.unit.wire.samples import BLOCK, MESSAGE

LONG = 20_000
KINDS = pytest.mark.parametrize("features", [0, FEATURE_CHECKED, ANNOUNCED_FEATURES])
MIXED = tuple(replace(MESSAGE, value=n, params=f"{n * n}" * (n % 50)) for n in range(300))
FLAT = (replace(MESSAGE, params="A" * 100_000),)
"""Compressed it has some hundred bytes."""


@pytest.fixture(autouse=True)
def short_frames_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONG_FRAME_BYTES", LONG)


def serve(*blocks: Block) -> Callable[[Caller, Command], object]:
    async def answer(caller: Caller, command: Command) -> Command:
        if command.id is CommandId.STATUS:
            return Command(CommandId.STATUS, string="{}")
        return Command(command.id, blocks=blocks)

    return answer


def run_with(
    body: Callable[[ClientSession], object],
    *blocks: Block,
    features: int = ANNOUNCED_FEATURES,
    **limits: float,
) -> None:
    async def live(ports: SessionHarness) -> None:
        await body(await ports.open(features=features))  # type: ignore[misc]  # an awaitable

    in_harness(live, handler=serve(*blocks), **limits)  # type: ignore[arg-type]  # a handler


@KINDS
@pytest.mark.parametrize("messages", [MIXED, FLAT])
def test_long_answers_are_read_out_of_a_spool_and_the_session_goes_on(
    features: int, messages: object
) -> None:
    sent = replace(BLOCK, messages=messages)  # type: ignore[arg-type]

    async def body(session: ClientSession) -> None:
        for _ in range(2):
            answer = await session.request(Command(CommandId.BLOCKSYNC, int32=1), 9.0)
            assert answer == Command(CommandId.BLOCKSYNC, blocks=(sent, BLOCK))
            assert all(isinstance(block.messages, SpooledMessages) for block in answer.blocks)
            assert (await session.request(Command(CommandId.STATUS), 9.0)).string == "{}"

    run_with(body, sent, BLOCK, features=features)


@KINDS
@pytest.mark.parametrize("messages", [MIXED, FLAT])
@pytest.mark.parametrize("limit", [9_000, 30_000])
def test_answers_over_their_limit_are_told_from_bad_ones(features: int, messages: object, limit: int) -> None:
    sent = replace(BLOCK, messages=messages)  # type: ignore[arg-type]

    async def body(session: ClientSession) -> None:
        with pytest.raises(OverLimit):
            await session.request(Command(CommandId.GETBLOCK, int32=1), 9.0)
        assert session.is_closed

    run_with(body, sent, features=features, one_block_bytes=limit)


@KINDS
def test_a_block_known_to_be_larger_may_be_larger_in_every_way(features: int) -> None:
    sent = replace(BLOCK, messages=MIXED)
    size = len(encode_command(Command(CommandId.GETBLOCK, blocks=(sent,))))

    async def body(session: ClientSession) -> None:
        answer = await session.request_giant(1, size)
        assert answer.blocks == (sent,)
        with pytest.raises(OverLimit):
            await session.request_giant(1, size - 1)

    limits = {"one_block_bytes": 9_000, "block_messages": 9, "frame_fields": 20}
    run_with(body, sent, features=features, **limits)


@KINDS
@pytest.mark.parametrize("right", [True, False])
def test_answers_in_pieces_have_their_checksums(features: int, right: bool) -> None:
    sent = replace(BLOCK, messages=MIXED)
    payload = encode_command(Command(CommandId.GETBLOCK, blocks=(sent,)))

    async def generate() -> AsyncIterator[bytes]:
        for start in range(0, len(payload), 9_999):
            yield payload[start : start + 9_999]

    async def answer(caller: Caller, command: Command) -> InTurn:
        checksums = Checksums()
        async for piece in generate():
            checksums.add(piece if right else piece[:-1])
        return InTurn(len(payload), generate(), checksums)

    async def live(ports: SessionHarness) -> None:
        session = await ports.open(features=features)
        if right or not features:
            read = await session.request(Command(CommandId.GETBLOCK, int32=1), 9.0)
            assert read.blocks == (sent,)
        else:
            with pytest.raises(TransportClosed, match="damaged"):
                await session.request(Command(CommandId.GETBLOCK, int32=1), 9.0)

    in_harness(live, handler=answer)


def test_damaged_long_answer_is_nobodys_lie() -> None:
    class Damaging(LongReceiver):
        def receive_data(self, data: bytes) -> bytes:
            return super().receive_data(data[:-1] + bytes([data[-1] ^ 1]))

    async def body(session: ClientSession) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stream, "LongReceiver", Damaging)
            with pytest.raises(TransportClosed, match="damaged"):
                await session.request(Command(CommandId.BLOCKSYNC, int32=1), 9.0)

    run_with(body, replace(BLOCK, messages=MIXED), features=FEATURE_CHECKED)


def test_long_answer_that_the_disk_has_no_room_for_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(MemorySpool):
        def append(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    async def body(session: ClientSession) -> None:
        with pytest.raises(StorageFault, match="No space left"):
            await session.request(Command(CommandId.BLOCKSYNC, int32=1), 9.0)

    monkeypatch.setitem(asking.open_session.__kwdefaults__ or {}, "make_spool", FullDisk)
    run_with(body, replace(BLOCK, messages=MIXED))


def test_spool_in_a_file_has_no_name_and_any_thread_reads_it(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    spool = FolderFiles(folder).make_spool()
    spool.append(b"abc")
    spool.append(b"d" * 100_000)

    async def read() -> list[bytes]:
        return await asyncio.gather(*(asyncio.to_thread(spool.read, place, 2) for place in (0, 2, 100_002)))

    assert asyncio.run(read()) == [b"ab", b"cd", b"d"]
    assert (spool.size, list(folder.iterdir())) == (100_003, [])


def test_long_frame_begins_once_its_size_is_known_and_not_before() -> None:
    payload = pack_payload(
        encode_command(Command(CommandId.GETBLOCK, blocks=(replace(BLOCK, messages=FLAT),)))
    )
    whole = Framing(NETWORK.magic, lambda *_: 2**30, Mode.CHECKED)
    frame = whole.encode_frame(payload)
    framing = Framing(NETWORK.magic, lambda *_: 2**30, Mode.CHECKED)
    framing.switch_to_packed()
    begun = None
    place = -1
    while begun is None:
        place += 1
        framing.receive_data(frame[place : place + 1])
        begun = framing.begin_long(LONG)
    assert place < 12 + 20
    assert (begun.length, begun.is_packed, begun.here) == (len(payload), True, payload[: place - 11])
    assert not framing.is_in_frame


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("mode", [Mode.LEGACY, Mode.CHECKED])
def test_frame_over_every_limit_is_told_by_its_header_alone(mode: Mode, is_packed: bool) -> None:
    """The header may come alone, and nothing of the payload with it."""
    header = Framing(NETWORK.magic, lambda *_: 9, mode).encode_length(1_000, Checksums())
    framing = Framing(NETWORK.magic, lambda *_: 999, mode)
    if is_packed:
        framing.switch_to_packed()
    framing.receive_data(header[:-1])
    assert framing.begin_long(LONG) is None
    framing.receive_data(header[-1:])
    with pytest.raises(OverLimit):
        framing.begin_long(LONG)


# --- long answers that are held, and left to be parsed ----------------------------------------------------

MANY = replace(BLOCK, messages=tuple(replace(MESSAGE, value=n) for n in range(400)))


@KINDS
def test_a_long_answer_comes_back_as_bytes_and_a_short_one_as_it_is(
    monkeypatch: pytest.MonkeyPatch, features: int
) -> None:
    monkeypatch.setattr(stream, "LONG_FRAME_BYTES", 2**22)

    async def body(session: ClientSession) -> None:
        answer = await session.request_unparsed(Command(CommandId.BLOCKSYNC, int32=1), 9.0)
        assert isinstance(answer, UnparsedAnswer)
        assert answer.id is CommandId.BLOCKSYNC
        assert decode_command(answer.payload).blocks == (MANY, BLOCK)
        assert answer.received > 0
        short = await session.request_unparsed(Command(CommandId.STATUS), 9.0)
        assert isinstance(short, Command)
        assert short.string == "{}"

    run_with(body, MANY, BLOCK, features=features)


@KINDS
@pytest.mark.parametrize("limits", [{"block_messages": 399}, {"many_blocks_fields": 4_000}])
def test_a_long_answer_is_counted_before_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, features: int, limits: dict[str, int]
) -> None:
    monkeypatch.setattr(stream, "LONG_FRAME_BYTES", 2**22)

    async def body(session: ClientSession) -> None:
        with pytest.raises(OverLimit):
            await session.request_unparsed(Command(CommandId.BLOCKSYNC, int32=1), 9.0)
        assert session.is_closed

    run_with(body, MANY, features=features, **limits)


@KINDS
def test_what_is_longer_is_parsed_out_of_its_spool(features: int) -> None:
    sent = replace(BLOCK, messages=FLAT)

    async def body(session: ClientSession) -> None:
        answer = await session.request_unparsed(Command(CommandId.BLOCKSYNC, int32=1), 9.0)
        assert isinstance(answer, Command)
        assert answer.blocks == (sent,)

    run_with(body, sent, features=features)
