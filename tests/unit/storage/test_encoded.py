"""A stored block in pieces, as the codec writes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.core.encoded_size import compute_block_size, compute_payload_size
from hypernode.core.errors import Ignore
from hypernode.storage.long_texts import PART_CHARS
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.pieces import encode_payload_start
from tests.unit.storage.chains import GENESIS
from tests.unit.storage.giants import giants
from tests.unit.storage.ledgers import open_with


def test_encoded_blocks_are_read_in_pieces_that_are_what_the_codec_writes() -> None:
    async def run() -> None:
        blocks = giants()
        ledger, _ = await open_with(blocks)
        for each in [GENESIS, *blocks]:
            pieces = [piece async for piece in ledger.read_encoded(each.height)]
            assert max(map(len, pieces)) <= 2 * PART_CHARS
            size = compute_block_size(each)
            written = encode_command(Command(CommandId.GETBLOCK, blocks=(each,)))
            assert encode_payload_start(CommandId.GETBLOCK, size) + b"".join(pieces) == written
            assert len(written) == compute_payload_size((size,))
        assert [piece async for piece in ledger.read_encoded(99)] == []

    asyncio.run(run())


def test_block_that_goes_while_it_is_read_is_not_ended_with_another() -> None:
    async def run() -> None:
        blocks = giants()
        ledger, _ = await open_with(blocks)
        pieces = ledger.read_encoded(3)
        await anext(pieces)
        await ledger.rollback(2)
        other = replace(blocks[2], signature=b"s" * 64, block_hash=b"o" * 20)
        await ledger.append(other)
        with pytest.raises(Ignore, match="went while it was read"):
            await anext(pieces)

    asyncio.run(run())
