"""The framing target: a stream of frames and rubbish reads the same however it is cut, and never fills up.

The first bytes of an input say how the stream is read and cut; the rest is a row of pieces, each with what
to make of it, because no fuzzer guesses a checksum.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import zstandard

from hypernode.core.errors import Reject
from hypernode.wire.catalogue import CommandId
from hypernode.wire.compression import pack_payload
from hypernode.wire.framing import CHECKED_HEADER_BYTES, Framing, Mode
from tests.fuzz.cutter import Cutter

MAGIC: Final = bytes.fromhex("b1534ede")
MOST: Final = 300
_MODES: Final = tuple(Mode)


def limit_of(command_id: CommandId | None, is_first_frame: bool) -> int:
    """Small limits, so that inputs of some hundred bytes reach them."""
    if is_first_frame:
        return 100
    return MOST if command_id in (CommandId.BLOCK, None) else 150


def make_checked(payload: bytes) -> bytes:
    return MAGIC + struct.pack(">II", len(payload), zlib.crc32(payload)) + payload


def make_piece(kind: int, payload: bytes) -> bytes:
    """A piece of a stream: a frame of some kind, a damaged one, or bytes as they are."""
    match kind % 8:
        case 0:
            return payload
        case 1:
            return struct.pack(">i", len(payload)) + payload
        case 2:
            return make_checked(payload)
        case 3:
            return make_checked(b"\x00" + payload)
        case 4:
            return make_checked(b"\x01" + zstandard.compress(payload))
        case 5:
            return MAGIC + payload
        case 6:
            frame = bytearray(make_checked(b"\x08" + payload))
            frame[kind % len(frame)] ^= kind | 1
            return bytes(frame)
        case _:
            command = b"\x08" + payload
            try:
                return make_checked(pack_payload(command))
            except Reject:
                return make_checked(command)


def read_stream(stream: bytes, size: int, mode: Mode, is_packed: bool) -> tuple[list[bytes], int, str]:
    """The frames, the faults and the refusal of a stream that comes ``size`` bytes at a time."""
    framing = Framing(MAGIC, limit_of, mode)
    if is_packed:
        framing.switch_to_packed()
    frames: list[bytes] = []
    try:
        for start in range(0, len(stream), size):
            framing.receive_data(stream[start : start + size])
            frames.extend(iter(framing.next_frame, None))
            if framing.bytes_held > MOST + CHECKED_HEADER_BYTES:
                raise AssertionError("more is held than a frame may have")
    except Reject as verdict:
        return frames, framing.faults, verdict.rule.label
    return frames, framing.faults, ""


def fuzz_framing(data: bytes) -> None:
    """A stream read whole and in pieces gives the same."""
    cutter = Cutter(data)
    how, size = cutter.take_number(), 1 + cutter.take_number()
    pieces = []
    while not cutter.is_empty:
        pieces.append(make_piece(cutter.take_number(), cutter.take_piece()))
    stream = b"".join(pieces)
    if not stream:
        return
    mode, is_packed = _MODES[how % 3], bool(how & 4)
    whole = read_stream(stream, len(stream), mode, is_packed)
    if read_stream(stream, size, mode, is_packed) != whole:
        raise AssertionError("the frames depend on how the stream was cut")
