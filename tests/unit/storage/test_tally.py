"""What a block adds to the counts, and that it takes just that away again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.core.kinds import KO_ACTION, NO_TEST, OK_ACTION, START_OR_TEST_OK, START_PARAMS, TEST_KO
from hypernode.storage.schema.tables import SPAN_BITS
from hypernode.storage.tally import add_tally, compute_tally, subtract_tally
from tests.unit.storage.chains import GENESIS, block, message
from tests.unit.storage.ledgers import open_with

NUMBERS = {"f": 1, "a": 2, "b": 3}
ALL_KINDS = [
    message(1, "a", "b", START_OR_TEST_OK, START_PARAMS),
    message(2, "a", "b", START_OR_TEST_OK, "TEST:1"),
    message(3, "a", "b", NO_TEST),
    message(4, "a", "b", TEST_KO),
    message(5, "a", "b", OK_ACTION),
    message(6, "a", "b", KO_ACTION),
    message(7, "a", "b", 203),
]


def test_each_kind_of_message_is_counted_where_it_belongs() -> None:
    tally = compute_tally([block(GENESIS, 4, 0, "f", ALL_KINDS)], NUMBERS)
    assert tally.participation == {
        (4, 1): [1, 0, 0, 0, 0, 0, 0],
        (4, 2): [0, 7, 1, 1, 1, 1, 0],
        (4, 3): [0, 0, 0, 0, 0, 0, 1],
    }
    assert tally.failures == {(4, 2, 3): 1}
    assert tally.presence == {(2, 0): 1 << 1, (3, 0): 1 << 1}


def test_a_further_piece_of_a_block_counts_no_forger_again() -> None:
    piece = block(GENESIS, 4, 0, "f", ALL_KINDS[:1])
    assert compute_tally([piece], NUMBERS, forged=0).participation[4, 1][0] == 0


def test_presence_is_a_bit_for_each_height_of_a_span() -> None:
    edge = (1 << SPAN_BITS) - 1
    below = replace(GENESIS, height=edge - 1)
    first = block(below, 1, 0, "f", [message(1, "a", "b")])
    second = block(first, 1, 1, "f", [message(2, "a", "b")])
    assert (first.height, second.height) == (edge, edge + 1)
    tally = compute_tally([first, second], NUMBERS)
    assert tally.presence == {(2, 0): 1 << edge, (2, 1): 1, (3, 0): 1 << edge, (3, 1): 1}


def test_what_came_and_went_leaves_no_trace() -> None:
    async def run() -> None:
        ledger, database = await open_with([])
        addresses = [(1, "f"), (2, "a"), (3, "b")]
        await database.write(
            lambda t: t.execute_many("INSERT OR REPLACE INTO addresses(id, address) VALUES(?, ?)", addresses)
        )
        stays = compute_tally([block(GENESIS, 4, 0, "f", ALL_KINDS[:3])], NUMBERS)
        goes = compute_tally([block(GENESIS, 4, 1, "a", ALL_KINDS)], NUMBERS)
        tables = ("participation", "failures", "presence_spans", "addresses")

        async def look() -> list[object]:
            return [await database.fetch_all(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]

        await database.write(lambda t: add_tally(t, stays))
        before = await look()
        await database.write(lambda t: add_tally(t, goes))
        assert await look() != before
        await database.write(lambda t: subtract_tally(t, goes))
        after = await look()
        # of one and the same height the bit is taken away: heights of a chain come and go once
        assert after[:2] == before[:2]
        assert after[3] == before[3]
        await ledger.close()

    asyncio.run(run())
