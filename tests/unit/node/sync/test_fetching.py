"""Fetching a branch: who is late with what everybody waits for, to the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from hypernode.core.networks import mainnet
from hypernode.machine.peers import PeerView
from hypernode.node.sync.batches import Span
from hypernode.node.sync.fetching import FIRST_PATIENCE_S, Fetcher
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.sim.memory.clock import SimClock
from hypernode.wire.catalogue import LIMITS, CommandId
from hypernode.wire.codec import Command
from tests.property.test_batches import HOLDERS, make_blocks
from tests.unit.node.worlds import play

WHOLE = Span(1, 3)
"""One batch: whoever is not asked for it has nothing to do."""
SILENT = 10_000.0


class Scripted:
    """A session that answers after ``delay_s``, whatever it is asked."""

    features = 1
    is_closed = False

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    async def request(self, command: Command, timeout_s: float) -> Command:
        await asyncio.sleep(self._delay_s)
        return Command(CommandId.BLOCKSYNC, blocks=make_blocks(WHOLE, 3))


def make_borrow(dial_s: float, delays: dict[str, float]) -> Callable[[str], AbstractAsyncContextManager[Any]]:
    @asynccontextmanager
    async def borrow(address: str) -> AsyncIterator[Scripted]:
        await asyncio.sleep(dial_s)
        yield Scripted(delays[address])

    return borrow


async def no_failure(holder: PeerView, failure: Exception) -> None:
    raise AssertionError(f"{holder.name}: {failure}")


async def fetch(dial_s: float, *delays: float) -> float:
    """From holders that take so long to be dialled, and to answer; seconds that it took."""
    loop = asyncio.get_running_loop()
    begun, holders = loop.time(), HOLDERS[: len(delays)]
    times = dict(zip((holder.address for holder in holders), delays, strict=True))
    fetcher = Fetcher(
        holders,
        WHOLE,
        20,
        borrow=make_borrow(dial_s, times),
        clock=SimClock(loop, 0.0),
        giant_blocks=GiantBlocks(mainnet(), LIMITS),
        on_failure=no_failure,
    )
    async with fetcher:
        given = [block.height async for part in fetcher.parts() for block in part]
    assert given == [1, 2, 3]
    return loop.time() - begun


@pytest.mark.parametrize("dial_s", [0.0, 0.5])
def test_the_only_batch_is_asked_of_another_when_the_first_is_silent(dial_s: float) -> None:
    async def scenario() -> None:
        assert await fetch(dial_s, SILENT, 1.0) == pytest.approx(dial_s + FIRST_PATIENCE_S + 1.0)

    play(scenario())


def test_an_answer_in_the_moment_in_which_patience_ends_is_taken() -> None:
    async def scenario() -> None:
        assert await fetch(0.0, FIRST_PATIENCE_S, SILENT) == pytest.approx(FIRST_PATIENCE_S)

    play(scenario())
