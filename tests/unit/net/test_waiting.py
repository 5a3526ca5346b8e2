"""Answers that wait to be written: within the budget of the node, and who has to go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from hypernode.core.errors import Ignore
from hypernode.net.standing import Standing
from hypernode.net.waiting import WaitingAnswers
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.loop import run
from hypernode.wire.catalogue import LIMITS, Limits

SMALL = Limits(waiting_bytes=100, write_s=90.0)


@dataclass(eq=False)
class Reader:
    is_listed: bool = False
    is_worthless: bool = False
    is_gone: bool = False
    last_active: float = 0.0
    gave_way: bool = False

    @property
    def standing(self) -> Standing:
        if self.is_worthless:
            return Standing.REGISTERED
        return Standing.COUNTED if self.is_listed else Standing.STRANGER

    def give_way(self) -> None:
        self.gave_way = True


class Room:
    """The budget and those who hold some of it."""

    def __init__(self) -> None:
        self.clock = SimClock(asyncio.get_running_loop(), 1_700_000_000.0)
        self.answers = WaitingAnswers(SMALL, self.clock)

    async def hold(self, reader: Reader, size: int, written: int = 0) -> Reader:
        """Somebody with an answer that began to go."""
        await self.answers.take(reader, size, 1.0)
        self.answers.begin(reader, size)
        self.answers.note_written(reader, written)
        reader.last_active = self.clock.monotonic()
        return reader


def test_the_budget_is_64_mib_of_all_sessions() -> None:
    assert LIMITS.waiting_bytes == 64 * 1024 * 1024


def test_the_slowest_stranger_goes_when_there_is_no_room() -> None:
    async def scenario() -> None:
        room = Room()
        slow, quick = await room.hold(Reader(), 50, 5), await room.hold(Reader(), 50, 40)
        await asyncio.sleep(2.0)
        await room.answers.take(Reader(), 50, 10.0)
        assert (slow.gave_way, quick.gave_way) == (True, False)
        assert room.answers.total == 100

    run(scenario())


def test_nobody_is_judged_before_it_could_read() -> None:
    async def scenario() -> None:
        room = Room()
        reader = await room.hold(Reader(), 90)
        taking = asyncio.create_task(room.answers.take(Reader(), 50, 10.0))
        await asyncio.sleep(0.5)
        assert not reader.gave_way
        await taking
        assert reader.gave_way

    run(scenario())


def test_an_answer_that_is_being_made_is_nobodys_slowness() -> None:
    async def scenario() -> None:
        room, making = Room(), Reader()
        await room.answers.take(making, 90, 10.0)
        with pytest.raises(Ignore, match="busy"):
            await room.answers.take(Reader(), 50, 10.0)
        assert not making.gave_way

    run(scenario())


@pytest.mark.parametrize("is_listed", [False, True])
def test_a_hypernode_goes_only_when_it_took_no_byte_for_long(is_listed: bool) -> None:
    async def scenario() -> None:
        room = Room()
        held = await room.hold(Reader(is_listed=True), 90, 1)
        await asyncio.sleep(60.0)
        held.last_active = room.clock.monotonic()
        began = room.clock.monotonic()
        await room.answers.take(Reader(is_listed=is_listed), 50, 200.0)
        assert held.gave_way
        assert room.clock.monotonic() - began == pytest.approx(90.0, abs=1.5)

    run(scenario())


def test_who_does_not_count_goes_when_it_reads_below_the_least_rate() -> None:
    async def scenario() -> None:
        room = Room()
        slow, quick = Reader(is_worthless=True), Reader(is_worthless=True)
        await room.hold(slow, 45, 1)
        await room.hold(quick, 45, 100 * SMALL.least_rate)
        await room.answers.take(Reader(is_listed=True), 50, 10.0)
        assert (slow.gave_way, quick.gave_way) == (True, False)

    run(scenario())


def test_a_hypernode_that_waited_longest_takes_the_slowest_place() -> None:
    async def scenario() -> None:
        room = Room()
        held = await room.hold(Reader(is_listed=True), 90, 1)

        async def crawl() -> None:
            while not held.gave_way:
                await asyncio.sleep(1.0)
                held.last_active = room.clock.monotonic()

        crawling = asyncio.create_task(crawl())
        began = room.clock.monotonic()
        await room.answers.take(Reader(is_listed=True), 50, 85.0)
        assert room.clock.monotonic() - began == pytest.approx(85.0, abs=1.5)
        await crawling

    run(scenario())


def test_room_that_is_given_back_goes_to_a_hypernode_before_a_stranger() -> None:
    async def scenario() -> None:
        room, order = Room(), list[str]()
        held = await room.hold(Reader(is_listed=True), 90, 1)

        async def take(name: str, *, is_listed: bool) -> None:
            await room.answers.take(Reader(is_listed=is_listed), 60, 60.0)
            order.append(name)

        stranger = asyncio.create_task(take("stranger", is_listed=False))
        await asyncio.sleep(0.1)
        peer = asyncio.create_task(take("peer", is_listed=True))
        await asyncio.sleep(0.1)
        room.answers.give_back(held)
        await peer
        assert order == ["peer"]
        stranger.cancel()
        await asyncio.gather(stranger, return_exceptions=True)

    run(scenario())


def test_who_leaves_while_it_waits_gets_nothing() -> None:
    async def scenario() -> None:
        room, leaver = Room(), Reader(is_listed=True)
        await room.hold(Reader(is_listed=True), 90, 1)
        taking = asyncio.create_task(room.answers.take(leaver, 50, 60.0))
        await asyncio.sleep(0.1)
        leaver.is_gone = True
        with pytest.raises(TransportClosed):
            await taking
        assert room.answers.total == 90

    run(scenario())


def test_an_answer_larger_than_everything_goes_alone() -> None:
    async def scenario() -> None:
        room, giant = Room(), Reader()
        await room.answers.take(giant, 1_000, 1.0)
        assert room.answers.total == 1_000
        room.answers.give_back(giant)
        room.answers.give_back(giant)
        assert room.answers.total == 0

    run(scenario())


def test_what_an_answer_has_in_truth_counts_once_it_is_made() -> None:
    async def scenario() -> None:
        room, reader = Room(), Reader()
        await room.answers.take(reader, 80, 1.0)
        room.answers.begin(reader, 30)
        assert room.answers.total == 30

    run(scenario())
