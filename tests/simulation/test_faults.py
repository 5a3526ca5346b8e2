"""A network lives through mixed faults, and every invariant holds; a broken one comes back from its seed."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from hypernode.core.counting import find_uncounted
from hypernode.core.timeline import compute_reference_time
from hypernode.pow.listing import make_list
from hypernode.sim.faults.fault_actions import FAULT_ACTIONS, begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import FIRST_ROUND, FaultCluster
from hypernode.sim.faults.plan import ALL, CALM_SLOTS, STRANGERS, Fault, FaultKind, draw_plan, parse_kinds
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.play import play
from hypernode.sim.report import Failure, Report
from hypernode.sim.scenario import Scenario
from hypernode.sim.shrink import shrink
from tests.simulation.oracle_judge import play_judged

SEEDS = (992, 3247, 1589, 760, 5381, 4265)
"""Their plans have all kinds but the long one between them."""
SMALL = Scenario(seed=3, nodes=5, hours=0.75, kinds=parse_kinds("crash,partition,equivocate"))

CROWDED = Scenario(seed=1687, nodes=6, hours=1.6, connect=4, until_s=4_400)
"""Nine kinds of faults in an hour and a quarter."""


def make_scenario(seed: int) -> Scenario:
    """Few connections each, as on a large network: that is quicker, and the harder case."""
    return Scenario(seed, nodes=20, hours=2.0, connect=4)


@pytest.mark.parametrize("seed", SEEDS)
def test_twenty_nodes_live_through_two_rounds_of_mixed_faults(seed: int) -> None:
    report = play_judged(make_scenario(seed))
    assert report.failure is None, f"{report.scenario.to_arguments()}: {report.failure}"
    assert report.filled >= 0.8 * report.slots
    assert report.agreed_after_s
    assert report.faults.total() == len(make_scenario(seed).make_plan())


def test_the_seeds_of_the_suite_have_faults_enough() -> None:
    plans = [make_scenario(seed).make_plan() for seed in SEEDS]
    assert sum(map(len, plans)) >= 2 * len(SEEDS)
    assert {fault.kind for plan in plans for fault in plan} == set(SHORT)


SHORT = [kind for kind in ALL if kind is not FaultKind.LONG_PARTITION]
"""That one takes hours: tests.simulation.test_regressions plays it."""
MANY_HOSTS = {FaultKind.CLOCK_JUMP, FaultKind.FLOOD}
"""Kinds that ask for more hosts: whether a clock is wrong is known by five peers."""
HOURS = {
    **dict.fromkeys((FaultKind.POW_LEAVE, FaultKind.POW_VOID), 2.5),
    **dict.fromkeys((FaultKind.POW_WORTHLESS, FaultKind.POW_MOVE_ON), 2.5),
    **dict.fromkeys(STRANGERS, 0.62),
}
"""Longer where lists change, which they do with the rounds; shorter where many come."""
AS_LEGACY = {FaultKind.POW_WORTHLESS: 2, FaultKind.POW_MOVE_ON: 2}
"""Seeds of networks whose lists keep what is worth nothing, as legacy has them."""


@pytest.mark.parametrize("kind", SHORT, ids=lambda kind: kind.value)
def test_a_network_comes_through_each_kind_of_fault(kind: FaultKind) -> None:
    nodes = 7 if kind in MANY_HOSTS else 5
    report = play(Scenario(AS_LEGACY.get(kind, 1), nodes=nodes, hours=HOURS.get(kind, 0.75), kinds=(kind,)))
    assert report.failure is None, report.failure
    assert report.faults[kind.value] >= 1
    assert report.felt[kind.value] >= 1, "they happened, and did nothing"


SCRIPT = """
from tests.simulation.test_faults import CROWDED
from hypernode.sim.play import play
report = play(CROWDED)
print(report.trace, report.felt.total(), report.failure)
"""


def _play_elsewhere(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return result.stdout.strip()


def test_a_run_with_faults_has_one_trace_in_every_process() -> None:
    assert len({fault.kind for fault in CROWDED.make_plan()}) >= 8, "few kinds say little"
    first = _play_elsewhere("1")
    trace, felt, failure = first.split(maxsplit=2)
    assert (len(trace), failure) == (40, "None")
    assert int(felt) >= 7
    assert _play_elsewhere("2") == first


@pytest.mark.parametrize("kind", list(FaultKind), ids=lambda kind: kind.value)
def test_each_kind_of_fault_has_its_doing(kind: FaultKind) -> None:
    assert kind in FAULT_ACTIONS


def test_who_moves_a_collateral_that_must_stay_is_out_until_it_is_back() -> None:
    """By the lists of both kinds of networks, of seeds that are odd and even."""

    async def scenario(seed: int) -> list[tuple[int, int]]:
        whole = Scenario(seed=seed, nodes=5, hours=3.0, kinds=(FaultKind.POW_MOVE_ON,))
        cluster = FaultCluster(whole.nodes, whole.seed, whole.make_network())
        fault = Fault(0, 0.0, FaultKind.POW_MOVE_ON, (2,), 600.0, 0.5)
        await begin_fault(cluster, fault)
        source = cluster.script
        lists = []
        for round_ in range(FIRST_ROUND, FIRST_ROUND + 5):
            height = source.height_at(compute_reference_time(cluster.params, round_))
            listed = make_list(
                *(cluster.params, round_, height, source.derive_state(height), ()),
                find_balances=source.find_balances,
                is_recent=True,
            )
            uncounted = find_uncounted(listed.entries, listed.weights)
            lists.append((len(listed.entries), len(uncounted)))
        return lists

    # five, then the two hands: the mover has nothing, nor has the first hand; then as before
    assert run(scenario(2), loop_type=HoldingLoop) == [(5, 0), (7, 2), (7, 2), (5, 0), (5, 0)]
    assert run(scenario(1), loop_type=HoldingLoop) == [(5, 0)] * 5


def test_lists_change_under_a_network_that_loses_hypernodes() -> None:
    """Else the run above would say nothing."""
    lists: list[int] = []

    async def scenario() -> None:
        whole = Scenario(seed=1, nodes=5, hours=3.0, kinds=(FaultKind.POW_LEAVE,))
        cluster = FaultCluster(whole.nodes, whole.seed, whole.make_network())
        first = whole.make_plan()[0]
        await begin_fault(cluster, first)
        for round_ in range(FIRST_ROUND, FIRST_ROUND + 5):
            height = cluster.script.height_at(compute_reference_time(cluster.params, round_))
            lists.append(len(cluster.script.derive_state(height).entries))

    run(scenario(), loop_type=HoldingLoop)
    assert (lists[0], min(lists), lists[-1]) == (5, 4, 5)


def test_spikes_last_as_long_as_their_fault_and_are_those_of_its_subjects() -> None:
    async def scenario() -> list[list[float]]:
        cluster = FaultCluster(3, 1, SMALL.make_network())
        ips = [host.ip for host in cluster.hosts]
        fault = Fault(0, 0.0, FaultKind.SPIKES, (0,), 60.0, 0.5)

        def draw(source: int, target: int) -> float:
            return max(cluster.network.compute_delay(ips[source], ips[target]) for _ in range(300))

        await begin_fault(cluster, fault)
        during = [draw(0, 1), draw(2, 0), draw(1, 2)]
        await end_fault(cluster, fault)
        return [during, [draw(0, 1), draw(2, 0), draw(1, 2)]]

    during, after = run(scenario(), loop_type=HoldingLoop)
    assert min(during[:2]) > 2.0
    assert max(*after, during[2]) < 0.1


def test_a_plan_follows_from_its_seed_and_leaves_calm_between_episodes() -> None:
    plan = draw_plan(5, 20, 48.0, ALL)
    assert plan == draw_plan(5, 20, 48.0, ALL)
    assert plan != draw_plan(6, 20, 48.0, ALL)
    assert {fault.kind for fault in plan} > set(ALL[:5])
    over = 0.0
    for before, after in pairwise(plan):
        over = max(over, before.end)
        assert after.at < over or after.at >= over + CALM_SLOTS * 180 or after.at - before.at < 12 * 180
    assert max(fault.end for fault in plan) <= 48 * 3_600 - CALM_SLOTS * 180
    assert all(0 <= n < 20 for fault in plan for n in fault.subjects)


def test_unknown_kinds_are_named() -> None:
    with pytest.raises(ValueError, match="no fault 'earthquake'"):
        parse_kinds("crash,earthquake")
    assert parse_kinds("none") == ()
    assert parse_kinds("pause,crash") == (FaultKind.CRASH, FaultKind.PAUSE)


def test_a_broken_run_is_shrunk_to_the_fault_and_the_hosts_that_it_needs() -> None:
    """A stand-in for the network: it breaks when fault 2 happens and four hosts or more are there."""

    def play_fake(scenario: Scenario) -> Report:
        report = Report(scenario)
        if 2 in {fault.number for fault in scenario.make_plan()} and scenario.nodes >= 4:
            report.failure = Failure("one_block_a_slot", "two", 20_000.0, (0,), ())
        return report

    whole = play_fake(Scenario(seed=1, nodes=20, hours=8.0))
    shrunk = shrink(whole, play_fake)
    assert shrunk.scenario.keep == (2,)
    assert shrunk.scenario.nodes < 20
    assert shrunk.report.failure is not None
    with pytest.raises(ValueError, match="nothing is broken"):
        shrink(Report(SMALL), play_fake)
