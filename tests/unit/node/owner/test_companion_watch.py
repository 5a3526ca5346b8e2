"""The companion's troubles: in the state with their reason, in the log when they begin and end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.ports.registrations import PowNotReady, PowStatus
from tests.unit.node.worlds import ROUND, Bed, play

LOOK_S = 31.0
"""A little more than a sixth of a slot."""


def is_stale(watch: CompanionWatch) -> bool:
    return watch.is_list_stale


class Scripted:
    """A bed with a scripted companion, and a watch that looks at it."""

    def __init__(self) -> None:
        self.bed = Bed(pow_synced_s=900)
        self.source = self.bed.scripted_pow()
        self.said: list[str] = []

    async def open(self) -> CompanionWatch:
        node = await self.bed.node(pow_source=self.source)
        return CompanionWatch(
            self.bed.network,
            node.world,
            node.present,
            lambda text: self.said.append(f"log {text}"),
            lambda text: self.said.append(f"warn {text}"),
        )

    async def look(self, watch: CompanionWatch, times: int) -> None:
        for _ in range(times):
            await watch.check(())
            await asyncio.sleep(LOOK_S)


def test_a_trouble_is_told_once_a_minute_and_when_it_is_over() -> None:
    async def scenario() -> None:
        world = Scripted()
        watch = await world.open()
        await world.look(watch, 3)
        assert world.said == []
        world.source.is_down = True
        await world.look(watch, 10)
        assert world.said[0].startswith("warn companion: the scripted companion is down")
        assert len(world.said) == 5
        assert watch.present.pow_status is not None
        assert watch.present.pow_status.problem
        world.source.is_down = False
        await world.look(watch, 5)
        assert len(world.said) == 6
        assert world.said[5].startswith("log companion: over after 310 s (10 times), in sync at block ")

    play(scenario())


def test_it_is_looked_at_twice_a_minute() -> None:
    async def scenario() -> None:
        world = Scripted()
        watch = await world.open()
        asked = 0
        get_status = world.source.get_status

        async def count(now: float) -> PowStatus:
            nonlocal asked
            asked += 1
            return await get_status(now)

        world.source.get_status = count  # type: ignore[method-assign]
        for _ in range(60):
            await watch.check(())
            await asyncio.sleep(1)
        assert 2 <= asked <= 3

    play(scenario())


def test_a_list_that_is_not_there_yet_is_a_trouble_until_it_is() -> None:
    async def scenario() -> None:
        world = Scripted()
        watch = await world.open()
        watch.present.plan = None
        for _ in range(5):
            watch.note(PowNotReady("too few blocks"))
            await world.look(watch, 1)
        assert world.said[0] == "warn companion: too few blocks"
        assert len(world.said) == 3
        watch.enter_round()
        await world.look(watch, 1)
        assert "over after" in world.said[-1]

    play(scenario())


def test_remarks_are_told_once() -> None:
    async def scenario() -> None:
        world = Scripted()
        watch = await world.open()
        get_status = world.source.get_status

        async def remark(now: float) -> PowStatus:
            return replace(await get_status(now), remarks=("block 7 is odd",))

        world.source.get_status = remark  # type: ignore[method-assign]
        await world.look(watch, 4)
        assert world.said == ["warn companion: block 7 is odd"]

    play(scenario())


def test_a_list_that_changes_within_the_round_is_noticed() -> None:
    async def scenario() -> None:
        world = Scripted()
        watch = await world.open()
        await world.look(watch, 1)
        assert not is_stale(watch)
        script = world.source._script
        script.fork(script.network.first_pow_height + 1, drop_rows=True)
        await world.look(watch, 1)
        assert is_stale(watch)
        watch.enter_round()
        assert watch.present.plan is not None
        assert watch.present.plan.round == ROUND

    play(scenario())
