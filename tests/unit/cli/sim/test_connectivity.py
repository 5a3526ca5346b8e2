"""The simulation's command line: table, JSON, pictures, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hypernode.cli.sim.connectivity import ADVICE_PICTURE, PICTURE, main
from hypernode.cli.text_table import MAX_CELL_CHARS, format_table

QUICK = ["--nodes", "12,20", "--connect", "3,5", "--rounds", "1"]


def test_json_has_the_scenario_the_findings_and_the_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--json", "--seed", "7", "--uptime", "1", "--slots", "4"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    answer = json.loads(out)
    assert answer["scenario"]["seed"] == 7
    assert [(f["nodes"], f["max_connect_to"]) for f in answer["findings"]] == [
        (12, 3),
        (12, 5),
        (20, 3),
        (20, 5),
    ]
    assert set(answer["advice"]) == {"12", "20"}
    assert all(f["connected"] == 1 for f in answer["findings"])


def test_the_same_command_gives_the_same_table(capsys: pytest.CaptureFixture[str]) -> None:
    tables = []
    for _ in range(2):
        assert main(QUICK) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]
    assert "MAX_CONNECT_TO should be at least" in tables[0]


def test_nobody_dials_more_than_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nodes", "6", "--connect", "50", "--rounds", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["max_connect_to"] == 5


def test_pictures_are_written(tmp_path: Path) -> None:
    assert main([*QUICK, "--svg", str(tmp_path / "new")]) == 0
    for name in (PICTURE, ADVICE_PICTURE):
        assert ElementTree.parse(tmp_path / "new" / name).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nodes", "0"],
        ["--nodes", "9999"],
        ["--uptime", "0"],
        ["--uptime", "x"],
        ["--weights", "4"],
        ["--rounds", ""],
    ],
)
def test_what_cannot_be_simulated_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_a_network_that_is_none_and_a_folder_that_cannot_be_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--network", "nonet"]) == 2
    (tmp_path / "file").write_text("")
    assert main([*QUICK, "--svg", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("hn_simulate: ") == 2


def test_tables_have_columns_and_escape_what_others_wrote() -> None:
    table = format_table(("name", "n"), [("a", 1), ("\x1b[2J", 22)], left=(0,))
    assert table.splitlines() == ["name      n", "a         1", "\\x1b[2J  22"]
    assert len(format_table(("x",), [("y" * 5_000,)]).splitlines()[1]) < MAX_CELL_CHARS + 100
