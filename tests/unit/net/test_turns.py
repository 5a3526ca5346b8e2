"""Turns: whose question is next, on virtual time."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import dataclass

import pytest

from hypernode.core.errors import Ignore
from hypernode.net.turns import BURST_S, Turns
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.loop import run

SHARE = 0.25


@dataclass(eq=False)
class Asker:
    is_gone: bool = False


class Desk:
    """Turns, and what happened in which order."""

    def __init__(self, at_once: int = 2, share: float = SHARE, *, may_overdraw: bool = False) -> None:
        self.clock = SimClock(asyncio.get_running_loop(), 1_700_000_000.0)
        self.turns = Turns(self.clock, at_once, share, may_overdraw=may_overdraw)
        self.served: list[str] = []
        self.start = self.clock.monotonic()

    async def ask(
        self,
        key: str,
        cost: float,
        *,
        asker: Asker | None = None,
        wait_s: float = 85.0,
        is_kept: bool = False,
        takes_s: float = 0.0,
    ) -> float:
        """One question; the seconds at which its turn came."""
        await self.turns.take(key, asker or Asker(), wait_s=wait_s, is_kept=is_kept)
        came = self.clock.monotonic() - self.start
        self.served.append(key)
        try:
            await asyncio.sleep(takes_s)
        finally:
            self.turns.give_back(key, cost)
        return came

    async def spend_savings(self, key: str = "spender") -> None:
        """What nobody used is gone, and a second of the share more."""
        await self.ask(key, (BURST_S + 1) * SHARE)
        self.served.clear()


def test_an_asker_that_is_alone_does_not_wait() -> None:
    async def scenario() -> None:
        desk = Desk()
        assert [await desk.ask("a", 0.01) for _ in range(5)] == [0.0] * 5

    run(scenario())


def test_no_turn_begins_while_the_share_is_overdrawn() -> None:
    async def scenario() -> None:
        desk = Desk()
        await desk.spend_savings()
        assert await desk.ask("a", 0.0) == pytest.approx(1.0, abs=0.01)

    run(scenario())


def test_all_together_cost_no_more_than_their_share() -> None:
    async def scenario() -> None:
        desk = Desk()
        await desk.spend_savings()
        came = await asyncio.gather(*(desk.ask(f"{n % 7}", 0.1) for n in range(100)))
        # 100 questions of 0.1 s at a quarter of a processor
        assert max(came) == pytest.approx(1 + 99 * 0.1 / SHARE, rel=0.02)

    run(
        scenario(),
    )


def test_who_has_had_least_is_next_however_much_others_ask() -> None:
    async def scenario() -> None:
        desk = Desk(at_once=1)
        await desk.spend_savings()
        greedy = [asyncio.create_task(desk.ask("greedy", 0.5)) for _ in range(20)]
        await asyncio.sleep(5.0)
        modest = asyncio.create_task(desk.ask("modest", 0.001))
        await modest
        assert desk.served.index("modest") <= desk.served.count("greedy") <= 4
        assert desk.served[-1] == "modest"
        for task in greedy:
            task.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)

    run(scenario())


def test_equals_take_turns() -> None:
    async def scenario() -> None:
        desk = Desk(at_once=1)
        await desk.spend_savings()
        await asyncio.gather(*(desk.ask(key, 0.1) for key in ("a", "a", "a", "b", "b", "c")))
        assert desk.served == ["a", "b", "c", "a", "b", "a"]

    run(scenario())


def test_a_key_has_one_turn_at_a_time_and_all_have_no_more_than_there_are() -> None:
    async def scenario() -> None:
        desk = Desk(at_once=2)
        asked = [asyncio.create_task(desk.ask(key, 0.0, takes_s=10.0)) for key in ("a", "a", "b", "c")]
        await asyncio.sleep(1.0)
        assert desk.served == ["a", "b"]
        assert await asyncio.gather(*asked) == [0.0, 10.0, 0.0, 10.0]

    run(scenario())


def test_who_has_gone_is_dropped_when_its_turn_comes() -> None:
    async def scenario() -> None:
        desk, asker = Desk(), Asker()
        await desk.spend_savings()
        question = asyncio.create_task(desk.ask("a", 0.5, asker=asker))
        await asyncio.sleep(0.1)
        asker.is_gone = True
        other = await desk.ask("b", 0.5)
        assert other == pytest.approx(1.0, abs=0.01)
        with pytest.raises(TransportClosed):
            await question
        assert desk.served == ["b"]

    run(scenario())


def test_who_gave_its_place_away_waits_no_longer() -> None:
    async def scenario() -> None:
        desk, asker = Desk(), Asker()
        await desk.spend_savings()
        question = asyncio.create_task(desk.ask("a", 0.5, asker=asker))
        await asyncio.sleep(0.1)
        desk.turns.drop(asker)
        with pytest.raises(TransportClosed):
            await question
        assert desk.turns.count_waiting == 0

    run(scenario())


def test_a_stranger_that_waited_as_long_as_it_may_is_told_busy() -> None:
    async def scenario() -> None:
        desk = Desk()
        await desk.ask("spender", 100.0)
        with pytest.raises(Ignore, match="busy"):
            await desk.ask("a", 0.1, wait_s=50.0)
        assert desk.clock.monotonic() - desk.start == pytest.approx(50.0, abs=0.01)

    run(scenario())


def test_who_does_not_count_is_next_when_there_is_time() -> None:
    async def scenario() -> None:
        desk = Desk(at_once=1)
        await desk.spend_savings()
        await desk.ask("a", 20 * SHARE)
        desk.served.clear()
        kept = asyncio.create_task(desk.ask("a", 0.0, wait_s=10.0, is_kept=True))
        await asyncio.sleep(15.0)
        others = [asyncio.create_task(desk.ask(f"{n}", 0.1)) for n in range(3)]
        # the second of the share that was spent before, and the twenty of its own question
        assert await kept == pytest.approx(21.0, abs=0.01)
        assert desk.served[0] == "a"
        await asyncio.gather(*others)

    run(scenario())


def test_a_hypernode_that_waited_longest_is_served_whatever_was_spent() -> None:
    async def scenario() -> None:
        desk = Desk(may_overdraw=True)
        await desk.ask("spender", 100.0)
        assert await desk.ask("a", 0.1, wait_s=50.0, is_kept=True) == pytest.approx(50.0, abs=0.01)

    run(scenario())


def test_an_asker_that_is_cancelled_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        desk = Desk(at_once=1)
        first = asyncio.create_task(desk.ask("a", 0.0, takes_s=5.0))
        second = asyncio.create_task(desk.ask("b", 0.0, takes_s=5.0))
        await asyncio.sleep(1.0)
        for task in (second, first):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert (desk.turns.count_waiting, desk.turns.count_at_work) == (0, 0)
        assert await desk.ask("c", 0.0) == pytest.approx(1.0, abs=0.01)

    run(scenario())


def test_a_turn_that_came_to_who_is_cancelled_goes_to_the_next() -> None:
    async def scenario() -> None:
        desk = Desk(at_once=1)
        await desk.turns.take("a", Asker(), wait_s=85.0, is_kept=False)
        second = asyncio.create_task(desk.ask("b", 0.0))
        await asyncio.sleep(0.1)
        # granted, and cancelled before it could run
        desk.turns.give_back("a", 0.0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert desk.turns.count_at_work == 0

    run(scenario())


def test_waiting_for_a_turn_that_takes_long_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = Turns._go_on

    def count(turns: Turns) -> None:
        nonlocal looks
        looks += 1
        look(turns)

    monkeypatch.setattr(Turns, "_go_on", count)

    async def scenario() -> None:
        desk = Desk(at_once=2)
        asked = [desk.ask("a", 0.0, takes_s=60.0) for _ in range(2)]
        assert await asyncio.gather(*asked) == [0.0, 60.0]

    run(scenario())
    assert looks < 10


@pytest.mark.parametrize("how", ["dropped", "refused"])
def test_who_is_not_served_leaves_nothing_that_has_to_be_collected(how: str) -> None:
    class Large:
        """What its question carried."""

    held: list[weakref.ref[Large]] = []

    async def scenario() -> None:
        desk, asker = Desk(), Asker()
        await desk.ask("spender", 1_000.0)

        async def ask() -> str:
            large = Large()
            held.append(weakref.ref(large))
            try:
                await desk.ask("a", 0.1, asker=asker, wait_s=5.0)
            except (TransportClosed, Ignore):
                return "not served"
            return repr(large)

        asked = asyncio.create_task(ask())
        await asyncio.sleep(1.0)
        if how == "dropped":
            desk.turns.drop(asker)
        assert await asked == "not served"
        assert held[0]() is None

    gc.disable()
    try:
        run(scenario())
    finally:
        gc.enable()


class CreepingClock(SimClock):
    """Time goes on between two looks at it, as it does outside of simulations."""

    step_s = 0.0
    crept_s = 0.0

    def monotonic(self) -> float:
        self.crept_s += self.step_s
        return super().monotonic() + self.crept_s


def test_a_share_back_between_two_looks_leaves_nobody_waiting() -> None:
    """It had no time for the one that asked, and had some again when the timer was to be set: none was, and
    who asked waited until it was due."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        for debt in range(1, 12):  # in steps of the clock: it is paid between any two looks
            clock = CreepingClock(loop, 1_700_000_000.0)
            turns = Turns(clock, 1, SHARE)
            await turns.take("a", Asker(), wait_s=85.0, is_kept=True)
            turns.give_back("a", BURST_S * SHARE)
            clock.step_s = 1e-5
            turns._bucket.take((debt + 0.5) * clock.step_s * SHARE, clock.monotonic())
            begun = loop.time()
            await turns.take("a", Asker(), wait_s=85.0, is_kept=True)
            assert loop.time() - begun < 1.0, debt

    run(scenario())
