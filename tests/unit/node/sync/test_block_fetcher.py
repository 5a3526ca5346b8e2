"""Fetching a branch: who is late with what everybody waits for, to the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from hypernode.core.errors import Reject
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Rule
from hypernode.core.types import Block
from hypernode.machine.peers import PeerView
from hypernode.net.stream import UnparsedAnswer
from hypernode.node.sync.answer_checks import MAX_CHECKS
from hypernode.node.sync.answer_times import FIRST_PATIENCE_S
from hypernode.node.sync.batches import Span
from hypernode.node.sync.block_fetcher import BlockFetcher
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.clock import SimClock
from hypernode.wire.catalogue import LIMITS, CommandId
from hypernode.wire.codec import Command
from tests.property.holders import HOLDERS, make_blocks
from tests.unit.node.beds import play

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
    fetcher = BlockFetcher(
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


# --- answers that are checked while the next are asked for ------------------------------------------------

LONG = Span(1, 12)


class Deferring:
    """A session that gives bytes, three blocks an answer after a second; ``asked`` notes when and for
    what."""

    features = 1

    def __init__(self, name: str, asked: list[tuple[str, int, float]]) -> None:
        self._name, self._asked = name, asked
        self.close_reason: str | None = None

    @property
    def is_closed(self) -> bool:
        return self.close_reason is not None

    def close(self, reason: str) -> None:
        self.close_reason = reason

    async def request_unparsed(self, command: Command, timeout_s: float) -> UnparsedAnswer:
        first = command.int32 or 0
        self._asked.append((self._name, first, asyncio.get_running_loop().time()))
        await asyncio.sleep(1.0)
        return UnparsedAnswer(CommandId.BLOCKSYNC, b"%s %d" % (self._name.encode(), first), 0)


@dataclass
class Checked:
    """A fetcher whose answers are checked for ``check_s``; what of ``liars`` is refused."""

    check_s: float
    liars: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    shifted: frozenset[str] = frozenset()
    asked: list[tuple[str, int, float]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    at_work: int = 0
    most_at_work: int = 0

    async def check(self, answer: UnparsedAnswer) -> tuple[Block, ...]:
        name, first = answer.payload.decode().split()
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await asyncio.sleep(self.check_s)
        finally:
            self.at_work -= 1
        if name in self.liars:
            raise Reject(Rule.WIRE, "no valid payload")
        if name in self.missing:
            return ()
        start = int(first) + (name in self.shifted)
        return make_blocks(Span(start, start + 2), 3)

    def make(self, *holders: PeerView) -> BlockFetcher:
        @asynccontextmanager
        async def borrow(address: str) -> AsyncIterator[Any]:
            [name] = [holder.name for holder in holders if holder.address == address]
            yield Deferring(name, self.asked)

        async def on_failure(holder: PeerView, failure: Exception) -> None:
            self.failed.append((holder.name, str(failure)))

        return BlockFetcher(
            holders,
            LONG,
            3,
            borrow=borrow,
            clock=SimClock(asyncio.get_running_loop(), 0.0),
            giant_blocks=GiantBlocks(mainnet(), LIMITS),
            on_failure=on_failure,
            check=self.check,
        )

    async def run(self, *holders: PeerView) -> tuple[list[int], float]:
        """What was given, in how many seconds."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with self.make(*holders) as fetcher:
            given = [block.height async for part in fetcher.parts() for block in part]
        assert self.at_work == 0
        return given, loop.time() - begun


def test_at_most_two_answers_are_checked_while_the_next_is_asked_for() -> None:
    async def scenario() -> None:
        checked = Checked(check_s=10.0)
        given, took = await checked.run(HOLDERS[0])
        assert given == list(range(1, 13))
        # asked at once, at 1 and, as two are being checked at 2, when the first of these is over
        assert [(first, at) for _, first, at in checked.asked] == [(1, 0.0), (4, 1.0), (7, 11.0), (10, 12.0)]
        assert took == pytest.approx(23.0)
        assert checked.most_at_work == MAX_CHECKS
        assert checked.failed == []

    play(scenario())


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("liars", "no valid payload"),
        ("missing", "promise not kept: no block 1"),
        ("shifted", "blocks from 1 on are not in a row"),
    ],
)
def test_who_gave_what_is_none_is_left_out_once_and_others_give_it(kind: str, reason: str) -> None:
    async def scenario() -> None:
        bad, good = HOLDERS[:2]
        checked = Checked(check_s=3.0)
        setattr(checked, kind, frozenset({bad.name}))
        given, _ = await checked.run(bad, good)
        assert given == list(range(1, 13))
        assert [name for name, _ in checked.failed] == [bad.name]
        assert reason in checked.failed[0][1]
        assert all(at <= 3.0 for name, _, at in checked.asked if name == bad.name)

    play(scenario())


def test_where_all_lie_it_ends() -> None:
    async def scenario() -> None:
        names = frozenset(holder.name for holder in HOLDERS[:2])
        checked = Checked(check_s=3.0, liars=names)
        with pytest.raises(TransportClosed, match="no holder of the branch is left"):
            await checked.run(*HOLDERS[:2])
        assert {name for name, _ in checked.failed} == names
        assert len(checked.failed) == 2

    play(scenario())


def test_a_fault_of_ours_in_a_check_ends_it_and_blames_nobody() -> None:
    async def scenario() -> None:
        checked = Checked(check_s=1.0)

        async def break_down(answer: UnparsedAnswer) -> tuple[Block, ...]:
            raise RuntimeError("ours")

        checked.check = break_down  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="ours"):
            await checked.run(HOLDERS[0])
        assert checked.failed == []

    play(scenario())


def test_what_is_being_checked_of_a_rejected_giver_is_asked_of_others() -> None:
    """A block of its first answer was bad: what else it gave is not waited for."""

    async def scenario() -> None:
        checked = Checked(check_s=3.0)
        bad, good = HOLDERS[:2]
        given: list[int] = []
        async with checked.make(bad, good) as fetcher:
            async for part in fetcher.parts():
                giver = fetcher.get_giver(part[0].height)
                if giver == bad:
                    fetcher.reject(part[0].height, bad)
                else:
                    given += [block.height for block in part]
        assert given == list(range(1, 13))

    play(scenario())


def test_leaving_ends_what_is_being_checked() -> None:
    async def scenario() -> None:
        checked = Checked(check_s=1_000.0)
        async with checked.make(HOLDERS[0]):
            await asyncio.sleep(5.0)
            assert checked.at_work == MAX_CHECKS
        assert checked.at_work == 0

    play(scenario())
