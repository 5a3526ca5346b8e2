"""What is needed to compute a week's rewards, out of our ledger and the companion's (spec 7, weekly rewards).

Our ledger keeps the KPIs of every round from when its blocks were stored, and keeps them when blocks are
pruned; so a week is 168 small queries.  The list that counts for a round is that of the *following* round,
whose reference time is the round's start, and at that height a registration's collateral must be there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import COIN, compute_weight
from hypernode.core.rewards import RewardEntry, compute_entries
from hypernode.core.types import PowHeight, Registration, Round
from hypernode.ports.chain import Ledger
from hypernode.ports.registrations import PowNotReady, PowSource, RegisteredList


class WeekNotFinished(Exception):
    """Our chain or the companion's does not reach the end of the week yet: words that say which."""


class Balances(Protocol):
    """Of the collaterals and the pot, at past heights, in 1e-8 BIS."""

    def get(self, address: str, height: PowHeight) -> int | None: ...

    def get_pot(self, address: str, height: PowHeight) -> int: ...


ReadBalances = Callable[[Collection[str]], Balances]
"""Raises PowNotReady."""
Tell = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A registration without its weight in balance (``weight``, what the balance gives) in a round."""

    round: Round
    entry: Registration
    weight: int


@dataclass(frozen=True, slots=True)
class RewardWeek:
    """``pot`` in whole BIS at ``pow_height``, the last PoW block of the week.  ``empty`` are rounds without
    any block; ``is_settled``: our chain is so far beyond the end that no node replaces a block of the week
    any more by itself."""

    rounds: range
    pow_height: PowHeight
    pot: int
    entries: tuple[RewardEntry, ...]
    left_out: tuple[LeftOut, ...]
    empty: tuple[Round, ...]
    is_settled: bool


async def gather_week(
    params: ChainParams,
    ledger: Ledger,
    source: PowSource,
    read_balances: ReadBalances,
    rounds: range,
    tell: Tell = lambda what, done, total: None,
) -> RewardWeek:
    """Everything of the rounds.  Raises WeekNotFinished, and PowNotReady when the companion is unreadable."""
    last, tip = rounds[-1], ledger.get_height()
    if tip.round <= last:
        raise WeekNotFinished(
            f"our chain: its last block is of round {tip.round}, expected one after round {last}, the last "
            "that is asked for: wait until the node has it"
        )
    try:
        # the reference time of the round after next is the end of this one
        pow_height = (await source.get_registered(last + 2)).pow_height
    except PowNotReady as error:
        raise WeekNotFinished(f"the companion: {error}") from error
    lists = [await _get_list(source, round_, rounds, tell) for round_ in rounds]
    collaterals = {entry.collateral for listed in lists for entry in listed.entries}
    balances = read_balances(collaterals | {params.reward_pot})
    entries: list[RewardEntry] = []
    left_out: list[LeftOut] = []
    empty: list[Round] = []
    for round_, listed in zip(rounds, lists, strict=True):
        tell("adding up rounds", round_ - rounds[0] + 1, len(rounds))
        kept, lost = _split(params, round_, listed, balances)
        kpis = await ledger.get_kpis(round_, round_)
        entries += compute_entries(round_, kept, kpis)
        left_out += lost
        if not any(counted.forged for counted in kpis.values()):
            empty.append(round_)
    return RewardWeek(
        rounds=rounds,
        pow_height=pow_height,
        pot=max(0, balances.get_pot(params.reward_pot, pow_height)) // COIN,
        entries=tuple(entries),
        left_out=tuple(left_out),
        empty=tuple(empty),
        is_settled=tip.round > last + params.keep_rounds,
    )


async def _get_list(source: PowSource, round_: Round, rounds: range, tell: Tell) -> RegisteredList:
    tell("reading lists", round_ - rounds[0] + 1, len(rounds))
    return await source.get_registered(round_ + 1)


def _split(
    params: ChainParams, round_: Round, listed: RegisteredList, balances: Balances
) -> tuple[list[Registration], list[LeftOut]]:
    """The registrations that pass the final balance check, and those that do not."""
    kept: list[Registration] = []
    lost: list[LeftOut] = []
    for entry in listed.entries:
        weight = compute_weight(params, balances.get(entry.collateral, listed.pow_height))
        if weight >= entry.weight:
            kept.append(entry)
        else:
            lost.append(LeftOut(round_, entry, weight))
    return kept, lost
