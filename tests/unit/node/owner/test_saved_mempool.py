"""The mempool across a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.node.owner.saved_mempool import FILE_NAME, MAX_SAVED, load_messages, save_messages
from hypernode.sim.memory.adapters import MemoryFiles
from tests.unit.node.beds import Bed, play


def test_messages_come_back_as_they_were() -> None:
    async def scenario() -> None:
        files = MemoryFiles()
        messages = Bed().messages(1_700_000_000)
        save_messages(files, messages)
        assert load_messages(files) == tuple(messages)

    play(scenario())


@pytest.mark.parametrize(("count", "kept"), [(2_001, 2_001), (MAX_SAVED + 5, MAX_SAVED)])
def test_more_than_a_peer_may_send_at_once_comes_back_too(count: int, kept: int) -> None:
    async def scenario() -> None:
        files = MemoryFiles()
        one = Bed().message()
        messages = [replace(one, timestamp=n, txid=n.to_bytes(64, "big")) for n in range(count)]
        save_messages(files, messages[::-1])
        assert load_messages(files) == tuple(messages[-kept:])

    play(scenario())


@pytest.mark.parametrize("content", [None, b"", b"\x08", b"garbage", b"\x08\x08" + b"\x32\x7f"])
def test_a_missing_or_damaged_file_is_an_empty_mempool(content: bytes | None) -> None:
    files = MemoryFiles()
    if content is not None:
        files.write(FILE_NAME, content)
    assert load_messages(files) == ()


def test_nothing_is_saved_as_nothing() -> None:
    files = MemoryFiles()
    save_messages(files, [])
    assert load_messages(files) == ()
