"""What the ledger is asked."""

from __future__ import annotations

import asyncio

from hypernode.core.block import to_header
from hypernode.core.types import Block
from tests.unit.storage.chains import GENESIS, block, chain, message
from tests.unit.storage.ledgers import make_ledger


def test_blocks_by_height_slot_and_round() -> None:
    async def run() -> None:
        blocks = chain(8)
        ledger = await make_ledger(*blocks)
        assert await ledger.get_block(5) == blocks[4]
        assert await ledger.get_block(9) is None
        assert await ledger.get_blocks(7, 20) == blocks[6:]
        assert await ledger.get_blocks(3, 2) == blocks[2:4]
        assert await ledger.get_blocks(9, 20) == await ledger.get_blocks(1, 0) == []
        assert await ledger.get_block_of_slot(2, 1) == to_header(blocks[4])
        assert await ledger.get_block_of_slot(2, 18) is None
        assert await ledger.get_round_blocks(2) == blocks[3:6]
        assert await ledger.get_round_blocks(4) == []

    asyncio.run(run())


def test_headers_are_newest_first_or_ascending() -> None:
    async def run() -> None:
        blocks = chain(4)
        headers = [to_header(b) for b in (GENESIS, *blocks)]
        ledger = await make_ledger(*blocks)
        assert await ledger.get_headers(None, 3) == headers[:1:-1]
        assert await ledger.get_headers(None, 99) == headers[::-1]
        assert await ledger.get_headers(2, 2) == headers[2:4]
        assert await ledger.get_headers(3, 99) == headers[3:]
        assert await ledger.get_headers(5, 1) == await ledger.get_headers(None, -1) == []

    asyncio.run(run())


def test_messages_of_an_address_are_by_height_and_then_newest_first() -> None:
    async def run() -> None:
        first = block(
            GENESIS,
            1,
            0,
            messages=[
                message("old", "me", "x", timestamp=10),
                message("none of mine", "x", "y", timestamp=10),
                message("to me", "x", "me", timestamp=11),
                message("to me too", "y", "me", timestamp=11),
            ],
        )
        second = block(first, 1, 1, messages=[message("other", "x", "y")])
        third = block(second, 1, 2, messages=[message("self", "me", "me", timestamp=9)])
        ledger = await make_ledger(first, second, third)
        old, _, to_me, to_me_too = first.messages
        expected = [to_me, to_me_too, old, *third.messages]
        assert await ledger.get_messages_of("me") == expected
        assert await ledger.get_messages_of("me", 2) == expected[3:]
        assert await ledger.get_messages_of("me", count=2) == expected[:2]
        assert await ledger.get_messages_of("me", 4) == await ledger.get_messages_of("nobody") == []
        assert await ledger.get_messages_of("me", count=0) == []

    asyncio.run(run())


def test_messages_of_a_kind_are_those_of_the_blocks_from_a_height_on() -> None:
    async def run() -> None:
        first = block(GENESIS, 1, 0, messages=[message("a", what=120), message("b", what=201)])
        second = block(first, 1, 1, messages=[message("c", what=120), message("d", what=120)])
        ledger = await make_ledger(first, second)
        assert await ledger.get_messages_of_kind(120, 0) == [first.messages[0], *second.messages]
        assert await ledger.get_messages_of_kind(120, 2) == list(second.messages)
        assert await ledger.get_messages_of_kind(203, 0) == await ledger.get_messages_of_kind(120, 3) == []

    asyncio.run(run())


def test_known_ids_are_those_in_the_chain_up_to_a_height() -> None:
    async def run() -> None:
        blocks = chain(3)
        ledger = await make_ledger(*blocks)
        ids = [m.txid for b in blocks for m in b.messages]
        twin = b"\x00" * 58 + ids[0][-6:]
        assert await ledger.get_known_ids([*ids, twin, b""]) == frozenset(ids)
        assert await ledger.get_known_ids([*ids, twin], up_to=2) == frozenset(ids[:8])
        assert await ledger.get_known_ids([]) == frozenset()

    asyncio.run(run())


def test_messages_of_an_address_are_found_also_after_a_rollback() -> None:
    """Who is in which block is kept in spans of 32 heights: their edges, and what is left of them."""

    async def run() -> None:
        present = {1, 30, 31, 32, 33, 63, 64, 70, 95, 96, 97}
        blocks: list[Block] = []
        for height in range(1, 100):
            who = "me" if height in present else "you"
            sealed = [message((height, n), who if n == 2 else "s", "r") for n in range(4)]
            blocks.append(block(blocks[-1] if blocks else GENESIS, height, 0, messages=sealed))
        ledger = await make_ledger(*blocks)
        for tip in (99, 96, 95, 64, 63, 31):
            await ledger.rollback(tip)
            held = sorted(height for height in present if height <= tip)
            for first in (0, 1, 2, 31, 32, 33, 64, 65, 98):
                for count in (1, 3, 100):
                    found = await ledger.get_messages_of("me", first, count)
                    assert [m.block_height for m in found] == [h for h in held if h >= first][:count]
            rows = await ledger._database.fetch_all(
                "SELECT height FROM presence p JOIN addresses a ON a.id = p.address_id "
                "WHERE a.address = 'me' ORDER BY height"
            )
            assert [height for (height,) in rows] == held
        left = await ledger._database.fetch_all("SELECT count(*) FROM presence_spans WHERE heights = 0")
        assert left == [(0,)]

    asyncio.run(run())


def test_headers_of_some_rounds() -> None:
    async def run() -> None:
        blocks = chain(9)
        ledger = await make_ledger(*blocks)
        headers = [to_header(b) for b in blocks]
        assert await ledger.get_headers_of_rounds([3, 1, 7, 1]) == [*headers[0:3], *headers[6:9]]
        assert await ledger.get_headers_of_rounds([]) == []

    asyncio.run(run())
