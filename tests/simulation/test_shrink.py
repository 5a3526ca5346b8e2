"""A broken run made smaller: it breaks in the same way, and its command plays it."""

from __future__ import annotations

import shlex
from functools import partial

import pytest

from hypernode.cli.sim.run import parse_scenario
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.play import play
from hypernode.sim.report import Failure, Report
from hypernode.sim.scenario import Limit, Scenario
from hypernode.sim.shrink import MIN_DURATION_S, shrink

WHOLE = Scenario(seed=1, nodes=20, hours=8.0, kinds=(FaultKind.PARTITION,))


def fail(scenario: Scenario, at_s: float) -> Report:
    return Report(scenario, failure=Failure("one_block_a_slot", "two", at_s, (0,), ()))


def test_shrinking_leaves_a_fault_its_least_length_and_hosts() -> None:
    """A stand-in for the network: it breaks when fault 2 is there for 150 s and befalls a host, half an
    hour after it ended."""
    drawn = WHOLE.make_plan()[2]
    needed = drawn.subjects[-2]
    assert drawn.duration_s > 300

    def play_fake(scenario: Scenario) -> Report:
        for fault in scenario.make_plan():
            if fault.number == 2 and fault.duration_s >= 150 and needed in fault.subjects:
                return fail(scenario, fault.end + 1_800)
        return Report(scenario)

    shrunk = shrink(play_fake(WHOLE), play_fake)
    [fault] = shrunk.scenario.make_plan()
    assert (fault.number, fault.subjects, fault.at) == (2, (needed,), drawn.at)
    assert 150 <= fault.duration_s < 300
    assert shrunk.report.failure is not None
    assert shrunk.scenario.until_s == pytest.approx(shrunk.report.failure.at_s + 1, abs=1)


def test_what_breaks_whatever_happens_is_left_with_little() -> None:
    shrunk = shrink(fail(WHOLE, 20_000.0), partial(fail, at_s=20_000.0)).scenario
    assert (shrunk.make_plan(), shrunk.nodes) == ((), 4)


def test_faults_are_not_shortened_for_ever() -> None:
    def play_fake(scenario: Scenario) -> Report:
        return fail(scenario, 20_000.0) if scenario.make_plan() else Report(scenario)

    [fault] = shrink(play_fake(WHOLE), play_fake).scenario.make_plan()
    assert MIN_DURATION_S / 2 <= fault.duration_s < 2 * MIN_DURATION_S


def test_what_breaks_at_the_stop_is_played_to_the_stop() -> None:
    shrunk = shrink(fail(WHOLE, 8 * 3_600 + 4.0), lambda scenario: fail(scenario, scenario.length_s + 4.0))
    assert shrunk.scenario.until_s is None


def test_a_limit_leaves_what_it_does_not_name() -> None:
    fault = WHOLE.make_plan()[0]
    assert Limit(0, 10**6, fault.subjects).apply(fault) == fault
    assert Limit(0, 60, fault.subjects[:1]).apply(fault).end == fault.at + 60
    assert Limit.parse("3:600:1+2") == Limit(3, 600, (1, 2))
    assert str(Limit(3, 600, (1, 2))) == "3:600:1+2"


class _NoSwitch(FaultCluster):
    async def take_down(self, index: int, *, silent: bool = False) -> None:
        if silent:
            raise OSError(f"no switch at {index}")
        await super().take_down(index)


def test_the_command_of_a_shrunk_run_plays_what_broke() -> None:
    whole = Scenario(seed=13, nodes=4, hours=0.75, kinds=(FaultKind.CRASH, FaultKind.SILENT_CRASH))
    player = partial(play, cluster_type=_NoSwitch)
    report = player(whole)
    assert report.failure is not None
    shrunk = shrink(report, player, max_runs=4)
    assert shrunk.scenario.limits
    again = parse_scenario(shlex.split(shrunk.scenario.to_arguments()))
    assert again == shrunk.scenario
    assert player(again).failure == shrunk.report.failure


def test_shrinking_tells_each_step_and_gives_its_best_when_stopped() -> None:
    """The third run that breaks too is the last one."""
    whole = Scenario(seed=1, nodes=20, hours=8.0)
    reported: list[tuple[int, int]] = []

    def play_fake(scenario: Scenario) -> Report:
        if len(reported) == 3:
            raise KeyboardInterrupt
        report = Report(scenario)
        report.failure = Failure("one_block_a_slot", "two", 20_000.0, (0,), ())
        return report

    report = play_fake(whole)
    shrunk = shrink(
        report,
        play_fake,
        on_smaller=lambda scenario, runs: reported.append((len(scenario.make_plan()), runs)),
    )
    assert shrunk.is_stopped
    assert [runs for _, runs in reported] == [1, 2, 3]
    sizes = [size for size, _ in reported]
    assert sizes == sorted(sizes, reverse=True)
    assert len(shrunk.scenario.make_plan()) == sizes[-1] < len(whole.make_plan())
