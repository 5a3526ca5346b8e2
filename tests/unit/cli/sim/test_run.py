"""The command line of the simulation: its report, its exit status, and how it says what broke."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.cli.sim.run import format_failure, format_report, main
from hypernode.sim.faults.plan import parse_kinds
from hypernode.sim.report import Failure, Report
from hypernode.sim.scenario import Scenario


def test_a_quiet_network_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nodes", "4", "--hours", "0.3", "--faults", "none", "--seed", "2"]) == 0
    out = capsys.readouterr().out
    assert "slots           6 of 6 have a block (100.0 %)" in out
    assert "times real time" in out
    assert "nothing to heal" in out


def test_too_few_hypernodes_make_no_block_unless_the_bar_is_lower(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One in ten runs, which is below the 11 % of all registered that main's rules want."""
    few = ["--nodes", "4", "--registered", "40", "--hours", "0.15", "--faults", "none"]
    assert main(few) == 0
    out = capsys.readouterr().out
    assert "network         4 of 40 registered run, real signatures" in out
    assert "slots           0 of 3 have a block (0.0 %)" in out
    assert main([*few, "--tune", "MIN_FORGE_CONSENSUS=0,TESTS_PER_SLOT=100"]) == 0
    assert "slots           0 of" not in capsys.readouterr().out


def test_legacy_nodes_are_mixed_in(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--nodes", "4", "--legacy", "1", "--hours", "0.15", "--faults", "none"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "playing --nodes 4 --hours 0.15 --seed 1 --faults none --legacy 1:" in out
    assert "legacy nodes    1 of 1 on our chain at the end; they stopped themselves 0 times" in out


def test_the_plan_can_be_read_without_playing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plan", "--nodes", "9", "--hours", "5", "--faults", "crash", "--seed", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(" crash of " in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nodes", "2"], "from 3 to"),
        (["--hours", "0"], "above 0"),
        (["--connect", "1"], "2 or more"),
        (["--faults", "gremlins"], "no fault 'gremlins'"),
        (["--nodes", "20", "--registered", "19"], "--registered: from --nodes to 1000, not 19"),
        (["--nodes", "4", "--legacy", "4"], "--legacy: from 0 to 3, one less than --nodes, not 4"),
        (["--legacy", "-1"], "--legacy: from 0 to 19"),
        (["--keep", "1,two"], "--keep: expected numbers as 0,3, or none, not '1,two'"),
        (["--limit", "3:600"], "--limit: expected numbers as 3:600:1+2,5:80:0, not '3:600'"),
        (["--main-numbers", "--nodes", "11"], "--main-numbers: takes --nodes 12 or more, not 11"),
        (["--registered", "1001"], "--registered: from --nodes to 1000, not 1001"),
        (["--tune", "MIN_FORGE_CONSENSUS=67"], "--tune: rainbow 'MIN_FORGE_CONSENSUS=67': expected a whole"),
    ],
)
def test_what_cannot_be_played_is_a_usage_error(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_a_failure_says_how_to_see_it_again() -> None:
    scenario = Scenario(5, nodes=7, hours=3.0, kinds=parse_kinds("crash,clone"), keep=(0, 2))
    failure = Failure("nobody_signs_twice", "node 3 signed 2 blocks", 1234.5, (3,), ("node 3: forged",))
    text = format_failure(scenario, failure)
    assert "BROKEN          nobody_signs_twice" in text
    assert (
        "sim run --nodes 7 --hours 3 --seed 5 --faults crash,clone --keep 0,2 --until 1236 --no-shrink"
        in text
    )
    assert "node 3: forged" in text


def test_what_broke_at_the_stop_is_played_to_the_stop_again() -> None:
    """An hour more, or less, might not break."""
    failure = Failure("no_task_leaks", "1 tasks go on", 3_602.0, (), ())
    scenario = Scenario(5, nodes=7, hours=3.0, until_s=3_600.0)
    assert "--faults all --until 3600 --no-shrink" in format_failure(scenario, failure)
    assert "--faults all --no-shrink" in format_failure(Scenario(5, nodes=7, hours=1.0), failure)


@pytest.mark.parametrize(
    ("times", "cut_short", "words"),
    [
        ([], 0, "nothing to heal"),
        ([], 2, "none of 2 healings came to its end"),
        ([10.0, 40.0, 4.4], 0, "10 s in the middle, 40 s at most, of 3 healings (10, 40, 4)"),
        ([10.0], 2, "10 s in the middle, 10 s at most, of 1 healings (10); 2 more were cut short"),
        ([7.0] * 11, 0, "7 s in the middle, 7 s at most, of 11 healings"),
    ],
)
def test_times_to_agree_are_told_one_by_one_where_they_are_few(
    times: list[float], cut_short: int, words: str
) -> None:
    report = Report(Scenario(1), agreed_after_s=times, cut_short=cut_short)
    assert f"time to agree   {words}\n" in format_report(report, 1.0)


def test_the_command_of_a_scenario_has_all_that_it_follows_from() -> None:
    scenario = Scenario(5, nodes=7, registered=70, tuned="PING_DELAY=20", connect=4, until_s=9.0, legacy=2)
    scenario = replace(scenario, worthless=9)
    more = "--connect 4 --legacy 2 --worthless 9 --registered 70 --tune 'PING_DELAY=20' --until 9"
    assert scenario.to_arguments() == f"--nodes 7 --hours 2 --seed 5 --faults all {more}"
    assert scenario.make_network().default_tunables.ping_delay_s == 20
    assert len({hypernode.ip for hypernode in scenario.make_network().hypernodes}) == 70
