"""Packed payloads: the byte before them, what is compressed, and bombs that are refused before they burst."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
import zstandard

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.wire.catalogue import CommandId
from hypernode.wire.compression import (
    MIN_COMPRESSED_BYTES,
    PACKED_COMMANDS,
    ZSTD,
    pack_payload,
    peek_packed_id,
    unpack_payload,
)
from hypernode.wire.framing import Framing, Mode

MIB = 1024 * 1024
LIMIT = 4_096


def limit_of(command_id: CommandId | None) -> int:
    """Questions for getblock are shorter than those of the others."""
    return LIMIT // 2 if command_id is CommandId.GETBLOCK else LIMIT


def payload_of(command_id: CommandId, size: int = MIN_COMPRESSED_BYTES) -> bytes:
    return bytes((8, command_id)) + bytes(size - 2)


def compress(payload: bytes, *, says_size: bool = True) -> bytes:
    return bytes((ZSTD,)) + zstandard.ZstdCompressor(3, write_content_size=says_size).compress(payload)


def refuse(packed: bytes) -> str:
    """The reason for which it is not taken."""
    with pytest.raises(Reject) as caught:
        unpack_payload(packed, limit_of)
    assert caught.value.rule == Rule.WIRE
    return caught.value.reason


def test_commands_with_blocks_are_packed_and_no_others() -> None:
    assert {command_id.name.lower() for command_id in PACKED_COMMANDS} == {
        "block",
        "blocksync",
        "roundblocks",
        "getblock",
    }
    for command_id in CommandId:
        for size in (2, 5_000):
            payload = payload_of(command_id, size)
            assert (pack_payload(payload) == payload) is (command_id not in PACKED_COMMANDS)


def test_short_payloads_stay_plain_behind_a_zero() -> None:
    payload = payload_of(CommandId.BLOCKSYNC, MIN_COMPRESSED_BYTES - 1)
    assert pack_payload(payload) == b"\x00" + payload


def test_longer_ones_are_one_zstd_frame_behind_a_one() -> None:
    payload = payload_of(CommandId.BLOCKSYNC)
    packed = pack_payload(payload)
    assert packed[0] == 1
    assert zstandard.ZstdDecompressor().decompress(packed[1:]) == payload


def test_what_does_not_get_smaller_stays_plain() -> None:
    noise = b"".join(struct.pack(">Q", pow(3, n, 2**64 - 59)) for n in range(1_000, 1_400))
    payload = bytes((8, CommandId.GETBLOCK)) + noise
    assert pack_payload(payload) == b"\x00" + payload


@pytest.mark.parametrize("size", [2, MIN_COMPRESSED_BYTES, LIMIT])
def test_what_was_packed_unpacks(size: int) -> None:
    payload = payload_of(CommandId.BLOCK, size)
    assert unpack_payload(pack_payload(payload), limit_of) == payload


def test_a_payload_without_the_byte_is_read_all_the_same() -> None:
    payload = payload_of(CommandId.BLOCKSYNC, 4)
    assert unpack_payload(payload, limit_of) == payload


@pytest.mark.parametrize(
    ("head", "command_id"),
    [
        (b"", None),
        (b"\x00", None),
        (b"\x00\x08", None),
        (b"\x00\x08\x0c", CommandId.BLOCKSYNC),
        (b"\x01\x28\xb5", None),
        (b"\x08\x05", CommandId.STATUS),
        (b"\x08\x0c", CommandId.BLOCKSYNC),
    ],
)
def test_the_command_shows_in_the_first_bytes(head: bytes, command_id: CommandId | None) -> None:
    assert peek_packed_id(head) is command_id


@pytest.mark.parametrize("head", [b"\x02\x08\x0c", b"\x00\x00\x08", b"\x00\x08\x05", b"\x00\x08\x63"])
def test_other_first_bytes_are_refused(head: bytes) -> None:
    with pytest.raises(Reject):
        peek_packed_id(head)


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"\x01", "compressed: no zstd frame"),
        (b"\x01no zstd", "compressed: no zstd frame"),
        (compress(payload_of(CommandId.BLOCK), says_size=False), "compressed: its size is not said"),
        (compress(payload_of(CommandId.BLOCK))[:-3], "compressed: damaged"),
        (compress(payload_of(CommandId.BLOCK)) + b"x", "compressed: damaged"),
        (compress(payload_of(CommandId.BLOCK)) * 2, "compressed: damaged"),
        (compress(b""), "compressed: 0 bytes, no command"),
        (compress(b"\x08"), "compressed: 1 bytes, no command"),
        (compress(b"\x00" + payload_of(CommandId.BLOCK)), "the command does not come first"),
        (compress(payload_of(CommandId.STATUS)), "status is not a command to be packed"),
        (compress(payload_of(CommandId.BLOCK, LIMIT + 1)), "compressed: 4097 bytes, over the limit"),
        (compress(payload_of(CommandId.GETBLOCK, LIMIT)), "compressed: 4096 bytes, over the limit"),
    ],
)
def test_what_does_not_inflate_to_a_command_within_its_limit_is_refused(packed: bytes, reason: str) -> None:
    assert refuse(packed) == reason


def make_frame(says: int, holds: int) -> bytes:
    """A zstd frame by hand (RFC 8878): it says one size, and holds so many equal bytes in one block."""
    descriptor, window = 0x80, (27 - 10) << 3
    block = struct.pack("<I", 1 | 1 << 1 | holds << 3)[:3] + b"\x08"
    return b"\x28\xb5\x2f\xfd" + bytes((descriptor, window)) + struct.pack("<I", says) + block


@pytest.mark.parametrize("holds", [99, 101, 100_000])
def test_a_frame_that_holds_other_than_it_says_is_refused(holds: int) -> None:
    assert zstandard.ZstdDecompressor().decompress(make_frame(100, 100)) == b"\x08" * 100
    assert refuse(b"\x01" + make_frame(100, holds)) == "compressed: damaged"


def test_a_bomb_is_refused_before_memory_is_taken() -> None:
    bomb = compress(payload_of(CommandId.BLOCK, 64 * MIB))
    assert len(bomb) < 8_192
    tracemalloc.start()
    assert refuse(bomb) == f"compressed: {64 * MIB} bytes, over the limit"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


# --- in a stream ------------------------------------------------------------------------------------

MAGIC = bytes.fromhex("b1534ede")


def make_framing(mode: Mode, *, is_packed: bool = True) -> Framing:
    framing = Framing(MAGIC, lambda command_id, _: limit_of(command_id), mode)
    if is_packed:
        framing.switch_to_packed()
    return framing


@pytest.mark.parametrize("mode", [Mode.LEGACY, Mode.CHECKED])
def test_a_stream_packs_and_unpacks(mode: Mode) -> None:
    sender, receiver = make_framing(mode), make_framing(mode)
    payloads = [payload_of(command_id, size) for command_id in CommandId for size in (2, 1_500)]
    frames = [sender.encode_frame(payload) for payload in payloads]
    receiver.receive_data(b"".join(frames))
    assert list(iter(receiver.next_frame, None)) == payloads
    compressed = frames[payloads.index(payload_of(CommandId.BLOCKSYNC, 1_500))]
    assert len(compressed) < 100


@pytest.mark.parametrize("mode", [Mode.LEGACY, Mode.CHECKED])
def test_a_stream_without_compression_takes_none(mode: Mode) -> None:
    receiver = make_framing(mode, is_packed=False)
    receiver.receive_data(make_framing(mode).encode_frame(payload_of(CommandId.BLOCKSYNC, 1_500)))
    with pytest.raises(Reject, match="the command does not come first"):
        receiver.next_frame()


@pytest.mark.parametrize("mode", [Mode.LEGACY, Mode.CHECKED])
def test_a_bomb_ends_a_stream(mode: Mode) -> None:
    bomb = make_framing(mode, is_packed=False).encode_frame(compress(payload_of(CommandId.BLOCK, MIB)))
    receiver = make_framing(mode)
    receiver.receive_data(bomb)
    with pytest.raises(Reject, match="compressed: 1048576 bytes, over the limit"):
        receiver.next_frame()


def test_size_of_what_is_compressed_is_bound_before_it_is_held() -> None:
    receiver = make_framing(Mode.LEGACY)
    receiver.receive_data(struct.pack(">i", LIMIT) + b"\x01")
    assert receiver.next_frame() is None
    receiver = make_framing(Mode.LEGACY)
    receiver.receive_data(struct.pack(">i", LIMIT + 1) + b"\x01")
    with pytest.raises(Reject, match="a frame of 4097 bytes, over the limit"):
        receiver.next_frame()


def test_peeking_ends_where_the_frame_does() -> None:
    # found by make fuzz: what follows a frame of two bytes decided whether its command was known
    short = make_framing(Mode.CHECKED, is_packed=False).encode_frame(bytes((0, 8)))
    for behind in (b"", b"\xb1"):
        framing = make_framing(Mode.CHECKED)
        framing.receive_data(short + behind)
        assert framing.next_frame() == b"\x08"
