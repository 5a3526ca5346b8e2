"""Stages that run ahead: order, how far, errors, and what happens when nobody takes any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.node.chain.block_validation import split_blocks
from hypernode.node.sync.pipeline import run_ahead
from tests.unit.node.beds import play
from tests.unit.storage.chains import chain


class Source:
    """Numbers from 0 on, each after a second; notes how far it is and whether it was closed."""

    def __init__(self, end: int = 1000, problem: Exception | None = None) -> None:
        self.made = 0
        self.is_closed = False
        self._end = end
        self._problem = problem

    async def run(self) -> AsyncGenerator[int, None]:
        try:
            while self.made < self._end:
                await asyncio.sleep(1)
                self.made += 1
                yield self.made - 1
            if self._problem is not None:
                raise self._problem
        finally:
            self.is_closed = True


def test_items_come_in_order_while_the_next_are_made() -> None:
    async def scenario() -> None:
        loop, source = asyncio.get_running_loop(), Source(end=5)
        start = loop.time()
        taken = []
        async with aclosing(run_ahead(source.run())) as items:
            async for item in items:
                await asyncio.sleep(1)
                taken.append(item)
        assert taken == [0, 1, 2, 3, 4]
        # a second each to make and to use, at the same time: not ten
        assert loop.time() - start == 6
        assert source.is_closed

    play(scenario())


def test_a_stage_is_no_further_ahead_than_it_may_be() -> None:
    async def scenario() -> None:
        source = Source()
        async with aclosing(run_ahead(source.run(), ahead=2)) as items:
            assert await anext(items) == 0
            await asyncio.sleep(100)
            # one taken, two that wait, one that has no room
            assert source.made == 4

    play(scenario())


def test_an_error_comes_after_what_came_before_it() -> None:
    async def scenario() -> None:
        source = Source(end=3, problem=Reject(Rule.B1, "no more"))
        async with aclosing(run_ahead(source.run(), ahead=5)) as items:
            await asyncio.sleep(100)
            assert [await anext(items) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(Reject, match="no more"):
                await anext(items)

    play(scenario())


@pytest.mark.parametrize("wait_s", [0.0, 0.5, 100.0])
def test_who_takes_no_more_ends_all_stages(wait_s: float) -> None:
    async def scenario() -> None:
        source = Source()

        async def double(numbers: AsyncGenerator[int, None]) -> AsyncGenerator[int, None]:
            async for number in numbers:
                await asyncio.sleep(1)
                yield 2 * number

        first = run_ahead(source.run())
        async with aclosing(first), aclosing(run_ahead(double(first))) as items:
            assert [await anext(items), await anext(items)] == [0, 2]
            await asyncio.sleep(wait_s)
        assert source.is_closed
        assert [task.get_name() for task in asyncio.all_tasks()] == [asyncio.current_task().get_name()]  # type: ignore[union-attr]

    play(scenario())


def test_blocks_are_split_where_their_messages_reach_the_most() -> None:
    blocks = chain(7)
    assert [len(block.messages) for block in blocks] == [4] * 7
    assert [len(part) for part in split_blocks(blocks, 12)] == [3, 3, 1]
    assert [len(part) for part in split_blocks(blocks, 1)] == [1] * 7
    assert [len(part) for part in split_blocks(blocks, 1000)] == [7]
    assert [block for part in split_blocks(blocks, 12) for block in part] == blocks
    assert list(split_blocks([], 12)) == []
