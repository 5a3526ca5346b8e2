"""What becomes of a plot in a network too large to play: the rule of majorities on drawn connections.

After the two blocks of ``study.plot`` every honest hypernode is on one of two branches.  It leaves the
worse one only when most of those in sight are on the other, and the plotters are always counted on its own.
Here the better branch is the one with more of the honest, as more jurors make it grow faster; who is in sight
follows from the round's connections, drawn by the rules, and is another in each round.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.sim.connectivity import Scenario, draw_rounds, find_neighbours, make_links

ROUNDS: Final = 2
"""The round that the plot opens, and the next."""
MAX_STEPS: Final = 200
"""More than it takes until nobody moves any more."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """``parted``: part of the runs in which both branches still have honest hypernodes when the first round
    after the plot is over; ``parted_longer``: when the second is."""

    hypernodes: int
    connect: int
    part: float
    runs: int
    parted: float
    parted_longer: float


def survey_aftermath(hypernodes: int, connect: int, part: float, runs: int) -> Aftermath:
    """Each run has a seed of its own: connections, plotters and halves."""
    ends = [_follow(hypernodes, connect, part, seed) for seed in range(1, runs + 1)]
    first, second = (sum(end[round_] for end in ends) / runs for round_ in range(ROUNDS))
    return Aftermath(hypernodes, connect, part, runs, first, second)


def _follow(hypernodes: int, connect: int, part: float, seed: int) -> list[bool]:
    """Whether they are parted at the end of each round."""
    draws = Draws(f"aftermath {hypernodes} {connect} {part} {seed}")
    everybody = list(range(hypernodes))
    draws.shuffle(everybody)
    honest = everybody[max(1, round(part * hypernodes)) :]
    sides = {number: place < len(honest) // 2 for place, number in enumerate(honest)}
    scenario = Scenario(hypernodes, uptime=1.0, weights=(1,), rounds=ROUNDS, seed=seed)
    parted = []
    for draw in draw_rounds(scenario):
        settle(sides, find_neighbours(make_links(scenario, draw, connect)))
        parted.append(len(set(sides.values())) > 1)
    return parted


def settle(sides: dict[int, bool], neighbours: Mapping[int, Collection[int]]) -> None:
    """Who sees most on the better branch goes there, until nobody does any more.  ``sides`` are the honest by
    number; who is in sight and not among them is a plotter."""
    for _ in range(MAX_STEPS):
        better = 2 * sum(sides.values()) >= len(sides)
        moving = [
            number
            for number, side in sides.items()
            if side is not better and _sees_most(sides, neighbours.get(number, ()), better)
        ]
        if not moving:
            return
        sides.update(dict.fromkeys(moving, better))


def _sees_most(sides: Mapping[int, bool], in_sight: Collection[int], better: bool) -> bool:
    """Spec 4: more than half of those in sight."""
    behind = sum(sides.get(number) is better for number in in_sight)
    return 2 * behind > len(in_sight)
