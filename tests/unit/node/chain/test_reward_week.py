"""What a week's rewards are computed from: lists, balances, KPIs, and whether the week is over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from hypernode.core.registrations.registry import COIN
from hypernode.node.chain.reward_week import WeekNotFinished, gather_week
from hypernode.ports.registrations import PowNotReady, RegisteredList
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.storage.ledger import SqliteLedger
from tests.unit.node.beds import Bed, play
from tests.unit.node.chain.checks import make_ledger

SLOTS = ((3, 0), (4, 0), (6, 0), (9, 0))


class Purse:
    """Balances: of some nothing, of the others enough; asked for once."""

    def __init__(self, poor: Collection[str], pot: int) -> None:
        self._poor, self._pot = poor, pot
        self.asked: list[Collection[str]] = []

    def read(self, addresses: Collection[str]) -> Purse:
        self.asked.append(addresses)
        return self

    def get(self, address: str, height: int) -> int | None:
        return None if address in self._poor else 100_000 * COIN

    def get_pot(self, address: str, height: int) -> int:
        return self._pot


class Late(FixedPowSource):
    """Has the lists up to a round."""

    def __init__(self, bed: Bed, last: int) -> None:
        super().__init__(bed.params)
        self._last = last

    async def get_registered(self, round_: int) -> RegisteredList:
        if round_ > self._last:
            raise PowNotReady(f"round {round_} is not confirmed yet")
        return await super().get_registered(round_)


async def make(bed: Bed) -> SqliteLedger:
    ledger, _ = await make_ledger(bed, SLOTS)
    return ledger


def test_entries_are_of_those_with_kpis_and_their_collateral() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, poor = await make(bed), bed.address(0)
        purse = Purse({poor}, 7 * COIN + 5)
        heard: list[tuple[str, int, int]] = []
        week = await gather_week(
            bed.params,
            ledger,
            FixedPowSource(bed.params),
            purse.read,
            range(3, 7),
            lambda *reported: heard.append(reported),
        )
        assert (week.rounds, week.pot, week.empty) == (range(3, 7), 7, (5,))
        assert {entry.round for entry in week.entries} == {3, 4, 6}
        assert poor not in {entry.address for entry in week.entries}
        assert [(one.round, one.entry.pos, one.weight) for one in week.left_out] == [
            (r, poor, -1) for r in range(3, 7)
        ]
        assert len(purse.asked) == 1
        assert bed.params.reward_pot in purse.asked[0]
        assert heard[-1] == ("adding up rounds", 4, 4)

    play(scenario())


@pytest.mark.parametrize(("last", "is_settled"), [(6, True), (7, False), (8, False)])
def test_a_week_is_settled_when_no_block_of_it_is_replaced_any_more(last: int, is_settled: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        assert bed.params.keep_rounds == 2
        week = await gather_week(
            bed.params, await make(bed), FixedPowSource(bed.params), Purse((), -5).read, range(3, last + 1)
        )
        assert week.is_settled is is_settled
        assert week.pot == 0, "a pot below 0 pays nothing"

    play(scenario())


def test_a_week_that_is_not_over_is_said_by_whom() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, purse = await make(bed), Purse((), 0)
        with pytest.raises(WeekNotFinished, match="our chain: its last block is of round 9"):
            await gather_week(bed.params, ledger, FixedPowSource(bed.params), purse.read, range(3, 10))
        with pytest.raises(WeekNotFinished, match="the companion: round 10 is not confirmed"):
            await gather_week(bed.params, ledger, Late(bed, 9), purse.read, range(3, 9))
        await gather_week(bed.params, ledger, Late(bed, 10), purse.read, range(3, 9))

    play(scenario())


def test_a_registration_whose_balance_just_gives_its_weight_stays() -> None:
    async def scenario() -> None:
        bed = Bed()
        heavy = replace(bed.params, hypernodes=tuple(replace(h, weight=2) for h in bed.params.hypernodes))
        for balance, is_kept in ((20_000 * COIN, True), (20_000 * COIN - 1, False)):
            purse = Purse((), 0)
            purse.get = lambda address, height, balance=balance: balance  # type: ignore[method-assign,misc]
            week = await gather_week(heavy, await make(bed), FixedPowSource(heavy), purse.read, range(3, 5))
            assert bool(week.entries) is is_kept
            assert bool(week.left_out) is not is_kept

    play(scenario())
