"""Pruned blocks lose their messages and nothing else, and no message that could come again is forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.pruning import compute_replay_window
from hypernode.core.types import Block, Height
from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.ledger import SqliteLedger, open_ledger, open_ledger_to_read
from hypernode.storage.prune import STEP_BLOCKS, find_prune_limit, get_pruned_below, prune_step, vacuum
from hypernode.storage.read_only import SnapshotDatabase
from tests.unit.storage.chains import NETWORK
from tests.unit.storage.timing import PER_ROUND, timed


async def open_timed(length: int, path: Path | None = None) -> tuple[SqliteLedger, list[Block]]:
    blocks = timed(length)
    ledger = await open_ledger(InlineDatabase(path) if path else InlineDatabase(), NETWORK)
    await ledger.append_many(blocks)
    return ledger, blocks


def test_messages_go_and_headers_measures_and_kpis_stay() -> None:
    async def run() -> None:
        ledger, blocks = await open_timed(60)
        rounds = range(1, 11)
        heights = [await ledger.get_height_at(height) for height in range(61)]
        kpis = [await ledger.get_kpis(r, r) for r in rounds]
        seen = [await ledger.get_seen(r) for r in rounds]
        forged = await ledger.get_forged_count("f1")
        assert await ledger.prune(31) == 30 * 4
        assert ledger.get_pruned_below() == 31
        assert [await ledger.get_height_at(height) for height in range(61)] == heights
        assert [await ledger.get_kpis(r, r) for r in rounds] == kpis
        assert await ledger.get_kpis(1, 10) != {}
        assert [await ledger.get_seen(r) for r in rounds] == seen
        assert await ledger.get_forged_count("f1") == forged
        assert await ledger.get_headers(1, 60) == [replace(block, messages=()) for block in blocks]
        assert await ledger.get_block(30) == replace(blocks[29], messages=())
        assert await ledger.get_blocks(31, 30) == blocks[30:]
        assert await ledger.get_message(blocks[0].messages[0].txid) is None

    asyncio.run(run())


def test_messages_of_an_address_are_found_beyond_what_was_pruned() -> None:
    async def run() -> None:
        ledger, blocks = await open_timed(60)
        await ledger.prune(31)
        found = await ledger.get_messages_of("s1", 0, 5)
        assert len(found) == 5
        assert min(m.block_height for m in found) == 31
        assert {m.sender for m in found} == {"s1"}
        assert blocks[30].height == 31

    asyncio.run(run())


def test_chain_goes_on_after_pruning_with_the_measures_of_an_unpruned_one() -> None:
    async def run() -> None:
        pruned, _ = await open_timed(60)
        whole, _ = await open_timed(60)
        more = timed(80)[60:]
        await pruned.prune(31)
        assert await pruned.append_many(more) == await whole.append_many(more)
        assert await pruned.rollback(50) == await whole.rollback(50)
        assert pruned.get_height() == whole.get_height()

    asyncio.run(run())


def test_the_last_three_rounds_and_live_messages_are_never_pruned() -> None:
    async def run() -> None:
        ledger, blocks = await open_timed(60)
        limit = await ledger.get_prune_limit()
        # rounds 8, 9 and 10 stay; a message may be 3,785 s older than the last block of round 7
        floor = blocks[41].timestamp - compute_replay_window(NETWORK)
        assert blocks[41].round == 7
        assert limit == next(block.height for block in blocks if block.timestamp >= floor) == 36
        await ledger.prune(10_000)
        assert ledger.get_pruned_below() == limit
        assert (await ledger.get_blocks(limit, 1))[0].messages == blocks[limit - 1].messages

    asyncio.run(run())


def test_no_message_that_rule_9_allows_in_a_new_block_is_forgotten() -> None:
    """The oldest parent a new block can have, and the oldest message that block can seal."""

    async def run() -> None:
        ledger, blocks = await open_timed(60)
        await ledger.prune(10_000)
        parent = [block for block in blocks if block.round <= blocks[-1].round - NETWORK.keep_rounds - 1][-1]
        oldest = parent.timestamp - NETWORK.message_age_s - NETWORK.slot_s
        # a message may be ahead of its block by future_allowed_s
        young = [block for block in blocks if block.timestamp + NETWORK.future_allowed_s >= oldest]
        txids = {message.txid for block in young for message in block.messages}
        assert await ledger.get_known_ids(txids) == txids
        all_ids = {message.txid for block in blocks for message in block.messages}
        assert await ledger.get_known_ids(all_ids) < all_ids, "nothing was pruned"

    asyncio.run(run())


@pytest.mark.parametrize("length", [0, 1, PER_ROUND * 3])
def test_young_chain_has_nothing_to_prune(length: int) -> None:
    async def run() -> None:
        ledger, _ = await open_timed(length)
        assert await ledger.prune(10_000) == 0
        assert ledger.get_pruned_below() == 0

    asyncio.run(run())


def test_pruned_blocks_cannot_be_dropped_or_replaced() -> None:
    async def run() -> None:
        ledger, blocks = await open_timed(60)
        await ledger.prune(31)
        before = ledger.get_height()
        with pytest.raises(StorageError, match="below 31 are pruned"):
            await ledger.rollback(29)
        with pytest.raises(StorageError, match="below 31 are pruned"):
            await ledger.replace(20, timed(70)[20:], lambda a, b: True)
        assert ledger.get_height() == before
        assert len(await ledger.rollback(30)) == 30
        assert await ledger.get_block(30) == replace(blocks[29], messages=())

    asyncio.run(run())


def test_mark_is_kept_and_each_step_is_whole(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "ledger.db"
        blocks = timed(STEP_BLOCKS + 200)
        ledger = await open_ledger(InlineDatabase(path), NETWORK)
        await ledger.append_many(blocks)
        marks: list[Height] = []
        await ledger.prune(STEP_BLOCKS + 100, marks.append)
        assert marks == [STEP_BLOCKS + 1, STEP_BLOCKS + 100]
        await ledger.close()
        size = path.stat().st_size
        vacuum(path)
        assert path.stat().st_size < size
        again = await open_ledger_to_read(SnapshotDatabase(path), NETWORK)
        assert again.get_pruned_below() == STEP_BLOCKS + 100
        assert await again.prune(STEP_BLOCKS) == 0
        await again.close()

    asyncio.run(run())


def test_step_that_fails_changes_nothing() -> None:
    async def run() -> None:
        database = InlineDatabase()
        ledger = await open_ledger(database, NETWORK)
        await ledger.append_many(timed(60))

        async def fail(transaction: object) -> None:
            await prune_step(transaction, 31)  # type: ignore[arg-type]  # a transaction
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await database.write(fail)
        assert await database.read(get_pruned_below) == 0
        assert all(block.messages for block in await ledger.get_blocks(1, 60))

    asyncio.run(run())


def test_clock_of_blocks_decides_the_limit_not_their_number() -> None:
    async def run() -> None:
        database = InlineDatabase()
        ledger = await open_ledger(database, NETWORK)
        await ledger.append_many(timed(60))
        assert await find_prune_limit(database, 3, 0) == 42
        assert await find_prune_limit(database, 3, 10**9) == 1
        assert await find_prune_limit(database, 20, 0) == 0

    asyncio.run(run())
