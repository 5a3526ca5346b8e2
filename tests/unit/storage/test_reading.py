"""What is asked of the chain in storage, each call on one snapshot."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.encoded_size import compute_block_size, compute_entry_size
from hypernode.storage.reading import LedgerReader
from tests.unit.storage.chains import GENESIS, chain, recount
from tests.unit.storage.ledgers import open_with

BLOCKS = chain(9)
SIZES = [compute_entry_size(compute_block_size(block)) for block in BLOCKS]


def test_heights_beyond_the_tip_have_nothing() -> None:
    async def run() -> None:
        ledger, database = await open_with(BLOCKS)
        reader = LedgerReader(database)
        assert await reader.get_block(10) is None
        assert await reader.get_height_at(10) is None
        assert await reader.get_blocks(10, 5) == []
        assert await reader.get_block(9) == BLOCKS[-1]
        assert await reader.get_height_at(9) == recount([GENESIS, *BLOCKS])
        await ledger.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("count", "most", "made"),
    [
        (9, sum(SIZES), 9),
        (9, sum(SIZES) - 1, 8),
        (9, SIZES[0] + SIZES[1], 2),
        (9, SIZES[0] + SIZES[1] - 1, 1),
        (9, 0, 1),
        (2, sum(SIZES), 2),
        (0, sum(SIZES), 0),
    ],
)
def test_as_many_blocks_as_have_room_are_taken_and_one_at_least(count: int, most: int, made: int) -> None:
    async def run() -> None:
        ledger, database = await open_with(BLOCKS)
        heights = await LedgerReader(database).make_of_blocks(1, count, most, lambda block: block.height)
        assert heights == list(range(1, made + 1))
        await ledger.close()

    asyncio.run(run())
