"""Bytes that are too many to be held, and the messages in them, made one by one while somebody iterates."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from hypernode.core.long_messages import LongMessages
from hypernode.core.types import Message, Timestamp
from hypernode.wire.entries import LONG_BODY_BYTES, parse_long_message, parse_message

WINDOW_BYTES: Final = 128 * 1024
"""Read at a time where messages follow each other: some 500 of them."""


class Spool(Protocol):
    """Bytes that are put away in a file of the daemon.  Any thread may read.  Raises OSError."""

    def append(self, data: bytes) -> None: ...

    def read(self, offset: int, size: int) -> bytes:
        """Fewer than ``size`` only at the end."""
        ...

    @property
    def size(self) -> int: ...


MakeSpool: TypeAlias = Callable[[], Spool]


class MemorySpool:
    """A spool in memory, where there is no disk: in a simulation, in a client."""

    def __init__(self) -> None:
        self._data = bytearray()

    def append(self, data: bytes) -> None:
        self._data += data

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self._data[offset : offset + size])

    @property
    def size(self) -> int:
        return len(self._data)


class Window:
    """A spool read in pieces of ``WINDOW_BYTES``, by somebody who reads it forwards."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._start = 0
        self._data = b""

    def get(self, offset: int, size: int) -> bytes:
        """Raises IndexError beyond the end."""
        first = offset - self._start
        if first < 0 or first + size > len(self._data):
            self._start, first = offset, 0
            self._data = self._spool.read(offset, max(size, WINDOW_BYTES))
            if len(self._data) < size:
                raise IndexError(offset + size)
        return self._data[first : first + size]


class SpooledMessages(LongMessages):
    """Messages at these places (of their encoded bodies) of a spool, each parsed once before; they came at
    ``received`` (unix s)."""

    def __init__(self, spool: Spool, offsets: array[int], sizes: array[int], received: Timestamp = 0) -> None:
        self._spool = spool
        self._received = received
        self._encoded_bytes = sum(sizes)
        self._offsets = offsets
        self._sizes = sizes

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def encoded_bytes(self) -> int:
        return self._encoded_bytes

    def __iter__(self) -> Iterator[Message]:
        window = Window(self._spool)
        for offset, size in zip(self._offsets, self._sizes, strict=True):
            if size > LONG_BODY_BYTES:
                yield parse_long_message(self._spool.read, offset, size, self._received)
            else:
                yield parse_message(window.get(offset, size), self._received)
