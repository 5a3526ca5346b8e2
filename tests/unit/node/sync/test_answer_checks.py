"""Checks that are under way: so many of a holder, and gone with it."""

from __future__ import annotations

import asyncio

from hypernode.node.sync.answer_checks import MAX_CHECKS, AnswerChecks
from hypernode.node.sync.batches import Span
from tests.unit.machine.samples import make_height, make_peer

ONE, TWO = make_peer(1, make_height()), make_peer(2, make_height())


def test_a_holder_is_full_at_its_limit_and_has_room_when_one_is_over() -> None:
    async def run() -> None:
        checks, go_on = AnswerChecks(), asyncio.Event()

        async def work() -> None:
            await go_on.wait()
            checks.end(ONE.address)

        assert not checks
        for number in range(MAX_CHECKS):
            assert not checks.are_full(ONE.address)
            checks.start(ONE, Span(number, number), work())
        assert checks
        assert checks.are_full(ONE.address)
        assert not checks.are_full(TWO.address)
        tasks = checks.list_tasks()
        assert len(tasks) == MAX_CHECKS
        go_on.set()
        await asyncio.gather(*tasks)
        assert not checks
        assert checks.list_tasks() == []

    asyncio.run(run())


def test_dropped_checks_are_cancelled_and_their_spans_told() -> None:
    async def run() -> None:
        checks = AnswerChecks()

        async def work() -> None:
            await asyncio.sleep(60)

        checks.start(ONE, Span(1, 5), work())
        checks.start(ONE, Span(6, 9), work())
        checks.start(TWO, Span(10, 11), work())
        tasks = checks.list_tasks()
        assert checks.drop(ONE.address) == [Span(1, 5), Span(6, 9)]
        assert checks.drop(ONE.address) == []
        await asyncio.sleep(0)
        assert [task.cancelled() for task in tasks] == [True, True, False]
        checks.drop(TWO.address)
        await asyncio.wait(tasks)

    asyncio.run(run())
