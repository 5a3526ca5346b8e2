"""The study's command: what is played is kept, what is there is not played again, and the report follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hypernode.cli.sim import study, study_aftermath, study_jurors, study_report
from hypernode.study import cells as cells_module
from hypernode.study.cells import EXPERIMENTS, Cell, Experiment, list_cells
from hypernode.study.outcome import Outcome
from hypernode.study.results import MEASURES, Result, decode_results, encode_result, put_together

TINY = Experiment(
    "loss", "Loss of packets", Cell(nodes=4, connect=3, hours=0.01), "loss", (0.0, 0.1), seeds=1
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells of some seconds instead of all."""
    monkeypatch.setattr(cells_module, "EXPERIMENTS", (TINY,))


@pytest.mark.usefixtures("tiny")
def test_a_study_keeps_what_it_played_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.jsonl"
    assert study.main(["--results", str(path)]) == 0
    text = path.read_text()
    assert list(decode_results(text)) == list_cells([TINY])
    first, second = text.splitlines()
    assert second in capsys.readouterr().out
    # as a crash leaves it, in the middle of the second line
    path.write_text(f"{first}\n{second[:50]}")
    assert study.main(["--results", str(path)]) == 0
    kept, played = path.read_text().splitlines()
    assert kept == first
    assert json.loads(played)["outcome"] == json.loads(second)["outcome"]
    capsys.readouterr()
    assert study.main(["--results", str(path), "--list"]) == 0
    assert capsys.readouterr().out.count("played\t") == 2


@pytest.mark.usefixtures("tiny")
def test_only_networks_of_some_sizes_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = ["--results", str(tmp_path / "study.jsonl"), "--list"]
    assert study.main([*results, "--nodes", "5"]) == 0
    assert capsys.readouterr().out == ""
    assert study.main([*results, "--nodes", "4", "5"]) == 0
    assert capsys.readouterr().out.count("nodes=4") == 2


def _make_results() -> dict[Cell, Result]:
    cells = list_cells(EXPERIMENTS)
    outcome = Outcome(slots=20, fork_longest_s=40.0, struck=True, virtual_s=3_600.0)
    return {
        cell: Result(cell, replace(outcome, filled=n % 20), 30.0, "2026-11-27", "abc")
        for n, cell in enumerate(cells)
    }


def test_a_report_has_a_table_and_a_picture_of_every_experiment(tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    path.write_text("".join(f"{encode_result(result)}\n" for result in _make_results().values()))
    assert study.main(["--results", str(path), "--report", str(tmp_path)]) == 0
    for experiment in EXPERIMENTS:
        name = f"lessons_{experiment.name}"
        assert f".. list-table:: {experiment.title}\n" in (tmp_path / f"{name}.inc").read_text()
        drawn = (tmp_path / "_static" / f"{name}.svg").read_text()
        assert experiment.title in drawn
        ElementTree.fromstring(drawn)
    runs = (tmp_path / "lessons_runs.inc").read_text()
    assert f"{len(_make_results())} runs" in runs
    again = tmp_path / "again"
    again.mkdir()
    study_report.write_report(again, _make_results())
    written = sorted(tmp_path.glob("*.inc"))
    assert [path.read_text() for path in written] == [
        path.read_text() for path in sorted(again.glob("*.inc"))
    ]


def test_what_was_not_played_is_not_shown(tmp_path: Path) -> None:
    results = {cell: result for cell, result in _make_results().items() if cell.loss}
    study_report.write_report(tmp_path, results)
    assert (tmp_path / "lessons_loss.inc").exists()
    assert not (tmp_path / "lessons_uptime.inc").exists()
    assert not (tmp_path / "_static" / "lessons_uptime.svg").exists()


def test_every_measure_and_axis_has_its_words() -> None:
    for experiment in EXPERIMENTS:
        sheet = study_report.get_sheet(experiment)
        assert set(sheet.charts) <= set(sheet.measures) <= set(MEASURES)
        assert study_report.format_points(experiment, put_together(experiment, _make_results()))
    assert set(study_report.SHEETS) == {experiment.name.removesuffix("_large") for experiment in EXPERIMENTS}


def test_a_spoiled_file_and_an_empty_report_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.jsonl"
    path.write_text("nonsense\n")
    assert study.main(["--results", str(path)]) == 2
    assert f"{path}: line 1 is no result" in capsys.readouterr().err
    assert study.main(["--results", str(tmp_path / "none"), "--report", str(tmp_path)]) == 2
    assert "play some cells first" in capsys.readouterr().err


def test_what_is_drawn_has_its_tables_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jurors = study_jurors.JurorSizes((20, 30), (0.1, 0.3), (1, 5), (1, 3), (0.0, 0.2), 20, 10)
    aftermath = study_aftermath.AftermathSizes(((20, 5), (20, 19)), (0.1, 0.4), 3)
    monkeypatch.setattr(study_jurors, "JurorSizes", lambda: jurors)
    monkeypatch.setattr(study_aftermath, "AftermathSizes", lambda: aftermath)
    assert study.main(["--drawn", str(tmp_path)]) == 0
    tables = (tmp_path / "lessons_jurors.inc").read_text()
    assert tables.count(".. list-table::") == 4
    # a row for each part in the three of conspirators; two more for thirty hypernodes
    assert tables.count("* - 10\n") == tables.count("* - 30\n") - 2 == 3
    assert "slots, %: 20 % away" in tables
    assert "slots, %: of 5" in tables
    assert "last slots of a round, %: no choice" in tables
    rows = (tmp_path / "lessons_aftermath.inc").read_text()
    assert rows.count("* - 20\n") == 2
    assert "Runs of 3 " in rows
    assert "- 3, 3\n" in rows
    for name in ("jurors", "aftermath"):
        ElementTree.fromstring((tmp_path / "_static" / f"lessons_{name}.svg").read_text())
