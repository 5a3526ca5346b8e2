"""Who counts of those that are registered (spec 3, who counts).

A registration without collateral costs a fee of 0.01, and one collateral can be moved on and registered
again.  Where legacy nodes forge such entries stay on the list, and jurors, tests and silent ones follow the
list; what a node decides for itself (shares, majorities, whom it dials, whom it keeps places for) goes by who
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.types import Registration, Round

LEAST_WEIGHT: Final = 1
"""Less does not count."""


class Uncounted(Enum):
    """Why a registered hypernode does not count; the value is what people read."""

    WORTHLESS = "no collateral at registration"
    MOVED_ON = "collateral moved on"


def find_uncounted(
    entries: Sequence[Registration], weights: Sequence[int] | Unchecked
) -> dict[str, Uncounted]:
    """PoS addresses of ``entries`` that do not count, and why, in list order.  ``weights``: what the balance
    of each gives at the reference height; UNCHECKED where only weights at registration can be had."""
    found = {}
    known = [entry.weight for entry in entries] if weights is UNCHECKED else weights
    for entry, weight in zip(entries, known, strict=True):
        if entry.weight < LEAST_WEIGHT:
            found[entry.pos] = Uncounted.WORTHLESS
        elif weight < LEAST_WEIGHT:
            found[entry.pos] = Uncounted.MOVED_ON
    return found


@dataclass(frozen=True, slots=True)
class Counted:
    """Who counts in a round: ``present`` is counted(R), ``before`` counted(R - 1), as PoS addresses;
    ``reasons`` says of registered(R) who does not, and why."""

    present: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    reasons: Mapping[str, Uncounted] = field(default_factory=dict)

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses that count in one of the two rounds.  This set governs, so that nobody changes sides
        at the turn of a round."""
        return self.present | self.before


NOBODY: Final = Counted()
"""Before the first list."""


def compute_counted(
    registered: Iterable[Registration],
    uncounted: Mapping[str, Uncounted],
    registered_before: Iterable[Registration] = (),
    uncounted_before: Mapping[str, Uncounted] | None = None,
) -> Counted:
    """Who counts, from the lists of a round and of the round before, and from who of each does not count."""
    left_out = uncounted_before or {}
    return Counted(
        present=frozenset(entry.pos for entry in registered if entry.pos not in uncounted),
        before=frozenset(entry.pos for entry in registered_before if entry.pos not in left_out),
        reasons=dict(uncounted),
    )


def is_collateral_kept(params: ChainParams, round_: Round) -> bool:
    """Whether a collateral must still be there for its hypernode to be on the list of a round.  Never where
    legacy nodes forge: they keep such a hypernode on their list."""
    first = params.collateral_from_round
    return not params.mixed and first is not None and round_ >= first


def apply_collateral(
    entries: Sequence[Registration], weights: Sequence[int]
) -> tuple[tuple[Registration, ...], tuple[int, ...]]:
    """The list where collaterals must stay: weights are the lesser of registration and reference height, and
    who is below 1 is not on it.  With the weights at the reference height of those that are."""
    kept = [
        (replace(entry, weight=min(entry.weight, weight)), weight)
        for entry, weight in zip(entries, weights, strict=True)
        if min(entry.weight, weight) >= LEAST_WEIGHT
    ]
    return tuple(entry for entry, _ in kept), tuple(weight for _, weight in kept)
