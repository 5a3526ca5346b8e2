"""A frame too long to be held: into a spool as it comes, inflated, and never over its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import OverLimit, Reject
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.compression import pack_payload
from hypernode.wire.long_frames import LongFrame, LongReceiver
from hypernode.wire.spool import MemorySpool
from tests.unit.wire.samples import BLOCK, MESSAGE

MIXED = tuple(replace(MESSAGE, value=n, params=f"{n * n}" * (n % 50)) for n in range(300))


FLAT = (replace(MESSAGE, params="A" * 100_000),)
"""Compressed it has some hundred bytes."""


@pytest.mark.parametrize("spoil", ["cut", "more", "noise"])
def test_compressed_frame_that_does_not_inflate_is_refused(spoil: str) -> None:
    packed = pack_payload(
        encode_command(Command(CommandId.GETBLOCK, blocks=(replace(BLOCK, messages=MIXED),)))
    )
    bad = {"cut": packed[:-9], "more": packed + b"more", "noise": packed[:19] + b"\xff" * 99}
    receiver = LongReceiver(LongFrame(len(bad[spoil]), None, True, b"", 2**30), MemorySpool())

    def receive() -> None:
        receiver.receive_data(bad[spoil])
        receiver.check()

    with pytest.raises(Reject, match="damaged"):
        receive()


def test_compressed_frame_that_lies_about_its_size_is_held_to_the_limit() -> None:
    packed = pack_payload(
        encode_command(Command(CommandId.GETBLOCK, blocks=(replace(BLOCK, messages=FLAT),)))
    )
    receiver = LongReceiver(LongFrame(len(packed), None, True, b"", 5_000), spool := MemorySpool())
    with pytest.raises(OverLimit):
        receiver.receive_data(packed)
    assert spool.size <= 5_000
