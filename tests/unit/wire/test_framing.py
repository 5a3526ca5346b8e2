"""Frames out of bytes: both kinds, their limits, and what happens to damaged ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from hypernode.core.errors import Reject
from hypernode.core.hashing import h4
from hypernode.core.params.networks import mainnet
from hypernode.wire.catalogue import CommandId
from hypernode.wire.framing import CHECKED_HEADER_BYTES, FaultCounter, ForeignNetwork, Framing, Mode
from tests.unit.wire.samples import load_cases

MAGIC = bytes.fromhex("b1534e19")
PING = b"\x08\x03"
STATUS = b"\x08\x05\x12\x03{1}"
LIMIT = 1_000


def limit_of(command_id: CommandId | None, is_first_frame: bool) -> int:
    """4,000 bytes for a block, 1,000 for the rest; 50 for a first frame, in which the rest may not be."""
    if is_first_frame:
        return 50
    return 4 * LIMIT if command_id in (CommandId.BLOCK, None) else LIMIT


def started(mode: Mode) -> Framing:
    """A stream of which the first frame is over."""
    framing = Framing(MAGIC, limit_of, mode)
    framing.receive_data(framing.encode_frame(PING))
    assert framing.next_frame() == PING
    return framing


def checked(payload: bytes) -> bytes:
    return MAGIC + struct.pack(">II", len(payload), zlib.crc32(payload)) + payload


def legacy(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def payload_of(command_id: int, size: int) -> bytes:
    return bytes([8, command_id]) + b"x" * (size - 2)


def read_all(framing: Framing, data: bytes) -> list[bytes]:
    framing.receive_data(data)
    return list(iter(framing.next_frame, None))


def test_legacy_frames_are_written_as_in_the_vectors() -> None:
    framing = Framing(MAGIC, lambda *_: 10_000, Mode.LEGACY)
    for case in load_cases("frames.json"):
        frame = bytes.fromhex(case["frame"])
        assert framing.encode_frame(frame[4:]) == frame
        assert read_all(framing, frame) == [frame[4:]]


def test_checked_frames_are_written_as_in_the_spec() -> None:
    framing = Framing(MAGIC, limit_of, Mode.CHECKED)
    assert framing.encode_frame(PING) == checked(PING)
    assert mainnet().magic == MAGIC
    # 0xCBF43926 is the CRC-32 of these digits wherever one is described
    assert framing.encode_frame(b"123456789").hex() == "b1534e1900000009cbf43926313233343536373839"


def test_a_checked_frame_of_before_is_damaged() -> None:
    framing = started(Mode.CHECKED)
    with_hash = MAGIC + struct.pack(">I", len(STATUS)) + h4(STATUS) + STATUS
    assert read_all(framing, with_hash + checked(PING)) == [PING]
    assert framing.faults == 1


@pytest.mark.parametrize("changed", range(len(STATUS)))
def test_no_burst_of_damage_within_four_bytes_is_taken(changed: int) -> None:
    for noise in (b"\x01", b"\xff\xff", b"\x80\x00\x00\x01", b"\xff\xff\xff\xff"):
        framing = started(Mode.CHECKED)
        damaged = bytearray(checked(STATUS))
        for place, byte in enumerate(noise[: len(STATUS) - changed], CHECKED_HEADER_BYTES + changed):
            damaged[place] ^= byte
        assert read_all(framing, bytes(damaged) + checked(PING)) == [PING]


def test_the_search_begins_behind_the_last_magic() -> None:
    framing = started(Mode.CHECKED)
    # a header whose length takes in two good frames: neither is lost
    assert (
        read_all(framing, checked(payload_of(5, 40))[:12] + checked(PING) + checked(STATUS) * 3)
        == [PING] + [STATUS] * 3
    )
    assert framing.faults == 1


@pytest.mark.parametrize(("write", "mode"), [(legacy, Mode.LEGACY), (checked, Mode.CHECKED)])
def test_a_server_tells_the_kind_from_the_first_bytes_and_answers_in_kind(
    write: Callable[[bytes], bytes], mode: Mode
) -> None:
    framing = Framing(MAGIC, limit_of)
    for byte in write(PING)[:3]:
        assert read_all(framing, bytes([byte])) == []
        assert framing.mode is Mode.DETECT
    assert read_all(framing, write(PING)[3:]) == [PING]
    assert framing.mode is mode
    assert framing.encode_frame(PING) == write(PING)


def test_a_stream_goes_on_with_checked_frames_after_the_hellos() -> None:
    framing = Framing(MAGIC, limit_of)
    assert read_all(framing, legacy(PING)) == [PING]
    framing.switch_to_checked()
    assert read_all(framing, checked(STATUS)) == [STATUS]
    assert framing.encode_frame(PING) == checked(PING)


@pytest.mark.parametrize("first", ["b1534e55", "80000000", "fffffffe"])
def test_what_is_neither_a_length_nor_our_magic_is_refused(first: str) -> None:
    with pytest.raises(Reject, match="neither a length nor the magic"):
        read_all(Framing(MAGIC, limit_of), bytes.fromhex(first))


@pytest.mark.parametrize("length", [0, -1, 1, -(2**31)])
def test_lengths_without_room_for_a_command_are_refused(length: int) -> None:
    with pytest.raises(Reject, match=f"a frame of length {length}"):
        read_all(started(Mode.LEGACY), struct.pack(">i", length))


@pytest.mark.parametrize("length", [0, -1])
def test_what_legacy_takes_for_an_empty_hello_is_refused_at_once(length: int) -> None:
    with pytest.raises(Reject, match=f"a frame of length {length}"):
        read_all(Framing(MAGIC, limit_of), struct.pack(">i", length))


def test_a_length_over_every_limit_is_refused_from_the_header_alone() -> None:
    with pytest.raises(Reject, match=f"a frame of {4 * LIMIT + 1} bytes, over the limit"):
        read_all(started(Mode.LEGACY), struct.pack(">i", 4 * LIMIT + 1))


@pytest.mark.parametrize(("command_id", "limit"), [(6, 4 * LIMIT), (8, LIMIT)])
def test_the_limit_is_the_commands_and_known_from_its_first_bytes(command_id: int, limit: int) -> None:
    assert read_all(started(Mode.LEGACY), legacy(payload_of(command_id, limit)))
    name = CommandId(command_id).name.lower() if command_id != 6 else "a frame|block"
    with pytest.raises(Reject, match=f"({name}) of {limit + 1} bytes, over the limit"):
        read_all(started(Mode.LEGACY), legacy(payload_of(command_id, limit + 1))[:6])


@pytest.mark.parametrize("write", [legacy, checked])
def test_the_first_frame_has_a_limit_of_its_own(write: Callable[[bytes], bytes]) -> None:
    assert read_all(Framing(MAGIC, limit_of), write(payload_of(0, 50)))
    with pytest.raises(Reject, match=r"(hello|a frame) of 51 bytes, over the limit"):
        read_all(Framing(MAGIC, limit_of), write(payload_of(0, 51)))


def test_an_oversize_frame_on_a_checked_stream_is_dropped_and_counted() -> None:
    framing = started(Mode.CHECKED)
    assert read_all(framing, checked(payload_of(5, LIMIT + 1)) + checked(PING)) == [PING]
    assert framing.faults == 1


def test_a_payload_with_a_foreign_start_is_refused_before_the_rest() -> None:
    with pytest.raises(Reject, match="the command does not come first"):
        read_all(started(Mode.LEGACY), struct.pack(">i", 900) + b"\x12\x00")


def test_the_command_under_way_is_known_before_its_end() -> None:
    framing = started(Mode.LEGACY)
    assert (framing.is_in_frame, framing.command_id) == (False, None)
    assert read_all(framing, legacy(payload_of(6, 900))[:7]) == []
    assert (framing.is_in_frame, framing.command_id) == (True, CommandId.BLOCK)
    assert read_all(framing, legacy(payload_of(6, 900))[7:])
    assert (framing.is_in_frame, framing.command_id) == (False, None)


def test_a_bad_checksum_drops_its_frame_and_no_other() -> None:
    framing = started(Mode.CHECKED)
    damaged = bytearray(checked(STATUS))
    damaged[-1] ^= 1
    assert read_all(framing, bytes(damaged) + checked(PING) + checked(STATUS)) == [PING, STATUS]
    assert framing.faults == 1


def test_noise_between_frames_is_passed_over_as_one_fault() -> None:
    framing = started(Mode.CHECKED)
    assert read_all(framing, b"noise" * 20 + checked(PING) + MAGIC[:2] + checked(STATUS)) == [PING, STATUS]
    assert framing.faults == 2


@pytest.mark.parametrize("length", [2**32 - 1, 4 * LIMIT + 1, 30, 5, 0])
def test_a_corrupt_length_swallows_no_good_frame(length: int) -> None:
    framing = started(Mode.CHECKED)
    damaged = checked(STATUS)[:4] + struct.pack(">I", length) + checked(STATUS)[8:]
    assert read_all(framing, damaged + checked(PING) * 3) == [PING] * 3
    assert framing.faults == 1


def test_a_damaged_command_is_a_fault() -> None:
    framing = started(Mode.CHECKED)
    damaged = checked(STATUS)[:12] + b"\x09" + checked(STATUS)[13:]
    assert read_all(framing, damaged + checked(PING)) == [PING]
    assert framing.faults == 1


def test_a_stream_of_damaged_frames_only_is_refused() -> None:
    framing = started(Mode.CHECKED)
    damaged = checked(STATUS)[:-1] + b"!"
    assert read_all(framing, damaged * 2 + checked(PING) + damaged * 2) == [PING]
    with pytest.raises(Reject, match="damaged frames only"):
        read_all(framing, damaged)


def test_the_search_for_a_magic_ends_after_a_maximum_frame() -> None:
    framing = started(Mode.CHECKED)
    assert read_all(framing, b"x" * (4 * LIMIT + 12)) == []
    assert not framing.is_in_frame
    with pytest.raises(Reject, match="no frame found"):
        read_all(framing, b"x")


def test_a_magic_cut_in_two_is_found() -> None:
    framing = started(Mode.CHECKED)
    assert read_all(framing, b"x" + MAGIC[:3]) == []
    assert read_all(framing, checked(PING)[3:]) == [PING]


def test_three_faults_in_a_minute_are_too_many() -> None:
    counter = FaultCounter(3, 60.0)
    assert not counter.is_over(1, 0.0)
    assert not counter.is_over(2, 30.0)
    assert counter.is_over(3, 60.0)


def test_three_faults_in_more_than_a_minute_are_not() -> None:
    counter = FaultCounter(3, 60.0)
    assert not counter.is_over(2, 0.0)
    assert not counter.is_over(2, 10.0)
    assert not counter.is_over(3, 60.5)
    assert counter.is_over(5, 61.0)


def test_a_whole_first_frame_under_another_magic_is_of_another_network() -> None:
    other = b"\xb1SNU"
    sender = Framing(other, lambda command_id, is_first: 1_000, Mode.CHECKED)
    frame = sender.encode_frame(b"\x08\x03")
    receiver = Framing(b"\xb1SN\x19", lambda command_id, is_first: 1_000)
    receiver.switch_to_checked()
    for byte in frame[:-1]:
        receiver.receive_data(bytes([byte]))
        assert receiver.next_frame() is None
    assert receiver.faults == 0
    receiver.receive_data(frame[-1:])
    with pytest.raises(ForeignNetwork, match="magic b1534e55, and that of this network is b1534e19"):
        receiver.next_frame()


def test_a_damaged_first_magic_or_a_later_foreign_one_is_a_fault() -> None:
    ours, other = (
        Framing(magic, lambda command_id, is_first: 1_000, Mode.CHECKED)
        for magic in (b"\xb1SN\x19", b"\xb1SNU")
    )
    good, foreign = ours.encode_frame(b"\x08\x03"), other.encode_frame(b"\x08\x03")
    damaged = b"\xb1SN\x18" + good[4:-1] + b"\x04"
    for stream in (damaged + good, good + foreign + good):
        receiver = Framing(b"\xb1SN\x19", lambda command_id, is_first: 1_000)
        receiver.switch_to_checked()
        receiver.receive_data(stream)
        found = [receiver.next_frame(), receiver.next_frame()]
        assert [payload for payload in found if payload is not None] == [b"\x08\x03"] * (
            1 + stream.startswith(good)
        )
        assert receiver.faults == 1
