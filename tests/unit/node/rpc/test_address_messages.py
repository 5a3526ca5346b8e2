"""getaddtxs over a real ledger: which messages, in which order, and page after page (spec 2, commands)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hypernode.core.errors import Ignore
from hypernode.core.types import Block, Message
from hypernode.node.rpc.address_messages import PAGE, find_messages_of
from hypernode.node.rpc.queries import parse_address_query
from hypernode.storage.ledger import SqliteLedger
from tests.unit.storage.chains import GENESIS, block, message
from tests.unit.storage.ledgers import make_ledger

Find = Callable[[str], Awaitable[list[Message]]]


def play(blocks: list[Block], scenario: Callable[[Find], Awaitable[None]]) -> None:
    async def run() -> None:
        ledger: SqliteLedger = await make_ledger(*blocks)
        await scenario(lambda text: find_messages_of(ledger, parse_address_query(text)))

    asyncio.run(run())


def make_block(parent: Block, *times: int) -> Block:
    sealed = [message((parent.height, n), "me", "you", timestamp=time) for n, time in enumerate(times)]
    return block(parent, parent.height + 1, 0, messages=sealed)


def test_times_descend_for_an_address_alone_and_ascend_from_somewhere_on() -> None:
    first = make_block(GENESIS, 1, 2, 2, 3)
    second = make_block(first, 5, 6)

    async def scenario(find: Find) -> None:
        one, two, also_two, three = first.messages
        assert await find("me") == [three, two, also_two, one, *reversed(second.messages)]
        ascending = [*first.messages, *second.messages]
        assert await find("me,0") == await find("me,1") == ascending
        assert await find("me,2") == list(second.messages)
        for known in first.messages:
            assert await find(f"me,{known.txid.hex()}") == ascending
        with pytest.raises(Ignore, match="unknown id"):
            await find(f"me,{'ab' * 64}")

    play([first, second], scenario)


def test_paging_goes_through_a_block_of_3000_messages() -> None:
    """A page from the height of the last id on would be the same page for ever."""
    large = make_block(GENESIS, *(n // 7 for n in range(3_000)))
    after = make_block(large, 5_000)

    async def scenario(find: Find) -> None:
        held = await find("me,0")
        while True:
            page = await find(f"me,{held[-1].txid.hex()}")
            assert page[0] == held[-1]
            if len(page) == 1:
                break
            held += page[1:]
        assert held == [*large.messages, *after.messages]

    play([large, after], scenario)


def test_a_page_is_of_legacy_order_where_it_reaches_the_id() -> None:
    large = make_block(GENESIS, *range(PAGE + 1))

    async def scenario(find: Find) -> None:
        first_page = list(large.messages[:PAGE])
        assert await find(f"me,{large.messages[PAGE - 2].txid.hex()}") == first_page
        assert await find(f"me,{large.messages[PAGE - 1].txid.hex()}") == list(large.messages[PAGE - 1 :])
        # a message of others has only a height
        assert await find(f"somebody,{large.messages[PAGE].txid.hex()}") == []

    play([large], scenario)
