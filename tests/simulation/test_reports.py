"""Whatever ends a run is reported with its seed, and can be played again: no run ends in a traceback."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.cli.sim.run import load_scenarios, main
from hypernode.node.peers.listening import Listening
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.invariants import table
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

QUIET = Scenario(seed=1, nodes=4, hours=0.1, kinds=())
ONE_CRASH = Scenario(seed=1, nodes=5, hours=0.75, kinds=(FaultKind.CRASH,))


class _NoSwitch(FaultCluster):
    async def take_down(self, index: int, *, silent: bool = False) -> None:
        raise OSError(f"no switch at {index}")


def test_an_error_of_a_fault_is_a_failure_of_that_moment_and_its_hosts() -> None:
    fault = ONE_CRASH.make_plan()[0]
    failure = play(ONE_CRASH, cluster_type=_NoSwitch).failure
    assert failure is not None
    assert failure.name == "no_error_escapes"
    assert failure.detail.startswith(f"when {fault} began: OSError: no switch at {fault.subjects[0]}")
    assert "in test_reports.py:" in failure.detail
    assert failure.hosts == fault.subjects
    assert failure.at_s == pytest.approx(fault.at)
    assert any(words.startswith(f"node {fault.subjects[0]}: ") for words in failure.last_words)


def test_an_error_of_a_node_at_the_stop_is_one_of_that_node(monkeypatch: pytest.MonkeyPatch) -> None:
    close_all, calls = Listening.close_all, iter(range(10))

    def break_third(self: Listening) -> None:
        close_all(self)
        if next(calls) == 2:
            raise ValueError("will not close")

    monkeypatch.setattr(Listening, "close_all", break_third)
    failure = play(QUIET).failure
    assert failure is not None
    assert (failure.name, failure.hosts) == ("no_error_escapes", (2,))
    assert failure.detail.startswith("at the stop: ValueError: will not close in test_reports.py:")


class _NeverStops(FaultCluster):
    """Its nodes go on meanwhile, so that time does."""

    async def stop_all(self) -> None:
        await asyncio.Event().wait()


class _Spins(FaultCluster):
    async def stop_all(self) -> None:
        while True:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("cluster_type", "words"), [(_NeverStops, "not over after 600 s"), (_Spins, "turns")]
)
def test_a_run_that_cannot_go_on_is_a_failure(cluster_type: type[FaultCluster], words: str) -> None:
    report = play(QUIET, cluster_type=cluster_type)
    assert report.failure is not None
    assert report.failure.name == "time_goes_on"
    assert report.failure.detail.startswith("at the stop: ")
    assert words in report.failure.detail
    assert report.filled >= 2
    assert play(QUIET, cluster_type=cluster_type).failure == report.failure


class _CannotBeCleared(_NoSwitch):
    async def end_all(self) -> None:
        await asyncio.Event().wait()


def test_what_broke_first_is_told_whatever_breaks_after_it() -> None:
    failure = play(ONE_CRASH, cluster_type=_CannotBeCleared).failure
    assert failure is not None
    assert "no switch" in failure.detail


def test_the_command_reports_any_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FaultCluster, "take_down", _NoSwitch.take_down)
    assert main([*ONE_CRASH.to_arguments().split(), "--no-shrink"]) == 1
    out = capsys.readouterr().out
    assert "BROKEN          no_error_escapes" in out
    assert "seed            1" in out
    assert "play it again   python -m hypernode sim run --nodes 5" in out


def test_a_healing_that_does_not_come_to_its_end_is_counted() -> None:
    scenario = Scenario(6, nodes=5, hours=0.75, kinds=(FaultKind.PARTITION,), connect=4)
    fault = scenario.make_plan()[0]
    cut = play(replace(scenario, until_s=fault.end + 4))
    assert (cut.failure, cut.cut_short, cut.agreed_after_s) == (None, 1, [])
    whole = play(replace(scenario, until_s=fault.end + 180))
    assert (whole.failure, whole.cut_short, len(whole.agreed_after_s)) == (None, 0, 1)


def test_who_gave_what_broke_it_is_among_the_nodes_of_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks after a node stored a block: it is said who sent it."""

    async def find_fault(watch: Watch) -> None:
        host = next((h for h in watch.list_running() if watch.cluster.witness.givers.get(h.index)), None)
        if host is not None:
            raise InvariantFailed("planted", "as arranged", [host.index])

    monkeypatch.setattr(table, "CHECKS", (*table.CHECKS, find_fault))
    failure = play(replace(QUIET, hours=0.2)).failure
    assert failure is not None
    [host] = failure.hosts
    assert failure.givers
    assert host not in failure.givers
    gifts = [words for words in failure.last_words if words.startswith(f"node {host} stored block ")]
    assert gifts
    assert all(
        any(words.startswith(f"node {giver}: ") for words in failure.last_words) for giver in failure.givers
    )


def test_a_broken_seed_is_kept_as_a_scenario_of_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FaultCluster, "take_down", _NoSwitch.take_down)
    file = tmp_path / "found.txt"
    file.write_text("# kept\n", encoding="utf-8")
    arguments = [*ONE_CRASH.to_arguments().split(), "--no-shrink", "--save-scenario", "a switch is missing"]
    assert main([*arguments, "--save-to", str(file)]) == 1
    assert f"saved as 'a switch is missing' in {file}" in capsys.readouterr().out
    [(name, scenario)] = load_scenarios(file).items()
    assert name == "a switch is missing"
    assert scenario == replace(ONE_CRASH, until_s=scenario.until_s)
    failure = play(scenario).failure
    assert failure is not None
    assert failure.name == "no_error_escapes"
