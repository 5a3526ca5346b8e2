"""Rows beside a legacy chain come back as they were."""

from __future__ import annotations

import asyncio

from hypernode.storage.interface import Row
from hypernode.storage.side_rows import get_side_rows, save_side_rows
from tests.unit.storage.ledgers import open_with

ROWS: list[Row] = [(1, "text", 2.5, None, b"\x00\xff"), (), ("é", -1)]


def test_rows_come_back_in_order_with_their_types() -> None:
    async def run() -> None:
        ledger, database = await open_with([])
        await database.write(lambda t: save_side_rows(t, {"pos_rounds": ROWS, "addresses": []}))
        assert await get_side_rows(database) == {"pos_rounds": ROWS}
        await ledger.close()

    asyncio.run(run())


def test_a_table_that_is_kept_again_is_replaced_and_others_stay() -> None:
    async def run() -> None:
        ledger, database = await open_with([])
        await database.write(lambda t: save_side_rows(t, {"pos_rounds": ROWS, "addresses": ROWS[:1]}))
        await database.write(lambda t: save_side_rows(t, {"pos_rounds": ROWS[:1]}))
        assert await get_side_rows(database) == {"addresses": ROWS[:1], "pos_rounds": ROWS[:1]}
        await database.write(lambda t: save_side_rows(t, {"pos_rounds": []}))
        assert await get_side_rows(database) == {"addresses": ROWS[:1]}
        await ledger.close()

    asyncio.run(run())
