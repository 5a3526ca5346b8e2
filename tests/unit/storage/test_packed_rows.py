"""Packed messages are stored and counted as the same messages one by one are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.kinds import KO_ACTION, NO_TEST, OK_ACTION, START_OR_TEST_OK, START_PARAMS, TEST_KO
from hypernode.core.packed_messages import PackedMessages
from hypernode.core.types import Block, Message
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from hypernode.wire.checked_blocks import check_blocks, split_answer
from tests.unit.core.builders import get_address
from tests.unit.node.beds import play
from tests.unit.storage.chains import GENESIS, NETWORK, block, message
from tests.unit.wire.encoded_blocks import encode

KINDS = (START_OR_TEST_OK, OK_ACTION, KO_ACTION, NO_TEST, TEST_KO, 203)


def make_messages(first: int, count: int) -> list[Message]:
    """Of every kind, all of whose senders and recipients recur; some senders have two keys."""
    return [
        message(
            number,
            get_address(NETWORK, number % 5),
            get_address(NETWORK, number % 7),
            KINDS[number % len(KINDS)],
            START_PARAMS if number % 4 == 0 else f"TEST:{number % 3}",
            pubkey=bytes([number % 2]) * 64,
            received=77,
        )
        for number in range(first, first + count)
    ]


def make_chain() -> list[Block]:
    """In two rounds, with a block without messages between them."""
    chain, parent = [], GENESIS
    for number, (round_, sir, count) in enumerate(((1, 0, 12), (1, 2, 0), (2, 0, 30), (2, 1, 9))):
        parent = block(parent, round_, sir, get_address(NETWORK, number), make_messages(100 * number, count))
        chain.append(parent)
    return chain


def pack(blocks: list[Block], most: int) -> list[Block]:
    """As they come from processes, with tables of each piece."""
    payload = encode(blocks)
    return [b for piece in split_answer(payload, most) for b in check_blocks(NETWORK, piece, 77)]


async def store(path: Path, blocks: list[Block], go_back: int) -> tuple[list[str], list[Block]]:
    """All that the file has then."""
    ledger = await open_ledger(InlineDatabase(path), NETWORK)
    await ledger.append_many(blocks)
    if go_back:
        await ledger.rollback(len(blocks) - go_back)
        await ledger.append_many(blocks[-go_back:])
    read = await ledger.get_blocks(1, len(blocks))
    await ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump()), list(read)


@pytest.mark.parametrize("most", [1, 100_000])
@pytest.mark.parametrize("go_back", [0, 2])
def test_the_file_is_the_same(tmp_path: Path, most: int, go_back: int) -> None:
    async def scenario() -> None:
        chain = make_chain()
        packed = pack(chain, most)
        assert all(isinstance(b.messages, PackedMessages) for b in packed)
        assert packed == chain
        one, blocks = await store(tmp_path / "one.db", chain, go_back)
        other, same = await store(tmp_path / "other.db", packed, go_back)
        assert other == one
        assert same == blocks == chain

    play(scenario())


def test_a_branch_of_packed_blocks_keeps_what_it_holds_itself(tmp_path: Path) -> None:
    """What goes and is in no block any more is given back; what the new branch holds is not."""

    async def scenario() -> None:
        [old] = make_chain()[:1]
        again = list(old.messages[:4])
        new = block(GENESIS, 1, 1, get_address(NETWORK, 1), [replace(m, block_height=0) for m in again])
        ledger = await open_ledger(InlineDatabase(tmp_path / "ledger.db"), NETWORK)
        await ledger.append(old)
        outcome = await ledger.replace(0, pack([new], 100_000), lambda theirs, ours: True)
        assert [m.txid for m in outcome.dropped_messages] == [m.txid for m in old.messages[4:]]
        await ledger.close()

    play(scenario())
