"""Blocks of a mixed network that are larger than any of ours: stored, measured and read in pieces."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.encoded_size import compute_block_size
from hypernode.core.errors import InvariantBroken
from hypernode.storage.append import MAX_DROPPED_MESSAGES
from hypernode.storage.inspection import inspect_ledger
from hypernode.storage.long_texts import LONG_CHARS, PIECE_MESSAGES
from tests.unit.storage.chains import GENESIS, block, recount
from tests.unit.storage.giants import giants, many
from tests.unit.storage.ledgers import open_with


def test_giant_blocks_come_back_as_they_were_and_are_measured_like_any() -> None:
    async def run() -> None:
        blocks = giants()
        ledger, database = await open_with(blocks)
        assert await ledger.get_blocks(1, 99) == blocks
        for height in range(1, len(blocks) + 1):
            assert await ledger.get_height_at(height) == recount([GENESIS, *blocks[:height]])
        assert await inspect_ledger(database) == []
        assert [size for _, size in await ledger.get_block_sizes(1, 99)] == list(
            map(compute_block_size, blocks)
        )
        stored = await database.fetch_all("SELECT max(length(text)) FROM params")
        assert stored < [(LONG_CHARS,)]

    asyncio.run(run())


def test_giant_blocks_go_again_without_a_trace_in_what_is_counted() -> None:
    async def run() -> None:
        blocks = giants()
        ledger, database = await open_with(blocks)
        dropped = await ledger.rollback(2)
        assert [b.height for b in dropped] == [5, 4, 3]
        assert [m.txid for m in dropped[1].messages] == [blocks[3].messages[n].txid for n in (0, 5)]
        assert dropped[2] == blocks[2]
        assert ledger.get_height() == recount([GENESIS, *blocks[:2]])
        assert await inspect_ledger(database) == []
        kpis = await ledger.get_kpis(0, 99)
        await ledger.append_many(blocks[2:])
        await ledger.rollback(2)
        assert await ledger.get_kpis(0, 99) == kpis

    asyncio.run(run())


def test_no_more_of_a_dropped_block_is_kept_than_can_be_sealed_again() -> None:
    async def run() -> None:
        ledger, _ = await open_with([block(GENESIS, 5, 0, "g", many(MAX_DROPPED_MESSAGES + 9))])
        [dropped] = await ledger.rollback(0)
        assert (len(dropped.messages), dropped.msg_count) == (MAX_DROPPED_MESSAGES, MAX_DROPPED_MESSAGES + 9)

    asyncio.run(run())


def test_message_that_is_twice_in_a_giant_block_is_a_bug_of_ours() -> None:
    async def run() -> None:
        ledger, _ = await open_with([])
        messages = many(PIECE_MESSAGES + 5)
        with pytest.raises(InvariantBroken, match="in the chain already"):
            await ledger.append(block(GENESIS, 5, 0, "g", [*messages, messages[1]]))
        assert ledger.get_height().height == 0
        assert await ledger.get_messages_of("m1") == []

    asyncio.run(run())


def test_messages_alone_are_given_without_those_that_fit_into_no_answer() -> None:
    async def run() -> None:
        blocks = giants()
        ledger, _ = await open_with(blocks)
        first, params, *_ = blocks[3].messages
        assert await ledger.get_message(params.txid) is None
        assert await ledger.get_message(first.txid) == first
        assert await ledger.get_messages_of("l1") == []
        assert {params.txid, first.txid} == await ledger.get_known_ids([params.txid, first.txid])

    asyncio.run(run())
