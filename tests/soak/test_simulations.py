"""Which networks the soak plays for a seed, and what it says of each."""

from __future__ import annotations

import pytest

from hypernode.sim.faults.plan import ALL, FaultKind
from hypernode.sim.report import Failure, Report
from hypernode.sim.scenario import Scenario
from tests.soak.simulations import KINDS, format_line, make_scenarios, parse_arguments

ARGS = parse_arguments([])
SINGLE = Scenario(3, nodes=7, hours=1.6, kinds=(FaultKind.CRASH,), connect=6)


def test_a_seed_plays_mixed_faults_and_a_small_network_with_one_kind() -> None:
    for seed in (100, 101):
        mixed, single = make_scenarios(seed, ARGS)
        assert mixed == Scenario(seed, nodes=20, hours=2.0, connect=4, legacy=0 if seed % 2 else 4)
        assert (single.seed, single.nodes, single.connect, len(single.kinds)) == (seed, 7, 6, 1)


def test_every_kind_has_its_turn() -> None:
    turns = [make_scenarios(seed, ARGS)[1].kinds[0] for seed in range(1, len(KINDS) + 1)]
    assert set(turns) == set(ALL)


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
