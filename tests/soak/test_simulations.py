"""Which networks the soak plays for a seed, and what it says of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.sim.faults.plan import EVERY, FaultKind
from hypernode.sim.report import Failure, Report
from hypernode.sim.scenario import Scenario
from tests.soak.simulations import KINDS, format_line, make_scenarios, parse_arguments

ARGS = parse_arguments([])
SINGLE = Scenario(3, nodes=7, hours=1.6, kinds=(FaultKind.CRASH,), connect=6)


@pytest.mark.parametrize(
    ("seed", "legacy", "has_main_numbers"), [(100, 4, False), (101, 0, False), (102, 4, True)]
)
def test_a_seed_is_a_mixture_one_kind_and_a_swarm(seed: int, legacy: int, *, has_main_numbers: bool) -> None:
    mixed, single, swarm = make_scenarios(seed, ARGS)
    whole = Scenario(seed, nodes=20, hours=2.0, kinds=EVERY, connect=4, legacy=legacy)
    assert mixed == replace(whole, has_main_numbers=has_main_numbers)
    assert (single.seed, single.nodes, single.connect, len(single.kinds)) == (seed, 7, 6, 1)
    assert (swarm.is_swarm, swarm.legacy, swarm.kinds) == (True, 0 if legacy else 2, EVERY)


def test_too_few_nodes_for_the_numbers_of_main_are_played_without_them() -> None:
    assert not make_scenarios(102, parse_arguments(["--nodes", "11"]))[0].has_main_numbers


def test_every_kind_has_its_turn() -> None:
    turns = [make_scenarios(seed, ARGS)[1].kinds[0] for seed in range(1, len(KINDS) + 1)]
    assert set(turns) == set(EVERY)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_a_network_with_one_kind_has_faults_of_it_whatever_the_seed(kind: FaultKind) -> None:
    first = next(seed for seed in range(len(KINDS)) if KINDS[seed % len(KINDS)] is kind)
    for seed in range(first, first + 20 * len(KINDS), len(KINDS)):
        plan = make_scenarios(seed, ARGS)[1].make_plan()
        assert {fault.kind for fault in plan} == {kind}


def test_the_line_says_which_kind_and_what_became_of_it() -> None:
    report = Report(SINGLE, slots=20, filled=19, agreed_after_s=[4.0, 12.0])
    report.faults["crash"] = 2
    said = "seed 3, crash: 2 faults, 19 of 20 slots, agreed after 12 s at most: "
    assert format_line(report) == said + "held"
    report.failure = Failure("one_block_a_slot", "two", 20_000.0, (0,), ())
    assert format_line(report) == said + "one_block_a_slot"
    assert format_line(Report(Scenario(4))).startswith("seed 4, mixed: ")
