"""What a number of connections is worth: measures over drawn rounds, and how many there should be.

The bars are the network's own: a juror forges only with more than MIN_FORGE_CONSENSUS percent of all
registered in sight on its tip, and it sees only those that it has a connection with.  So the connections that
are needed grow with the network, while traffic grows with connections times hypernodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.core.types import ID_BYTES, PUBKEY_BYTES, ChainHeight, Message
from hypernode.sim.connectivity import (
    RoundDraw,
    Scenario,
    draw_rounds,
    find_neighbours,
    find_within,
    make_links,
)
from hypernode.sim.spreading import compute_arrivals, find_exits
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command

LATENCY_S: Final = 0.2
"""Of an exchange, once it begins: a few round trips."""
FRAME_BYTES: Final = 12
"""Around a payload, in checked frames."""
MESSAGES_A_ROUND: Final = 5
"""Whose ways are followed; each from another hypernode that is up."""
NO_TESTS_EACH: Final = 2
MESSAGES_A_TEST: Final = 2
ENOUGH: Final = 0.99
"""Part of the jurors that must be able to forge, for a number of connections to be advised."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one scenario with one MAX_CONNECT_TO, over all rounds.  Degrees and what follows from them count
    distinct hypernodes that are up; parts are 0 to 1; times in s; traffic is what a hypernode sends."""

    nodes: int
    max_connect_to: int
    degree_min: int
    degree_mean: float
    degree_max: int
    connected: float
    """Part of those that are up in the largest group that hangs together; the worst round."""
    percent_min: int
    """Of all registered, in sight of the one that is up and sees the fewest."""
    can_forge: float
    """Part of the jurors that are up and have over MIN_FORGE_CONSENSUS in sight, if all are on one tip."""
    can_forge_low: float
    """The same for MIN_FORGE_CONSENSUS_LOW."""
    jurors_up: float
    """Part of the slots whose juror is up."""
    jurors_direct: float
    """Part of the other jurors that a juror has a connection with; both are up."""
    jurors_in_two: float
    """Over at most two connections."""
    jurors_reached: float
    """Over any number of connections."""
    half_s: float
    """Until half of those that are up have a message; mean."""
    all_s: float
    """Until all that can have it do; mean."""
    worst_s: float
    jurors_worst_s: float
    """Until all jurors that are up have it; the worst."""
    copies: float
    """How often a message is received by a hypernode that is up; once is needed."""
    heights_kb: float
    """KB an hour for exchanging heights."""
    messages_kb: float
    """KB an hour for passing on messages."""
    blocks_kb: float
    """KB an hour for sending blocks to everybody, for the one whose turn it is, as a mean over all."""


@dataclass(slots=True)
class _Samples:
    """Numbers of single hypernodes, jurors and messages, by what they are."""

    degrees: list[int] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)
    connected: list[float] = field(default_factory=list)
    juror_percents: list[int] = field(default_factory=list)
    jurors_up: list[bool] = field(default_factory=list)
    direct: list[bool] = field(default_factory=list)
    in_two: list[bool] = field(default_factory=list)
    reached: list[bool] = field(default_factory=list)
    half_s: list[float] = field(default_factory=list)
    all_s: list[float] = field(default_factory=list)
    jurors_s: list[float] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    up: list[int] = field(default_factory=list)


def survey(scenario: Scenario, connections: Sequence[int]) -> list[Findings]:
    """The findings for each of some MAX_CONNECT_TO."""
    draws = list(draw_rounds(scenario))
    return [_measure(scenario, draws, count) for count in connections]


def advise(scenario: Scenario) -> int:
    """The least MAX_CONNECT_TO with which all that are up hang together and ``ENOUGH`` of the jurors that are
    up can forge; all others (nodes - 1) when none does."""
    draws = list(draw_rounds(scenario))
    least, most = 1, max(1, scenario.nodes - 1)
    bar = scenario.params.default_tunables.min_forge_consensus
    while least < most:
        middle = (least + most) // 2
        samples = _Samples()
        for draw in draws:
            _look_around(scenario, draw, middle, samples)
        if min(samples.connected) == 1 and _part_over(samples, bar) >= ENOUGH:
            most = middle
        else:
            least = middle + 1
    return most


def _measure(scenario: Scenario, draws: Sequence[RoundDraw], count: int) -> Findings:
    samples = _Samples()
    for draw in draws:
        _look_around(scenario, draw, count, samples)
        _spread(scenario, draw, count, samples)
    params = scenario.params
    return Findings(
        nodes=scenario.nodes,
        max_connect_to=count,
        degree_min=min(samples.degrees, default=0),
        degree_mean=_mean(samples.degrees),
        degree_max=max(samples.degrees, default=0),
        connected=min(samples.connected, default=0.0),
        percent_min=min(samples.percents, default=0),
        can_forge=_part_over(samples, params.default_tunables.min_forge_consensus),
        can_forge_low=_part_over(samples, params.min_forge_consensus_low),
        jurors_up=_mean(samples.jurors_up),
        jurors_direct=_mean(samples.direct),
        jurors_in_two=_mean(samples.in_two),
        jurors_reached=_mean(samples.reached),
        half_s=_mean(samples.half_s),
        all_s=_mean(samples.all_s),
        worst_s=max(samples.all_s, default=0.0),
        jurors_worst_s=max(samples.jurors_s, default=0.0),
        copies=_mean(samples.links) / max(1.0, _mean(samples.up)),
        **_compute_traffic(scenario, _mean(samples.links), _mean(samples.up)),
    )


def _look_around(scenario: Scenario, draw: RoundDraw, count: int, samples: _Samples) -> None:
    """Degrees, and what jurors see."""
    neighbours = find_neighbours(make_links(scenario, draw, count))
    up = sorted(draw.up)
    samples.degrees += [len(neighbours.get(number, ())) for number in up]
    percents = {n: round(100 * len(neighbours.get(n, ())) / scenario.nodes) for n in up}
    samples.percents += percents.values()
    samples.connected.append(
        max((len(group) for group in _find_groups(neighbours, up)), default=0) / max(1, len(up))
    )
    samples.jurors_up += [juror in draw.up for juror in draw.jurors]
    jurors = sorted(draw.up.intersection(draw.jurors))
    samples.juror_percents += [percents[juror] for juror in draw.jurors if juror in draw.up]
    for juror in jurors:
        in_two = find_within(neighbours, juror, 2)
        everywhere = find_within(neighbours, juror)
        others = [other for other in jurors if other != juror]
        samples.direct += [other in neighbours.get(juror, ()) for other in others]
        samples.in_two += [other in in_two for other in others]
        samples.reached += [other in everywhere for other in others]


def _find_groups(neighbours: dict[int, set[int]], up: Sequence[int]) -> Iterator[set[int]]:
    left = set(up)
    while left:
        group = find_within(neighbours, min(left))
        left -= group
        yield group


def _spread(scenario: Scenario, draw: RoundDraw, count: int, samples: _Samples) -> None:
    """The ways of some messages."""
    links = make_links(scenario, draw, count)
    exits, up = find_exits(links), sorted(draw.up)
    samples.links.append(len(links))
    samples.up.append(len(up))
    draws = Draws(f"{scenario.seed} origins {draw.round}")
    for _ in range(MESSAGES_A_ROUND if up else 0):
        interval = scenario.params.delays.mempool_exchange_s
        arrivals = compute_arrivals(exits, draws.one_of(up), interval, LATENCY_S)
        times = sorted(arrivals.values())
        if len(times) > len(up) // 2:
            samples.half_s.append(times[len(up) // 2])
        samples.all_s.append(times[-1])
        samples.jurors_s.append(max((arrivals.get(juror, 0.0) for juror in draw.jurors), default=0.0))


def _compute_traffic(scenario: Scenario, links: float, up: float) -> dict[str, float]:
    """KB that a hypernode sends in an hour: its part of what crosses all connections.  Sizes are those of the
    codec, for main's delays and the messages that a round brings."""
    params = scenario.make_network()
    hours = params.round_s / 3_600
    height, message = _measure_frames()
    rounds_of_tests = params.default_tunables.tests_per_slot * scenario.slots * MESSAGES_A_TEST
    messages = (rounds_of_tests + NO_TESTS_EACH * up) / hours
    exchanges = 3_600 / params.delays.height_exchange_s
    each = 1 / max(1.0, up) / 1_000
    return {
        # both ends of a connection send a height
        "heights_kb": 2 * links * exchanges * height * each,
        "messages_kb": links * messages * message * each,
        "blocks_kb": up * messages * message * each,
    }


def _measure_frames() -> tuple[int, int]:
    """Bytes of a height's frame, and of a message within one."""
    address = "B" * 34
    reported = ChainHeight(900_000, 49_000, 18, bytes(20), 400, 300, 300, 19)
    message = Message(
        bytes(ID_BYTES), 0, 1_711_180_800, address, address, 202, "TEST:1", 49_000, bytes(PUBKEY_BYTES)
    )
    height = encode_command(Command(CommandId.HEIGHT, height=reported, height_forger=address))
    return len(height) + FRAME_BYTES, len(encode_command(Command(CommandId.MEMPOOL, messages=(message,))))


def _part_over(samples: _Samples, bar: int) -> float:
    return _mean([percent > bar for percent in samples.juror_percents])


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
