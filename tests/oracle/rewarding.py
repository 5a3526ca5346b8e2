"""Spec 7 (weekly rewards), by going through all entries for each hypernode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle.counting import count_kpis, score
from tests.oracle.parameters import Parameters
from tests.oracle.timing import place

WEEK_S = 604_800
END_OF_WEEK_2 = 1_536_998_400
ROUNDS = 168


@dataclass(frozen=True)
class Entry:
    """A hypernode in a round."""

    round: int
    address: str
    weight: int
    kpis: Mapping[str, int]
    score: float
    reward_address: str


def end_week(week: int) -> int:
    """Saturday, 08:00 UTC."""
    return END_OF_WEEK_2 + (week - 2) * WEEK_S


def list_rounds(p: Parameters, week: int) -> list[int]:
    last = place(p, end_week(week))[0] - 1
    return list(range(last - ROUNDS + 1, last + 1))


def list_entries(
    round_: int, blocks: Sequence[Any], following: Sequence[Any], weights: Sequence[int]
) -> list[Entry]:
    """Of a round, by its blocks, the registered of the *following* round and their balances' weights then."""
    kpis = count_kpis([b for b in blocks if b.round == round_])
    return [
        Entry(round_, one.pos, one.weight, kpis[one.pos], score(kpis[one.pos], one.weight), one.reward)
        for one, weight in zip(following, weights, strict=True)
        if weight >= one.weight and one.pos in kpis
    ]


def share(pot: int, weight: int, total: int) -> Fraction:
    return Fraction(pot * weight, total) if total else Fraction(0)


def reward_hypernodes(entries: Sequence[Entry], pot: int, trigger: float) -> dict[str, dict[str, Any]]:
    """By address: reward, total weight, largest weight of the week, tokens."""
    paid = [entry for entry in entries if entry.score >= trigger]
    total = sum(entry.weight for entry in paid)
    found: dict[str, dict[str, Any]] = {}
    for who in {entry.address for entry in paid}:
        weights = [entry.weight for entry in paid if entry.address == who]
        found[who] = {
            "reward": share(pot, sum(weights), total),
            "total_weight": sum(weights),
            "weight": max(weights),
            "tokens": 0,
        }
    if not found:
        return found
    largest = max(one["reward"] for one in found.values())
    tops = [one for one in found.values() if one["reward"] == largest and one["weight"]]
    for one in found.values():
        # of several with the largest reward the spec does not say which; nothing has no weight to divide by
        units = [top["reward"] / 2 / top["weight"] for top in tops] if one["weight"] else []
        one["tokens"] = {one["weight"] if one["reward"] / one["weight"] >= unit else 0 for unit in units} or {
            0
        }
    return found


def reward_addresses(entries: Sequence[Entry], pot: int, trigger: float) -> dict[str, tuple[Fraction, int]]:
    """By reward address: reward and total weight."""
    paid = [entry for entry in entries if entry.score >= trigger]
    total = sum(entry.weight for entry in paid)
    found = {}
    for address in {entry.reward_address for entry in paid}:
        weight = sum(entry.weight for entry in paid if entry.reward_address == address)
        found[address] = (share(pot, weight, total), weight)
    return found
