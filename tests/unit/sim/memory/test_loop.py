"""The virtual-time loop: waiting costs nothing, asyncio's tools work, and runs replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.sim.memory.loop import MAX_TURNS, Deadlock, Spinning, Stuck, run


def get_time() -> float:
    return asyncio.get_running_loop().time()


def test_sleeping_for_a_day_takes_no_time() -> None:
    async def sleep() -> float:
        await asyncio.sleep(86_400.5)
        return get_time()

    started = time.monotonic()
    assert run(sleep(), start=100.0) == pytest.approx(86_500.5)
    assert time.monotonic() - started < 5


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def collect() -> list[int]:
        fired: list[int] = []

        async def wait(seconds: int) -> None:
            await asyncio.sleep(seconds)
            fired.append(seconds)

        async with asyncio.TaskGroup() as group:
            for seconds in (3, 1, 2):
                group.create_task(wait(seconds))
        return fired

    assert run(collect()) == [1, 2, 3]


def test_time_outs_end_on_virtual_time() -> None:
    async def wait() -> tuple[float, float]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        first = get_time()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 7)
        return first, get_time()

    assert run(wait()) == pytest.approx((5.0, 12.0))


def test_locks_and_queues_work() -> None:
    async def work() -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        lock = asyncio.Lock()

        async def produce() -> None:
            for number in range(3):
                async with lock:
                    await asyncio.sleep(1)
                    await queue.put(number)

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            return [await queue.get() for _ in range(3)]

    assert run(work()) == [0, 1, 2]


def test_waiting_for_nothing_is_a_deadlock_that_names_who_waits() -> None:
    async def wait() -> None:
        asyncio.current_task().set_name("the patient one")  # type: ignore[union-attr]
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="the patient one"):
        run(wait())


def test_threads_are_refused() -> None:
    async def use_thread() -> None:
        await asyncio.to_thread(int)

    with pytest.raises(RuntimeError, match="no threads"):
        run(use_thread())


def test_late_start_of_time_does_not_stop_it() -> None:
    async def sleep() -> float:
        for seconds in (1e-9, 1e-4, 0.1):
            await asyncio.sleep(seconds)
        return get_time()

    assert run(sleep(), start=1e12) == pytest.approx(1e12 + 0.1001, abs=1e-3, rel=0)


def test_a_failed_task_cancels_its_siblings_in_a_fixed_order() -> None:
    async def fail() -> list[int]:
        cancelled: list[int] = []

        async def wait(number: int) -> None:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        async def break_down() -> None:
            await asyncio.sleep(1)
            raise ValueError

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    group.create_task(wait(number))
                group.create_task(break_down())

        with pytest.raises(ExceptionGroup):
            await work()
        return cancelled

    assert run(fail()) == run(fail())


def test_clock_shows_virtual_time_with_its_skew_and_steps() -> None:
    async def read() -> tuple[float, float, float]:
        clock = SimClock(asyncio.get_running_loop(), wall_start=1000.0, skew_s=0.5)
        await asyncio.sleep(2)
        before = clock.now()
        clock.step(-10)
        return before, clock.now(), clock.monotonic()

    assert run(read()) == pytest.approx((1002.5, 992.5, 2.0))


def test_entropy_replays_and_differs_by_name() -> None:
    def draw(seed: int, name: str) -> tuple[bytes, list[int]]:
        entropy = SeededEntropy(seed, name)
        return entropy.token(16), [entropy.below(10) for _ in range(20)]

    assert draw(1, "a") == draw(1, "a")
    assert draw(1, "a") != draw(1, "b")
    assert draw(1, "a") != draw(2, "a")
    token, numbers = draw(3, "c")
    assert len(token) == 16
    assert set(numbers) <= set(range(10))
    assert SeededEntropy(1, "a").token(0) == b""


def test_entropy_has_nothing_below_nothing() -> None:
    assert SeededEntropy(1, "a").below(1) == 0
    with pytest.raises(ValueError, match="below 0"):
        SeededEntropy(1, "a").below(0)


async def spin() -> None:
    asyncio.current_task().set_name("the busy one")  # type: ignore[union-attr]
    while True:
        await asyncio.sleep(0)


def test_going_on_without_time_passing_is_refused_and_names_who_does() -> None:
    async def work() -> None:
        idle = asyncio.create_task(asyncio.sleep(100), name="the idle one")
        await asyncio.gather(spin(), idle)

    with pytest.raises(Spinning, match=r"at 3\.000 s .* these go on: the busy one$"):
        run(work(), start=3.0)


def test_steps_too_small_to_be_time_are_none() -> None:
    async def crawl() -> None:
        while True:
            await asyncio.sleep(1e-12)

    with pytest.raises(Spinning):
        run(crawl())


def test_many_turns_are_no_matter_while_time_passes() -> None:
    async def work() -> None:
        for _ in range(3):
            for _ in range(MAX_TURNS // 2):
                await asyncio.sleep(0)
            await asyncio.sleep(1)

    run(work())


@pytest.mark.parametrize("get_stuck", [spin, lambda: asyncio.Event().wait()], ids=["spinning", "deadlock"])
def test_whoever_asks_sees_a_stuck_loop_as_it_is(get_stuck: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Before its tasks are cancelled."""
    ended: list[str] = []

    async def work() -> str:
        await asyncio.sleep(2)
        try:
            await get_stuck()
        finally:
            ended.append("cancelled")
        return "never"

    def look(problem: Stuck) -> str:
        assert ended == []
        return str(problem)

    assert run(work(), on_stuck=look).startswith("at 2.000 s ")
    assert ended == ["cancelled"]
