"""Who earned what in a week (spec 7, weekly rewards): from KPIs and lists of registrations to rewards.

Weights are integers, and so are their sums; a reward is one division of integers, rounded once to the
nearest double.  Nothing depends on the order of the entries: rewards of a reward address come from the sum of
its weights, not from sums of rounded rewards, and what is shown as a sum of rewards is ``math.fsum``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.kpis import compute_score
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Kpis, Registration, Round, Timestamp

WEEK_S: Final = 604_800
ROUNDS_A_WEEK: Final = 168
NO_TRIGGER: Final = 0.0
"""The score that an entry must reach at present; in the first weeks it was 0.2."""
_END_OF_WEEK_2: Final = 1_536_998_400
_SECOND: Final = 2


def compute_week_end(week: int) -> Timestamp:
    """When a week ends: a Saturday, 08:00 UTC."""
    return _END_OF_WEEK_2 + (week - _SECOND) * WEEK_S


def compute_week_rounds(params: ChainParams, week: int) -> range:
    """The 168 rounds before the end of a week.  Raises ValueError when it begins before the network."""
    end, _ = compute_round_slot(params, compute_week_end(week))
    if end < ROUNDS_A_WEEK:
        raise ValueError(f"week {week} begins before round 0 of {params.name}")
    return range(end - ROUNDS_A_WEEK, end)


def compute_last_week(now: float) -> int:
    """The last week that has ended at ``now`` (unix s)."""
    return _SECOND + math.floor((now - _END_OF_WEEK_2) / WEEK_S)


@dataclass(frozen=True, slots=True)
class RewardEntry:
    """What counts of one hypernode in one round: its PoS address, what it registered (weight, reward
    address), and what it did."""

    round: Round
    address: str
    weight: int
    kpis: Kpis
    score: float
    reward_address: str


def compute_entries(
    round_: Round, registered: Iterable[Registration], kpis: Mapping[str, Kpis]
) -> list[RewardEntry]:
    """The entries of a round, in list order: of those ``registered`` (at the reference time of the following
    round, with their weight in balance) that have KPIs in this one."""
    return [
        RewardEntry(
            round_,
            entry.pos,
            entry.weight,
            kpis[entry.pos],
            compute_score(kpis[entry.pos], entry.weight),
            entry.reward,
        )
        for entry in registered
        if entry.pos in kpis
    ]


@dataclass(frozen=True, slots=True)
class HypernodeReward:
    """A hypernode's week: ``reward`` in BIS, ``total_weight`` over its entries that count, the largest
    ``weight`` among them.  ``reward_address`` is that of the first entry with the largest weight."""

    address: str
    reward_address: str
    reward: float
    total_weight: int
    weight: int
    tokens: int


@dataclass(frozen=True, slots=True)
class AddressReward:
    """The reward of one reward address."""

    reward_address: str
    reward: float
    total_weights: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Rewards:
    """A week.  ``pot`` in whole BIS; ``total_weight`` over the entries that reach ``trigger``,
    ``full_weight`` over all; both lists largest first, of equal ones by address."""

    pot: int
    trigger: float
    total_weight: int
    full_weight: int
    entries: int
    entries_below: int
    token_unit: float
    hypernodes: tuple[HypernodeReward, ...]
    addresses: tuple[AddressReward, ...]

    @property
    def paid(self) -> float:
        """The sum of all rewards, correctly rounded."""
        return math.fsum(row.reward for row in self.addresses)

    @property
    def loss_percent(self) -> float:
        """The part of the weights that did not reach the trigger."""
        if self.full_weight == 0:
            return 0.0
        return 100 * (self.full_weight - self.total_weight) / self.full_weight


def compute_rewards(entries: Sequence[RewardEntry], pot: int, trigger: float = NO_TRIGGER) -> Rewards:
    """The rewards of a week out of ``pot`` (whole BIS).  A weight below 0 counts as 0: it earns nothing and
    takes nothing from the others."""
    counted = sorted(
        (entry for entry in entries if entry.score >= trigger), key=lambda entry: (entry.address, entry.round)
    )
    total = _sum_weights(counted)
    by_hypernode = _group(counted, [entry.address for entry in counted])
    by_address = _group(counted, [entry.reward_address for entry in counted])
    order = sorted(by_hypernode, key=lambda address: (-_sum_weights(by_hypernode[address]), address))
    top = by_hypernode[order[0]] if order else []
    hypernodes = [_make_hypernode(address, by_hypernode[address], top, pot, total) for address in order]
    tokens: dict[str, int] = {}
    for row in hypernodes:
        tokens[row.reward_address] = tokens.get(row.reward_address, 0) + row.tokens
    weights = {address: _sum_weights(rows) for address, rows in by_address.items()}
    return Rewards(
        pot=pot,
        trigger=trigger,
        total_weight=total,
        full_weight=_sum_weights(entries),
        entries=len(counted),
        entries_below=len(entries) - len(counted),
        token_unit=_divide(pot * _sum_weights(top), 2 * total * _max_weight(top)),
        hypernodes=tuple(hypernodes),
        addresses=tuple(
            AddressReward(
                address, _divide(pot * weights[address], total), weights[address], tokens.get(address, 0)
            )
            for address in sorted(weights, key=lambda address: (-weights[address], address))
        ),
    )


def _make_hypernode(
    address: str, rows: Sequence[RewardEntry], top: Sequence[RewardEntry], pot: int, total: int
) -> HypernodeReward:
    weight, total_weight = _max_weight(rows), _sum_weights(rows)
    # reward / weight >= top reward / 2 / top weight, in integers: no rounding decides who gets tokens
    has_tokens = weight > 0 and 2 * total_weight * _max_weight(top) >= _sum_weights(top) * weight
    return HypernodeReward(
        address=address,
        reward_address=next(row.reward_address for row in rows if max(0, row.weight) == weight),
        reward=_divide(pot * total_weight, total),
        total_weight=total_weight,
        weight=weight,
        tokens=weight if has_tokens else 0,
    )


def _group(entries: Sequence[RewardEntry], keys: Sequence[str]) -> dict[str, list[RewardEntry]]:
    groups: dict[str, list[RewardEntry]] = {}
    for key, entry in zip(keys, entries, strict=True):
        groups.setdefault(key, []).append(entry)
    return groups


def _sum_weights(entries: Iterable[RewardEntry]) -> int:
    return sum(max(0, entry.weight) for entry in entries)


def _max_weight(entries: Iterable[RewardEntry]) -> int:
    return max((max(0, entry.weight) for entry in entries), default=0)


def _divide(dividend: int, divisor: int) -> float:
    """Integers to the nearest double, as Python promises of their true division; nothing of nothing is 0."""
    return dividend / divisor if divisor else 0.0
