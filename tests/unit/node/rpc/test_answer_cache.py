"""Answers that look at the whole node are made once a second, however often they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.net.answer import read_answer
from hypernode.net.stream import run_inline
from hypernode.node.rpc.answer_cache import LIFE_S, MAX_KEPT, SHORT_CHARS, AnswerCache
from hypernode.sim.memory.clock import SimClock
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import STRANGER, Bed, FakeCaller, ask, play

T = TypeVar("T")


class Maker:
    """Makes numbered answers, each in a while."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.snapshots = AnswerCache(SimClock(asyncio.get_running_loop(), 1_700_000_000.0), run_inline)
        self.takes_s = takes_s
        self.count = 0
        self.problem: Exception | None = None

    async def __call__(self) -> Command:
        self.count += 1
        await asyncio.sleep(self.takes_s)
        if self.problem is not None:
            raise self.problem
        return Command(CommandId.STATUS, string=str(self.count))

    async def get(self, key: object = "status") -> str | None:
        return (await read_answer(await self.snapshots.get(key, self))).string


def test_an_answer_is_served_for_a_second() -> None:
    async def scenario() -> None:
        maker = Maker()
        assert [await maker.get() for _ in range(3)] == ["1", "1", "1"]
        await asyncio.sleep(LIFE_S)
        assert await maker.get() == "2"

    play(scenario())


def test_who_asks_while_it_is_made_waits_for_that_one() -> None:
    async def scenario() -> None:
        maker = Maker(takes_s=5.0)
        assert await asyncio.gather(*(maker.get() for _ in range(50))) == ["1"] * 50

    play(scenario())


def test_one_asker_that_leaves_takes_it_from_nobody() -> None:
    async def scenario() -> None:
        maker = Maker(takes_s=5.0)
        leaver, stayer = asyncio.create_task(maker.get()), asyncio.create_task(maker.get())
        await asyncio.sleep(1.0)
        leaver.cancel()
        assert await stayer == "1"

    play(scenario())


def test_what_cannot_be_made_is_tried_again_by_the_next() -> None:
    async def scenario() -> None:
        maker = Maker()
        maker.problem = Ignore(Rule.COMPANION, "late")
        for _ in range(2):
            with pytest.raises(Ignore):
                await maker.get()
        maker.problem = None
        assert await maker.get() == "3"

    play(scenario())


def test_only_so_many_are_kept() -> None:
    async def scenario() -> None:
        maker = Maker()
        for number in range(MAX_KEPT + 1):
            await maker.get(number)
        assert await maker.get(MAX_KEPT) == str(MAX_KEPT + 1)
        assert await maker.get(0) == str(MAX_KEPT + 2)

    play(scenario())


@pytest.mark.parametrize(
    "command_id",
    [
        CommandId.STATUS,
        CommandId.GETROUND,
        CommandId.GETHEIGHTS,
        CommandId.GETCONFIG,
        CommandId.MEMPOOL,
    ],
)
def test_what_looks_at_the_whole_node_is_looked_up_once(
    command_id: CommandId,
) -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(3, 1)
        node = await bed.node()
        first = await node.serving.handle(FakeCaller(STRANGER), ask(command_id))  # type: ignore[arg-type]
        again = await node.serving.handle(FakeCaller(STRANGER), ask(command_id))  # type: ignore[arg-type]
        assert first is again

    play(scenario())


@pytest.mark.parametrize(("chars", "offloaded"), [(SHORT_CHARS, 0), (SHORT_CHARS + 1, 1)])
def test_only_long_answers_are_encoded_elsewhere(chars: int, offloaded: int) -> None:
    async def scenario() -> None:
        works: list[object] = []

        async def offload(work: Callable[[], T], /) -> T:
            works.append(work)
            return work()

        async def make() -> Command:
            return Command(CommandId.STATUS, string="x" * chars)

        cache = AnswerCache(SimClock(asyncio.get_running_loop(), 0.0), offload)
        answer = await read_answer(await cache.get("status", make))
        assert answer.string == "x" * chars
        assert len(works) == offloaded

    play(scenario())
