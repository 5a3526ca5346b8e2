"""Rows of the tables as values, and any number of values in a question."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.types import UINT32_MAX
from hypernode.storage.rows import (
    MAX_MARKS,
    TXID_KEY_BYTES,
    compute_first_id,
    compute_txid_key,
    fetch_blocks,
    fetch_headers,
    fetch_in,
    fetch_range,
    fetch_tip,
)
from hypernode.storage.schema.tables import MAX_MESSAGES, POSITION_BITS
from tests.unit.storage.chains import GENESIS, chain, recount
from tests.unit.storage.ledgers import open_with

BLOCKS = chain(7)


def test_row_ids_of_a_block_end_where_the_next_begins() -> None:
    assert compute_first_id(0) == 0
    assert compute_first_id(3) + MAX_MESSAGES == compute_first_id(4)
    assert compute_first_id(UINT32_MAX) + MAX_MESSAGES - 1 < 2**63, "what SQLite holds"
    assert MAX_MESSAGES == 2**POSITION_BITS


def test_what_is_indexed_of_an_id_are_its_last_bytes() -> None:
    assert compute_txid_key(bytes(60) + b"last") == b"last"[-TXID_KEY_BYTES:]


@pytest.mark.parametrize("count", [0, 1, MAX_MARKS, MAX_MARKS + 1, 3 * MAX_MARKS + 7])
def test_any_number_of_values_can_be_asked_for(count: int) -> None:
    async def run() -> None:
        ledger, database = await open_with([])
        rows = await fetch_in(
            database, "SELECT value FROM json_each('[5]') WHERE value IN ({marks})", range(count)
        )
        assert rows == ([(5,)] if count > 5 else [])
        await ledger.close()

    asyncio.run(run())


@pytest.mark.parametrize(("first", "last"), [(0, 7), (1, 1), (2, 5), (7, 99), (8, 9), (5, 2)])
def test_blocks_and_headers_of_a_span(first: int, last: int) -> None:
    async def run() -> None:
        ledger, database = await open_with(BLOCKS)
        wanted = [block for block in (GENESIS, *BLOCKS) if first <= block.height <= last]
        assert await fetch_blocks(database, first, last) == wanted
        headers = await fetch_headers(database, first, last)
        assert [(h.block_hash, h.messages) for h in headers] == [(b.block_hash, ()) for b in wanted]
        await ledger.close()

    asyncio.run(run())


def test_a_tip_is_of_a_height_or_the_last_one() -> None:
    async def run() -> None:
        ledger, database = await open_with(BLOCKS)
        last, third, none = [await fetch_tip(database, height) for height in (None, 3, 99)]
        assert last is not None
        assert third is not None
        assert (last.state, third.state) == (recount([GENESIS, *BLOCKS]), recount([GENESIS, *BLOCKS[:3]]))
        assert none is None
        await ledger.close()

    asyncio.run(run())


def test_messages_of_a_range_have_the_height_of_their_block() -> None:
    async def run() -> None:
        ledger, database = await open_with(BLOCKS)
        first = compute_first_id(2)
        messages = await fetch_range(database, first + 1, first + 3)
        assert messages == list(BLOCKS[1].messages[1:3])
        assert {message.block_height for message in messages} == {2}
        await ledger.close()

    asyncio.run(run())
