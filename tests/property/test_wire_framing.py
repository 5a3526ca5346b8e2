"""A stream yields the same frames, faults and verdict however it was cut."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.wire.catalogue import CommandId
from hypernode.wire.compression import pack_payload
from hypernode.wire.framing import Framing, Mode

MAGIC = bytes.fromhex("b1534ede")


def limit_of(command_id: CommandId | None, is_first_frame: bool) -> int:
    if is_first_frame:
        return 40
    return 80 if command_id in (CommandId.BLOCK, None) else 60


def checked(payload: bytes) -> bytes:
    return MAGIC + struct.pack(">II", len(payload), zlib.crc32(payload)) + payload


payloads = st.builds(
    lambda command_id, rest: bytes([8, command_id]) + rest,
    st.sampled_from([int(command_id) for command_id in CommandId]),
    st.binary(max_size=70),
)
pieces = st.one_of(
    payloads.map(checked),
    payloads.map(lambda payload: struct.pack(">i", len(payload)) + payload),
    payloads.map(pack_payload).map(checked),
    payloads.map(lambda payload: b"\x01" + zstandard.compress(payload)).map(checked),
    st.binary(max_size=60).map(lambda rest: b"\x01" + zstandard.compress(b"\x08" + rest)).map(checked),
    st.binary(max_size=60).map(lambda rest: checked(b"\x01" + rest)),
    st.binary(max_size=60),
    st.just(MAGIC),
    st.binary(max_size=30).map(lambda rest: MAGIC + rest),
)


def _read(pieces: list[bytes], mode: Mode, is_packed: bool = False) -> tuple[list[bytes], int, bool]:
    """The frames, the faults and whether it ended in a refusal."""
    framing = Framing(MAGIC, limit_of, mode)
    if is_packed:
        framing.switch_to_packed()
    frames: list[bytes] = []
    try:
        for piece in pieces:
            framing.receive_data(piece)
            frames.extend(iter(framing.next_frame, None))
    except Reject as verdict:
        return frames, framing.faults, verdict.rule == Rule.WIRE
    return frames, framing.faults, False


def _cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


@given(
    st.lists(pieces, max_size=6).map(b"".join),
    st.lists(st.integers(0, 400)),
    st.sampled_from(Mode),
    st.booleans(),
)
def test_frames_do_not_depend_on_how_the_stream_was_cut(
    stream: bytes, places: list[int], mode: Mode, is_packed: bool
) -> None:
    whole = _read([stream], mode, is_packed)
    assert _read(_cut(stream, places), mode, is_packed) == whole
    assert _read([stream[i : i + 1] for i in range(len(stream))], mode, is_packed) == whole


@given(st.lists(payloads.filter(lambda payload: len(payload) <= 40)), st.integers(1, 50))
def test_good_frames_arrive_whole_and_in_order(sent: list[bytes], size: int) -> None:
    for mode in (Mode.LEGACY, Mode.CHECKED):
        sender = Framing(MAGIC, limit_of, mode)
        stream = b"".join(map(sender.encode_frame, sent))
        assert _read([stream[i : i + size] for i in range(0, len(stream), size)], mode) == (sent, 0, False)


@given(st.lists(payloads.filter(lambda payload: len(payload) <= 40), min_size=1), st.data())
def test_one_damaged_frame_costs_no_other(sent: list[bytes], data: st.DataObject) -> None:
    frames = list(map(checked, sent))
    place = data.draw(st.integers(0, len(frames) - 1))
    spot = data.draw(st.integers(0, len(frames[place]) - 1))
    frames[place] = frames[place][:spot] + bytes([frames[place][spot] ^ 0x41]) + frames[place][spot + 1 :]
    ping = b"\x08\x03"
    received, faults, is_refused = _read(
        [checked(ping) + b"".join(frames) + checked(ping) * 10], Mode.CHECKED
    )
    assert received == [ping, *sent[:place], *sent[place + 1 :], *[ping] * 10]
    assert faults == 1
    assert not is_refused
