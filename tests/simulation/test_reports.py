"""Whatever ends a run is reported with its seed, and can be played again: no run ends in a traceback."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.cli.sim.run import main
from hypernode.node.peers.listening import Listening
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import FaultKind
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
