"""Blocks that come and go: checked, measured, and gone without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hypernode.core.errors import InvariantBroken
from hypernode.core.rules import Rule
from hypernode.core.types import Block, ChainHeight
from hypernode.ports.chain import ToleratedViolation
from hypernode.storage.database import Database, InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.storage.chains import GENESIS, NETWORK, block, chain, message, recount


async def _inline() -> SqliteLedger:
    return await open_ledger(InlineDatabase(), NETWORK)


async def _dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All rows, but those of texts and keys, which stay when blocks go."""
    tables = ("blocks", "messages", "presence", "participation", "failures", "findings")
    found = {name: await database.fetch_all(f"SELECT * FROM {name}") for name in tables}
    counted = "SELECT address, sent, forged FROM addresses WHERE sent OR forged"
    return {**found, "totals": sorted(await database.fetch_all(counted))}


def test_height_of_messages_is_that_of_their_block() -> None:
    async def run() -> None:
        ledger = await _inline()
        made = block(GENESIS, 1, 0, messages=[message(1)])
        await ledger.append(replace(made, messages=(replace(made.messages[0], block_height=55),)))
        assert await ledger.get_block(1) == made

    asyncio.run(run())


@pytest.mark.parametrize(
    "change",
    [
        lambda b: replace(b, height=b.height + 1),
        lambda b: replace(b, previous_hash=bytes(20)),
        lambda b: replace(b, round=1, sir=1),
        lambda b: replace(b, messages=(*b.messages, message((0, 0, 1, 2)))),
        lambda b: replace(b, messages=(*b.messages, b.messages[0])),
    ],
    ids=["height", "previous hash", "slot taken", "id in the chain", "id twice"],
)
def test_block_that_does_not_fit_changes_nothing(change: Callable[[Block], Block]) -> None:
    async def run() -> None:
        database = InlineDatabase()
        ledger = await open_ledger(database, NETWORK)
        good = chain(4)
        await ledger.append_many(good[:3])
        before, height = await _dump(database), ledger.get_height()
        with pytest.raises(InvariantBroken):
            await ledger.append(
                change(good[3]), [ToleratedViolation(4, good[3].block_hash, Rule.B6, "words")]
            )
        with pytest.raises(InvariantBroken):
            await ledger.append_many([good[3], change(chain(5)[4])])
        assert await _dump(database) == before
        assert ledger.get_height() == height
        await ledger.append(good[3])
        assert ledger.get_height().height == 4

    asyncio.run(run())


def test_measures_of_every_block_are_those_of_a_recount() -> None:
    async def run() -> None:
        blocks = [GENESIS, *chain(20)]
        one_by_one, together = await _inline(), await _inline()
        await together.append_many(blocks[1:])
        for i, made in enumerate(blocks[1:], start=1):
            assert await one_by_one.append(made) == recount(blocks[: i + 1])
            assert await together.get_height_at(i) == recount(blocks[: i + 1])
        assert await together.get_height_at(21) is None

    asyncio.run(run())


def test_blocks_of_round_zero_are_measured_without_genesis() -> None:
    async def run() -> None:
        ledger = await _inline()
        first = block(GENESIS, 0, 1, "f", [message(1, "a"), message(2, "b")])
        assert await ledger.append(first) == ChainHeight(1, 0, 1, first.block_hash, 0, 2, 0, 1)
        assert await ledger.get_seen(0) == {"a", "b", "f"}

    asyncio.run(run())


def test_blocks_out_of_order_are_measured_by_their_round() -> None:
    async def run() -> None:
        rounds, blocks = [(3, 0), (3, 1), (1, 0), (1, 1), (3, 2), (2, 0), (4, 0), (4, 1)], [GENESIS]
        for i, (round_, sir) in enumerate(rounds):
            made = [message((i, n), f"s{i + n}") for n in range(3)]
            blocks.append(block(blocks[-1], round_, sir, f"f{i % 5}", made))
        together, ledger = await _inline(), await _inline()
        await together.append_many(blocks[1:])
        for i in range(1, len(blocks)):
            assert await ledger.append(blocks[i]) == recount(blocks[: i + 1])
            assert await together.get_height_at(i) == recount(blocks[: i + 1])
        await ledger.rollback(3)
        assert ledger.get_height() == recount(blocks[:4])
        assert await ledger.append_many(blocks[4:]) == recount(blocks)

    asyncio.run(run())


def test_rollback_returns_the_blocks_and_leaves_no_trace() -> None:
    async def run() -> None:
        database = InlineDatabase()
        ledger = await open_ledger(database, NETWORK)
        blocks = chain(10)
        await ledger.append_many(blocks[:4])
        before = await _dump(database)
        await ledger.append_many(blocks[4:])
        assert await ledger.rollback(4) == tuple(reversed(blocks[4:]))
        assert await _dump(database) == before
        assert ledger.get_height() == recount([GENESIS, *blocks[:4]])
        assert await ledger.append_many(blocks[4:]) == recount([GENESIS, *blocks])
        assert await ledger.rollback(10) == ()
        for height in (11, -1):
            with pytest.raises(InvariantBroken):
                await ledger.rollback(height)
        await ledger.rollback(0)
        assert ledger.get_height() == ChainHeight(0, 0, 0, GENESIS.block_hash, forgers_round=1)
        assert await ledger.get_seen(1) == frozenset()

    asyncio.run(run())


def test_block_of_very_many_senders_and_messages_is_stored() -> None:
    async def run() -> None:
        ledger = await _inline()
        messages = [message(i, f"s{i % 1300}", f"r{i}", params=f"p{i}") for i in range(3000)]
        made = block(GENESIS, 1, 0, messages=messages)
        assert (await ledger.append(made)).uniques_round == 1300
        assert await ledger.get_block(1) == made
        assert await ledger.get_known_ids(m.txid for m in messages) == {m.txid for m in messages}

    asyncio.run(run())
