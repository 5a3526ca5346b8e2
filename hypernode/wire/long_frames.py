"""A frame that is too long to be held: its payload goes into a spool as it arrives, decompressed if it was
compressed.

``Framing.begin_long`` gives the frame once its first bytes tell how long it, or what is in it, will be.  A
``LongReceiver`` takes what is read until the frame is whole; nothing of it is held but the piece at hand.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import zstandard

from hypernode.core.errors import OverLimit, Reject
from hypernode.wire.compression import PLAIN, ZSTD
from hypernode.wire.spool import Spool
from hypernode.wire.tags import RULE

INFLATED_AT_ONCE: Final = 64
"""Compressed bytes that are inflated at a time: 16 blocks of zstd, 2 MiB at most."""


@dataclass(frozen=True, slots=True)
class LongFrame:
    """``length`` bytes of payload as they travel, of which ``here`` are here, and what follows the frame too;
    ``checksum`` is None on a legacy stream; ``most_bytes`` is what a payload may have when it is inflated."""

    length: int
    checksum: int | None
    is_packed: bool
    here: bytes
    most_bytes: int


class LongReceiver:
    """One frame on its way into a spool."""

    def __init__(self, frame: LongFrame, spool: Spool) -> None:
        self._frame = frame
        self._spool = spool
        self._left = frame.length
        self._checksum = 0
        self._inflate: zstandard.ZstdDecompressionObj | None = None
        self._is_first = frame.is_packed

    @property
    def is_whole(self) -> bool:
        return self._left == 0

    def receive_data(self, data: bytes) -> bytes:
        """Put the next bytes away; what of them is behind the frame.  Raises Reject for a payload that does
        not inflate, OverLimit for one that is longer than it said, OSError."""
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        if self._frame.checksum is not None:
            self._checksum = zlib.crc32(part, self._checksum)
        if self._is_first and part:
            self._is_first = False
            part = self._take_kind(part)
        if self._inflate is None:
            self._append(part)
        else:
            self._append_inflated(self._inflate, part)
        return rest

    @property
    def is_intact(self) -> bool:
        """Whether the checksum of the whole frame is right, or it has none."""
        return self._frame.checksum in (None, self._checksum)

    def check(self) -> None:
        """Raises Reject for a whole frame that does not inflate to its end."""
        if self._inflate is not None and (not self._inflate.eof or self._inflate.unused_data):
            raise Reject(RULE, "compressed: damaged")

    def _take_kind(self, part: bytes) -> bytes:
        """The byte before a packed payload; a payload without it is read all the same."""
        if part[0] == ZSTD:
            self._inflate = zstandard.ZstdDecompressor().decompressobj()
        return part[1:] if part[0] in (PLAIN, ZSTD) else part

    def _append_inflated(self, inflate: zstandard.ZstdDecompressionObj, part: bytes) -> None:
        try:
            for start in range(0, len(part), INFLATED_AT_ONCE):
                if inflate.eof:
                    raise Reject(RULE, "compressed: damaged")
                self._append(inflate.decompress(part[start : start + INFLATED_AT_ONCE]))
        except zstandard.ZstdError:
            raise Reject(RULE, "compressed: damaged") from None

    def _append(self, data: bytes) -> None:
        if self._spool.size + len(data) > self._frame.most_bytes:
            raise OverLimit(RULE, f"over {self._frame.most_bytes} bytes")
        self._spool.append(data)
