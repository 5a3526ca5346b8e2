"""Bytes put away, and read in windows."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from hypernode.wire.pieces import encode_body
from hypernode.wire.spool import WINDOW_BYTES, MemorySpool, SpooledMessages, Window
from tests.unit.wire.samples import MESSAGE


class CountingSpool(MemorySpool):
    """Says how often it was read."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.append(data)
        self.reads = 0

    def read(self, offset: int, size: int) -> bytes:
        self.reads += 1
        return super().read(offset, size)


def test_what_was_appended_is_read_and_less_only_at_the_end() -> None:
    spool = MemorySpool()
    spool.append(b"abc")
    spool.append(b"def")
    assert spool.size == 6
    assert (spool.read(2, 2), spool.read(4, 9), spool.read(6, 1)) == (b"cd", b"ef", b"")


def test_who_goes_forwards_reads_a_window_once() -> None:
    spool = CountingSpool(bytes(range(256)) * (WINDOW_BYTES // 256 * 2))
    window = Window(spool)
    for offset in range(0, WINDOW_BYTES, 1_024):
        assert window.get(offset, 4) == bytes((0, 1, 2, 3))
    assert spool.reads == 1
    window.get(WINDOW_BYTES - 2, 4)
    assert spool.reads == 2


def test_more_than_a_window_is_read_at_once() -> None:
    spool = CountingSpool(b"x" * (WINDOW_BYTES + 10))
    assert len(Window(spool).get(3, WINDOW_BYTES + 5)) == WINDOW_BYTES + 5
    assert spool.reads == 1


@pytest.mark.parametrize(
    ("offset", "size", "is_there"), [(0, 5, True), (2, 3, True), (0, 6, False), (5, 1, False)]
)
def test_beyond_the_end_is_an_error(offset: int, size: int, is_there: bool) -> None:
    window = Window(CountingSpool(b"12345"))
    if is_there:
        assert len(window.get(offset, size)) == size
    else:
        with pytest.raises(IndexError):
            window.get(offset, size)


def test_messages_are_made_at_their_places_each_time() -> None:
    spool, offsets, sizes = MemorySpool(), array("Q"), array("Q")
    wanted = [replace(MESSAGE, value=n, params="p" * (70_000 if n == 1 else n)) for n in range(3)]
    for message in wanted:
        spool.append(b"between")
        body = encode_body(message)
        offsets.append(spool.size)
        sizes.append(len(body))
        spool.append(body)
    held = SpooledMessages(spool, offsets, sizes, received=99)
    assert held == wanted
    assert held == wanted
    assert {message.received for message in held} == {99}
    assert (len(held), held.encoded_bytes) == (3, sum(sizes))
