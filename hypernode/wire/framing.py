"""Frames out of a stream of bytes and back, without a socket (spec 2, frames).

Legacy frames are ``length (int32) ‖ payload``; checked ones ``magic ‖ length (uint32) ‖ CRC-32 ‖ payload``,
the sum being zlib's of the payload: against accidents as good as a hash and much quicker (docs/adr/0021).
One ``Framing`` serves one stream: feed what was read to ``receive_data``, then call ``next_frame`` until
it returns None.  A server starts in ``Mode.DETECT`` and tells the two apart by the first four bytes.

What is wrong on a legacy stream cannot be mended and is a ``Reject``.  On a checked stream it is a fault:
counted, and the reader goes on at the next magic after the one it believed; a damaged length therefore
swallows no good frame.  ``Reject`` comes only for the header of a first frame (there is no stream to
mend yet), after ``MAX_FAULTS_IN_A_ROW``, or a whole maximum frame
without one that is good.  The limit of a payload is known from its first bytes, before it is held.
Where both sides have compression, payloads with blocks are packed and unpacked here.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from hypernode.core.errors import Ignore, InvariantBroken, OverLimit, Reject
from hypernode.wire.catalogue import CommandId
from hypernode.wire.compression import (
    HEAD_BYTES,
    PACKED_COMMANDS,
    PEEK_BYTES,
    PLAIN,
    is_compressed,
    pack_payload,
    peek_packed_id,
    read_inflated_size,
    unpack_payload,
)
from hypernode.wire.long_frames import LongFrame
from hypernode.wire.tags import RULE, peek_command_id

LimitOf: TypeAlias = Callable[[CommandId | None, bool], int]
"""``limit_of(command_id, is_first_frame)``: most bytes of a payload; for None the most of any command."""

MAGIC_BYTES: Final = 4
LENGTH_BYTES: Final = 4
CHECKSUM_BYTES: Final = 4
CHECKED_HEADER_BYTES: Final = MAGIC_BYTES + LENGTH_BYTES + CHECKSUM_BYTES
_LEGACY_TOP_BYTE: Final = 0x7F
"""The largest first byte of a legacy length."""
MIN_PAYLOAD_BYTES: Final = 2
"""A command without values."""
MAX_FAULTS_IN_A_ROW: Final = 3
"""Bounds the work on bytes that only look like frames; three in a minute end a session anyway."""


@dataclass(slots=True)
class Checksums:
    """CRC-32 of a payload that comes in pieces: ``alone``, and with the byte before it that says that it is
    not compressed."""

    alone: int = 0
    behind_plain: int = zlib.crc32(bytes((PLAIN,)))

    def add(self, piece: bytes) -> None:
        """The next piece."""
        self.alone = zlib.crc32(piece, self.alone)
        self.behind_plain = zlib.crc32(piece, self.behind_plain)


class Mode(Enum):
    """Which frames a stream has."""

    DETECT = "not known yet"
    LEGACY = "legacy"
    CHECKED = "checked"


class ForeignNetwork(Ignore):
    """The other end is of another network, or configured for one.  It is told so, and blamed for nothing."""


class Framing:
    """The frames of one stream, both directions."""

    def __init__(self, magic: bytes, limit_of: LimitOf, mode: Mode = Mode.DETECT) -> None:
        self._magic = magic
        self._limit_of = limit_of
        self._mode = mode
        self._is_packed = False
        self._awaits_first = False
        self._buffer = bytearray()
        self._frames = 0
        self._faults = 0
        self._faults_in_a_row = 0
        self._is_lost = False
        self._skipped = 0
        self._command_id: CommandId | None = None

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def is_in_frame(self) -> bool:
        """Bytes of a frame are here, or of a next one."""
        return bool(self._buffer)

    @property
    def bytes_held(self) -> int:
        """Bytes of the frame that is under way, and of what came behind it."""
        return len(self._buffer)

    @property
    def command_id(self) -> CommandId | None:
        """The command of the frame that is under way, once its first bytes are here."""
        return self._command_id

    @property
    def faults(self) -> int:
        """Faults on this stream since it began."""
        return self._faults

    def switch_to_checked(self) -> None:
        """After a hello exchange that agreed on it; both directions."""
        self._mode = Mode.CHECKED
        self._awaits_first = True

    def switch_to_packed(self) -> None:
        """After a hello exchange that agreed on compression (spec 2, features bit 4); both directions."""
        self._is_packed = True

    def encode_frame(self, payload: bytes) -> bytes:
        """The frame of a payload, of the kind that this stream has."""
        if self._is_packed:
            payload = pack_payload(payload)
        if self._mode is Mode.CHECKED:
            return b"".join((self._magic, struct.pack(">II", len(payload), zlib.crc32(payload)), payload))
        return struct.pack(">i", len(payload)) + payload

    def encode_parts(self, payload: bytes) -> tuple[bytes, bytes]:
        """The same in two pieces, header and payload: a long payload is not copied."""
        if self._is_packed:
            payload = pack_payload(payload)
        if self._mode is Mode.CHECKED:
            return self._magic + struct.pack(">II", len(payload), zlib.crc32(payload)), payload
        return struct.pack(">i", len(payload)), payload

    def encode_length(self, size: int, checksums: Checksums | None = None) -> bytes:
        """What a frame begins with, for a payload that follows in pieces, as it is.  Raises InvariantBroken
        on a checked stream without ``checksums``."""
        if self._mode is Mode.LEGACY:
            return struct.pack(">i", size)
        if checksums is None:
            raise InvariantBroken("a frame in pieces on a checked stream, and no checksum")
        if self._is_packed:
            return self._magic + struct.pack(">II", size + 1, checksums.behind_plain) + bytes((PLAIN,))
        return self._magic + struct.pack(">II", size, checksums.alone)

    def forget(self) -> None:
        """The stream is over: what is here is part of no frame any more."""
        self._buffer = bytearray()

    def receive_data(self, data: bytes) -> None:
        """Take what was read.  Call ``next_frame`` after every piece: it bounds what is held."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """The payload of the next whole frame; None when more bytes are needed.  Raises Reject."""
        if self._mode is Mode.DETECT and not self._detect():
            return None
        payload = self._next_checked() if self._mode is Mode.CHECKED else self._next_legacy()
        if payload is not None:
            self._frames += 1
            self._command_id = None
        return payload

    def begin_long(self, over: int) -> LongFrame | None:
        """The answer that is under way, if its payload has more than ``over`` bytes: taken out, to be
        received elsewhere.  None for any other, and while too little of it is here.  Raises OverLimit."""
        is_checked = self._mode is Mode.CHECKED
        header_bytes = CHECKED_HEADER_BYTES if is_checked else LENGTH_BYTES
        if self._mode is Mode.DETECT or len(self._buffer) < header_bytes:
            return None
        if is_checked and not self._buffer.startswith(self._magic):
            return None
        if is_checked:
            (length,) = struct.unpack_from(">I", self._buffer, MAGIC_BYTES)
        else:
            (length,) = struct.unpack_from(">i", self._buffer)
        if length < MIN_PAYLOAD_BYTES:
            return None  # which is no frame of that kind
        try:
            self._check_length(length, header_bytes)
        except OverLimit:
            raise
        except Reject:
            return None  # damaged, which is found where frames are taken
        if len(self._buffer) < header_bytes + PEEK_BYTES:
            return None
        size = self._get_inflated_size(header_bytes, length)
        if size is None or size <= over:
            return None
        most = self._get_most(header_bytes)
        if size > most:
            raise OverLimit(RULE, f"{size} bytes, over the limit")
        checksum = None
        if is_checked:
            (checksum,) = struct.unpack_from(">I", self._buffer, MAGIC_BYTES + LENGTH_BYTES)
        here = bytes(self._buffer[header_bytes:])
        self._buffer.clear()
        self._frames += 1
        self._command_id = None
        return LongFrame(length, checksum, self._is_packed, here, most)

    def _get_inflated_size(self, header_bytes: int, length: int) -> int | None:
        head = self._buffer[header_bytes : header_bytes + min(HEAD_BYTES, length)]
        if not (self._is_packed and is_compressed(head)):
            return length
        return read_inflated_size(head)

    def _get_most(self, header_bytes: int) -> int:
        """Bytes that the payload under way may have."""
        if self._is_packed and is_compressed(self._buffer[header_bytes:]):
            return max(map(self._get_limit, PACKED_COMMANDS))
        return self._get_limit(self._command_id)

    def _detect(self) -> bool:
        if len(self._buffer) < MAGIC_BYTES:
            return False
        first = bytes(self._buffer[:MAGIC_BYTES])
        if first == self._magic:
            self._mode = Mode.CHECKED
        elif first[0] <= _LEGACY_TOP_BYTE or first == b"\xff" * MAGIC_BYTES:
            self._mode = Mode.LEGACY
        else:
            raise Reject(RULE, f"neither a length nor the magic of this network, but {first.hex()}")
        return True

    def _next_legacy(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < LENGTH_BYTES:
            return None
        (length,) = struct.unpack_from(">i", buffer)
        if length < MIN_PAYLOAD_BYTES:
            raise Reject(RULE, f"a frame of length {length}")
        self._check_length(length, LENGTH_BYTES)
        if len(buffer) < LENGTH_BYTES + length:
            return None
        return self._take(LENGTH_BYTES, length)

    def _next_checked(self) -> bytes | None:
        buffer = self._buffer
        if self._awaits_first and self._is_foreign_under_way():
            return None
        while self._find_magic():
            if len(buffer) < MAGIC_BYTES + LENGTH_BYTES:
                return None
            (length,) = struct.unpack_from(">I", buffer, MAGIC_BYTES)
            if not self._is_plausible(length):
                self._count_fault(MAGIC_BYTES)
            elif len(buffer) < CHECKED_HEADER_BYTES + length:
                return None
            elif self._is_intact(length):
                self._is_lost = False
                self._faults_in_a_row = self._skipped = 0
                return self._take(CHECKED_HEADER_BYTES, length)
            else:
                self._count_fault(MAGIC_BYTES)
        return None

    def _is_foreign_under_way(self) -> bool:
        """Whether the first checked frame has another magic, and is not whole yet.  Raises ForeignNetwork for
        one that is whole under it: a hello does not say the magic, and networks may share a posnet."""
        buffer, head = self._buffer, bytes(self._buffer[:MAGIC_BYTES])
        if not head or (len(head) < MAGIC_BYTES and self._magic.startswith(head)):
            return True
        if head != self._magic and head[0] > _LEGACY_TOP_BYTE:
            if len(buffer) < MAGIC_BYTES + LENGTH_BYTES:
                return True
            (length,) = struct.unpack_from(">I", buffer, MAGIC_BYTES)
            if MIN_PAYLOAD_BYTES <= length <= self._get_limit(None):
                if len(buffer) < CHECKED_HEADER_BYTES + length:
                    return True
                if self._is_intact(length):
                    words = (
                        f"frames with the magic {head.hex()}, and that of this network is {self._magic.hex()}"
                    )
                    raise ForeignNetwork(RULE, words)
        self._awaits_first = False
        return False

    def _take(self, header_bytes: int, length: int) -> bytes:
        with memoryview(self._buffer)[header_bytes : header_bytes + length] as view:
            payload = bytes(view)
        del self._buffer[: header_bytes + length]
        return unpack_payload(payload, self._get_limit) if self._is_packed else payload

    def _get_limit(self, command_id: CommandId | None) -> int:
        return self._limit_of(command_id, self._frames == 0)

    def _check_length(self, length: int, header_bytes: int) -> None:
        # no further than the frame goes: what follows it may be here, or not yet
        first_bytes = self._buffer[header_bytes : header_bytes + min(PEEK_BYTES, length)]
        peek = peek_packed_id if self._is_packed else peek_command_id
        self._command_id = peek(first_bytes)
        if self._is_packed and is_compressed(first_bytes):
            # which of the commands with blocks it is shows only when it is inflated
            limit = max(map(self._get_limit, PACKED_COMMANDS))
        else:
            limit = self._get_limit(self._command_id)
        if length > limit:
            subject = "a frame" if self._command_id is None else self._command_id.name.lower()
            raise OverLimit(RULE, f"{subject} of {length} bytes, over the limit")

    def _is_plausible(self, length: int) -> bool:
        if length < MIN_PAYLOAD_BYTES:
            return False
        try:
            self._check_length(length, CHECKED_HEADER_BYTES)
        except Reject:
            if self._frames == 0:
                raise
            return False
        return True

    def _is_intact(self, length: int) -> bool:
        with memoryview(self._buffer)[CHECKED_HEADER_BYTES : CHECKED_HEADER_BYTES + length] as payload:
            checksum = zlib.crc32(payload)
        return struct.unpack_from(">I", self._buffer, MAGIC_BYTES + LENGTH_BYTES) == (checksum,)

    def _find_magic(self) -> bool:
        """Whether the buffer begins with the magic, after what had to be skipped for it."""
        buffer, magic = self._buffer, self._magic
        if buffer.startswith(magic):
            return True
        head = buffer[:MAGIC_BYTES]
        if not magic.startswith(head):
            if not self._is_lost:
                self._count_fault(0)
            found = buffer.find(magic)
            self._skip(found if found >= 0 else len(buffer) - self._get_tail())
        return len(buffer) >= MAGIC_BYTES

    def _get_tail(self) -> int:
        """How many bytes at the end may be the beginning of a magic."""
        for size in range(MAGIC_BYTES - 1, 0, -1):
            if self._buffer.endswith(self._magic[:size]):
                return size
        return 0

    def _count_fault(self, skip: int) -> None:
        self._is_lost = True
        self._faults += 1
        self._faults_in_a_row += 1
        if self._faults_in_a_row >= MAX_FAULTS_IN_A_ROW:
            raise Reject(RULE, "damaged frames only")
        self._skip(skip)

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self._skipped += count
        self._command_id = None
        if self._skipped > self._get_limit(None) + CHECKED_HEADER_BYTES:
            raise Reject(RULE, "no frame found in what would be a whole one")


class FaultCounter:
    """Faults of a stream over time: so many within a span end its session (spec 2, frames)."""

    def __init__(self, limit: int, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._seen = 0
        self._times: deque[float] = deque(maxlen=limit)

    def is_over(self, faults: int, now: float) -> bool:
        """``faults``: of the stream since it began; ``now``: seconds of a clock that never steps."""
        if faults == 0:
            return False
        self._times.extend([now] * min(faults - self._seen, self._limit))
        self._seen = faults
        return len(self._times) == self._limit and now - self._times[0] <= self._span_s
