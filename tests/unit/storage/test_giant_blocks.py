"""Blocks of a mixed network that are larger than any of ours: stored, measured and read in pieces."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.core.encoded_size import compute_block_size, compute_payload_size
from hypernode.core.errors import Ignore, InvariantBroken
from hypernode.core.types import Block, Message
from hypernode.storage.append import MAX_DROPPED_MESSAGES
from hypernode.storage.database import InlineDatabase
from hypernode.storage.inspection import inspect_ledger
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.storage.long_texts import LONG_CHARS, PART_CHARS, PIECE_MESSAGES
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.pieces import encode_payload_start
from tests.unit.storage.chains import GENESIS, NETWORK, block, chain, message, recount

LONG = "x" * LONG_CHARS + "y"
LONGER = "z" * (2 * PART_CHARS + 5)


def many(count: int, salt: object = 0) -> list[Message]:
    """Messages of a few senders, some of them new."""
    return [message((salt, n), sender=f"m{n % 7}", what=(200, 101, 202, 204)[n % 4]) for n in range(count)]


def giants() -> list[Block]:
    """Many messages in one block; long texts in another; the two of a plain chain below and above."""
    blocks = chain(2)
    blocks.append(block(blocks[-1], 5, 0, "g", many(2 * PIECE_MESSAGES + 3)))
    long = [
        message("first", sender="l0"),
        message("params", sender="l1", params=LONGER),
        message("same", sender="l1", params=LONGER),
        message("recipient", sender="l2", recipient=LONG, what=101),
        message("both", sender="l3", recipient=LONGER, params=LONG),
        message("last", sender="l0"),
    ]
    blocks.append(block(blocks[-1], 5, 1, "h", long))
    blocks.append(block(blocks[-1], 6, 0, "g", many(4, "above")))
    return blocks


async def open_with(blocks: list[Block]) -> tuple[SqliteLedger, InlineDatabase]:
    database = InlineDatabase()
    ledger = await open_ledger(database, NETWORK)
    await ledger.append_many(blocks)
    return ledger, database


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
