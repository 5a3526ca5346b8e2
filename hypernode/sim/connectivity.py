"""How well the hypernodes of a network are connected: a round drawn by the rules, without running nodes.

Each hypernode dials the first MAX_CONNECT_TO of its own shuffle of the list (spec 3, whom to connect to);
those that are up answer.  A connection carries heights and messages both ways, whoever dialled.  Who is up
goes on from round to round (an outage lasts), so that the jurors, drawn among those who were heard of in the
round before, are up more often than others.  Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.hashing import h20
from hypernode.core.lottery import Draws, compute_connect_to, compute_round_plan
from hypernode.core.params.chain_params import ChainParams, replace_fields
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Registration, Round

_FIRST_ROUND: Final = 1_000
_FINE: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated.  ``weights`` go round over the list; ``uptime`` is the part of the hypernodes that
    is up, above 0; an outage lasts ``outage_rounds`` on average, 1 or more; ``slots`` have a juror."""

    nodes: int
    uptime: float = 0.9
    weights: tuple[int, ...] = (1, 2, 3)
    outage_rounds: float = 6.0
    slots: int = 19
    rounds: int = 3
    seed: int = 1
    params: ChainParams = field(default_factory=mainnet)

    def make_network(self) -> ChainParams:
        """The network's rules, with nobody left out of a dialling order."""
        return replace_fields(self.params, slots=self.slots, max_connect_to=max(1, self.nodes - 1))


@dataclass(frozen=True, slots=True)
class RoundDraw:
    """A round.  Hypernodes are numbers in list order: those that are ``up``; the whole order in which each
    one that is up would dial the others; the juror of each slot."""

    round: Round
    up: frozenset[int]
    orders: tuple[tuple[int, ...], ...]
    jurors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A connection that ``dialler`` made to ``peer``; ``phase`` (0 to 1) says when in its interval it begins
    exchanges."""

    dialler: int
    peer: int
    phase: float


def draw_rounds(scenario: Scenario) -> Iterator[RoundDraw]:
    """The rounds of a scenario, one after the other."""
    params = scenario.make_network()
    listed = [
        Registration(
            f"c{n}", "10.0.0.1", "6969", f"hn{n:05d}", f"c{n}", scenario.weights[n % len(scenario.weights)]
        )
        for n in range(scenario.nodes)
    ]
    numbers = {entry.pos: number for number, entry in enumerate(listed)}
    draws = Draws(f"{scenario.seed} up {scenario.nodes}")
    up = frozenset(n for n in range(scenario.nodes) if _draw_part(draws) < scenario.uptime)
    for round_ in range(_FIRST_ROUND, _FIRST_ROUND + scenario.rounds):
        seen = frozenset(listed[n].pos for n in up)
        up = _go_on(scenario, draws, up)
        reference = h20(f"{scenario.seed} {round_}".encode())
        plan = compute_round_plan(
            params, params.default_tunables.tests_per_slot, round_, listed, listed, seen, reference
        )
        yield RoundDraw(
            round_,
            up,
            tuple(
                _draw_order(params, listed, numbers, n, round_) if n in up else () for n in range(len(listed))
            ),
            tuple(numbers[juror.address] for juror in plan.jurors),
        )


def _go_on(scenario: Scenario, draws: Draws, up: frozenset[int]) -> frozenset[int]:
    """Who is up a round later: an outage ends with the same chance in each round, and as many begin."""
    ends = 1 / scenario.outage_rounds
    begins = min(1.0, ends * (1 - scenario.uptime) / scenario.uptime)
    drawn = [_draw_part(draws) for _ in range(scenario.nodes)]
    return frozenset(n for n, part in enumerate(drawn) if (part >= begins if n in up else part < ends))


def _draw_order(
    params: ChainParams, listed: Sequence[Registration], numbers: dict[str, int], number: int, round_: Round
) -> tuple[int, ...]:
    order = compute_connect_to(params.default_tunables.max_connect_to, listed, listed[number].pos, round_)
    return tuple(numbers[entry.pos] for entry in order)


def _draw_part(draws: Draws) -> float:
    return draws.getrandbits(32) / _FINE


def make_links(scenario: Scenario, draw: RoundDraw, max_connect_to: int) -> list[Link]:
    """The connections that stand when each hypernode dials ``max_connect_to`` others."""
    draws = Draws(f"{scenario.seed} phases {draw.round}")
    return [
        Link(number, peer, _draw_part(draws))
        for number in sorted(draw.up)
        for peer in draw.orders[number][:max_connect_to]
        if peer in draw.up
    ]


def find_neighbours(links: Sequence[Link]) -> dict[int, set[int]]:
    """By hypernode: whom it has a connection with, dialled by either."""
    neighbours: dict[int, set[int]] = {}
    for link in links:
        neighbours.setdefault(link.dialler, set()).add(link.peer)
        neighbours.setdefault(link.peer, set()).add(link.dialler)
    return neighbours


def find_within(neighbours: dict[int, set[int]], start: int, steps: int | None = None) -> set[int]:
    """Who can be reached from ``start`` over at most so many connections; without ``steps``, over any number.
    ``start`` itself is among them."""
    found = {start}
    edge = found
    while edge and (steps is None or steps > 0):
        edge = {peer for number in edge for peer in neighbours.get(number, ())} - found
        found = found | edge
        steps = None if steps is None else steps - 1
    return found
