"""From the ledger to the node's port and back: who is asked, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from hypernode.core.types import PowHeight, Registration, Round
from hypernode.ports.registrations import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.failover_source import SAME_REASON_S, FailoverPowSource
from hypernode.sim.memory.loop import run

ENTRIES = tuple(
    Registration(c * 56, f"10.0.0.{n}", "6969", f"pos {c}", c * 56, 1) for n, c in enumerate("abc")
)


@dataclass
class Way:
    """A source of which a test says what is wrong with it."""

    name: str
    problem: str = ""
    lists_fail: bool = False
    delay_s: float = 0.0
    voided: tuple[str, ...] = ()
    colours: tuple[tuple[str, str], ...] = ()
    asked: list[str] = field(default_factory=list)

    async def get_status(self, now: float) -> PowStatus:
        self.asked.append("status")
        await asyncio.sleep(self.delay_s)
        return PowStatus(self.name, 1, now, "", self.problem)

    async def get_registered(self, round_: Round) -> RegisteredList:
        self._ask("list")
        return RegisteredList(round_, 7, ENTRIES, self.voided, self.colours)

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        self._ask("hashes")
        return [self.name for _ in heights]

    async def close(self) -> None:
        self.asked.append("close")

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.problem or self.lists_fail:
            raise PowNotReady(self.problem or f"{self.name} has no list")


class Bed:
    def __init__(self) -> None:
        self.ledger = Way("ledger", voided=("pos b",))
        self.node = Way("node")
        self.said: list[str] = []
        self.both = FailoverPowSource(
            self.ledger,
            self.node,
            log=lambda text: self.said.append(f"log {text}"),
            warn=lambda text: self.said.append(f"warn {text}"),
        )


def play(scenario: Callable[[Bed], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario(Bed())

    run(whole())


def test_while_the_ledger_is_well_the_port_is_left_alone() -> None:
    async def scenario(bed: Bed) -> None:
        assert (await bed.both.get_status(0)).source == "ledger"
        assert (await bed.both.get_registered(3)).voided == ("pos b",)
        assert await bed.both.get_block_hashes([1, 2]) == ["ledger", "ledger"]
        assert bed.node.asked == []
        assert bed.said == []

    play(scenario)


def test_a_ledger_that_fails_is_replaced_and_taken_back_each_told_once() -> None:
    async def scenario(bed: Bed) -> None:
        bed.ledger.problem = "the file is gone"
        for minute in range(5):
            status = await bed.both.get_status(60.0 * minute)
            assert (status.source, status.problem) == ("node", "")
            assert status.remarks == ("asked in place of the ledger: the file is gone",)
            assert await bed.both.get_block_hashes([1]) == ["node"]
        assert bed.ledger.asked == ["status"] * 5
        bed.ledger.problem = ""
        assert (await bed.both.get_status(300)).source == "ledger"
        assert await bed.both.get_block_hashes([1]) == ["ledger"]
        assert bed.said == [
            "warn companion: the file is gone; node is asked in its place",
            "log companion: ledger answers again",
        ]

    play(scenario)


def test_a_question_that_the_ledger_cannot_answer_goes_to_the_port() -> None:
    async def scenario(bed: Bed) -> None:
        await bed.both.get_status(0)
        bed.ledger.lists_fail = True
        assert (await bed.both.get_registered(3)).entries == ENTRIES
        assert bed.said == ["warn companion: ledger has no list; the PoW node's port is asked in its place"]

    play(scenario)


def test_a_source_that_comes_and_goes_is_logged_once_in_a_while() -> None:
    async def scenario(bed: Bed) -> None:
        bed.ledger.lists_fail = True
        for look in range(20):
            await bed.both.get_status(30.0 * look)
            await bed.both.get_registered(3)
        assert len(bed.said) == 2
        await bed.both.get_status(SAME_REASON_S)
        await bed.both.get_registered(3)
        assert len(bed.said) == 3

    play(scenario)


def test_a_ledger_that_is_locked_does_not_hold_us_up() -> None:
    async def scenario(bed: Bed) -> None:
        bed.ledger.problem = "locked"
        bed.ledger.delay_s = 15
        loop = asyncio.get_running_loop()
        await bed.both.get_status(0)
        start = loop.time()
        assert (await bed.both.get_status(30)).source == "node"
        assert loop.time() - start < 2

    play(scenario)


def test_when_neither_answers_both_reasons_are_told() -> None:
    async def scenario(bed: Bed) -> None:
        bed.ledger.problem, bed.node.problem = "no file", "no port"
        status = await bed.both.get_status(0)
        assert status.problem == "no file. And in its place: no port"
        with pytest.raises(PowNotReady, match=r"no file\. And in its place: no port"):
            await bed.both.get_registered(3)
        assert bed.said == []
        await bed.both.close()
        assert (bed.ledger.asked[-1], bed.node.asked[-1]) == ("close", "close")

    play(scenario)
