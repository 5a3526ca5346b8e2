"""The companion's troubles: in the state with their reason, in the log when they begin and end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.ports.registrations import PowNotReady, PowStatus
from tests.unit.node.beds import ROUND, Bed, play

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
            self.bed.params,
            self.bed.clock,
            self.source,
            node.node_state,
            lambda text: self.said.append(f"log {text}"),
            lambda text: self.said.append(f"warn {text}"),
        )

    async def look(self, watch: CompanionWatch, times: int) -> None:
        for _ in range(times):
            await watch.check(())
            await asyncio.sleep(LOOK_S)


def test_a_trouble_is_told_once_a_minute_and_when_it_is_over() -> None:
    async def scenario() -> None:
        ports = Scripted()
        watch = await ports.open()
        await ports.look(watch, 3)
        assert ports.said == []
        ports.source.is_down = True
        await ports.look(watch, 10)
        assert ports.said[0].startswith("warn companion: the scripted companion is down")
        assert len(ports.said) == 5
        assert watch.node_state.pow_status is not None
        assert watch.node_state.pow_status.problem
        ports.source.is_down = False
        await ports.look(watch, 5)
        assert len(ports.said) == 6
        assert ports.said[5].startswith("log companion: over after 310 s (10 times), in sync at block ")

    play(scenario())


def test_it_is_looked_at_twice_a_minute() -> None:
    async def scenario() -> None:
        ports = Scripted()
        watch = await ports.open()
        asked = 0
        get_status = ports.source.get_status

        async def count(now: float) -> PowStatus:
            nonlocal asked
            asked += 1
            return await get_status(now)

        ports.source.get_status = count  # type: ignore[method-assign]
        for _ in range(60):
            await watch.check(())
            await asyncio.sleep(1)
        assert 2 <= asked <= 3

    play(scenario())


def test_a_list_that_is_not_there_yet_is_a_trouble_until_it_is() -> None:
    async def scenario() -> None:
        ports = Scripted()
        watch = await ports.open()
        watch.node_state.plan = None
        for _ in range(5):
            watch.note(PowNotReady("too few blocks"))
            await ports.look(watch, 1)
        assert ports.said[0] == "warn companion: too few blocks"
        assert len(ports.said) == 3
        watch.enter_round()
        await ports.look(watch, 1)
        assert "over after" in ports.said[-1]

    play(scenario())


def test_remarks_are_told_once() -> None:
    async def scenario() -> None:
        ports = Scripted()
        watch = await ports.open()
        get_status = ports.source.get_status

        async def remark(now: float) -> PowStatus:
            return replace(await get_status(now), remarks=("block 7 is odd",))

        ports.source.get_status = remark  # type: ignore[method-assign]
        await ports.look(watch, 4)
        assert ports.said == ["warn companion: block 7 is odd"]

    play(scenario())


def test_a_list_that_changes_within_the_round_is_noticed() -> None:
    async def scenario() -> None:
        ports = Scripted()
        watch = await ports.open()
        await ports.look(watch, 1)
        assert not is_stale(watch)
        script = ports.source._script
        script.fork(script.params.first_pow_height + 1, drop_rows=True)
        await ports.look(watch, 1)
        assert is_stale(watch)
        watch.enter_round()
        assert watch.node_state.plan is not None
        assert watch.node_state.plan.round == ROUND

    play(scenario())
