"""The command that runs vectors: what it counts, prints, and exits with."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hypernode.__main__ import SUBCOMMANDS, main

FOLDER = Path(__file__).parent


def load(name: str) -> dict[str, Any]:
    """A vector file's object."""
    document: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return document


def write(path: Path, document: object) -> str:
    """A vector file of our own."""
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def find_case(document: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The first case with these fields."""
    cases: list[dict[str, Any]] = document["cases"]
    return next(case for case in cases if fields.items() <= case.items())


def test_files_that_agree_exit_0_with_counts_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", str(FOLDER / "rounds.json"), str(FOLDER / "scores.json")]) == 0
    printed = capsys.readouterr().out
    cases = load("rounds.json")["cases"]
    count = sum(case["kind"] == "round" for case in cases)
    assert f"round: {count} agree, 0 differ as documented, 0 differ" in printed
    assert "0 differ\n" in printed.splitlines(keepends=True)[-1]


def test_documented_differences_are_shown_with_their_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", str(FOLDER / "messages.json")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "differs as documented" in line]
    assert any("(M4: " in line for line in lines)
    assert any("(M5: " in line for line in lines)
    assert all("messages.json #" in line and "expected" in line and "got" in line for line in lines)


TAMPERED = [
    ("addresses.json", {"kind": "valid"}, "address_19", "BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn"),
    ("addresses.json", {"kind": "validate", "result": "ok", "note": "good"}, "hash", "00" * 20),
    ("addresses.json", {"kind": "validate", "result": "ok", "note": "good"}, "result", "error"),
    ("addresses.json", {"kind": "ascii_pubkey_test"}, "input_ascii", "other"),
    ("blocks.json", {"kind": "genesis"}, "timestamp", 1),
    ("blocks.json", {"kind": "block", "note": "4 txs"}, "raw", "00"),
    ("blocks.json", {"kind": "block", "note": "4 txs"}, "block_hash", "00" * 20),
    ("blocks.json", {"kind": "multi"}, "command", "080c"),
    ("frames.json", {"note": "ping without param"}, "frame", "000000020804"),
    ("frames.json", {"command_name": "hello", "which_param": "string_value"}, "parsed", {"port": 1}),
    ("heights.json", {"first_height_is_better": True}, "first_height_is_better", False),
    ("heights.json", {"heights_match": True}, "heights_match", False),
    ("jurors.json", {"kind": "round", "note": "5 HNs"}, "reference_hash", "00" * 20),
    ("jurors.json", {"kind": "round", "note": "5 HNs"}, "get_connect_to", [{"address": "x", "round": 1}]),
    ("jurors.json", {"kind": "mt19937"}, "getrandbits32", [1]),
    ("mempool.json", {"kind": "age", "timestamp_minus_now": 5}, "digest_tx", "raises ValueError"),
    ("mempool.json", {"kind": "age", "timestamp_minus_now": 6}, "digest_tx", "accepted"),
    ("mempool.json", {"kind": "sequence"}, "count", 9),
    ("mempool.json", {"kind": "since"}, "since", {"1": []}),
    ("messages.json", {"kind": "tx"}, "raw", "00"),
    ("messages.json", {"kind": "tx"}, "command", "0807"),
    ("messages.json", {"kind": "bad", "note": "good one"}, "check", "raises ValueError"),
    ("messages.json", {"kind": "bad", "note": "value changed"}, "check", "ok"),
    ("messages.json", {"kind": "unrepresentable"}, "input", {"value": "5"}),
    ("messages.json", {"kind": "unrepresentable"}, "to_raw", "00"),
    ("messages.json", {"kind": "multi"}, "txs", []),
    ("rounds.json", {"kind": "round"}, "round_to_timestamp", 1),
    ("rounds.json", {"kind": "timestamp_to_round_slot"}, "slot", 18),
    ("scores.json", {"weight": 1}, "score", 0.1),
    ("signatures.json", {"note": "plain"}, "valid", False),
    ("signatures.json", {"note": "r=0"}, "valid", True),
]


@pytest.mark.parametrize(("name", "fields", "key", "value"), TAMPERED)
def test_a_tampered_case_is_reported_and_exits_1(
    name: str,
    fields: dict[str, object],
    key: str,
    value: object,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = load(name)
    case = copy.deepcopy(find_case(document, **fields))
    case[key] = value
    document["cases"] = [case]
    assert main(["vectors", write(tmp_path / "tampered.json", document)]) == 1
    printed = capsys.readouterr().out
    assert "tampered.json #0" in printed
    assert "DIFFERS: expected" in printed
    assert ", got " in printed


def test_an_unknown_kind_counts_as_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = load("rounds.json")
    document["cases"].append({"kind": "new"})
    assert main(["vectors", write(tmp_path / "x.json", document)]) == 1
    assert "unknown kind 'new'" in capsys.readouterr().out


def test_an_unknown_format_counts_as_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", write(tmp_path / "x.json", {"cases": [{"kind": "new"}]})]) == 1
    assert "unknown format" in capsys.readouterr().out


def test_a_case_that_cannot_be_run_counts_as_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = load("scores.json")
    document["cases"] += [{"detail": {"new_kpi": 1}, "weight": 1, "score": 0}, 5]
    assert main(["vectors", write(tmp_path / "x.json", document)]) == 1
    printed = capsys.readouterr().out
    assert "raised TypeError" in printed
    assert "expected 'an object'" in printed


def test_a_file_is_known_under_any_name(tmp_path: Path) -> None:
    assert main(["vectors", write(tmp_path / "anything.json", load("jurors.json"))]) == 0


def test_a_folder_means_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.json", load("rounds.json"))
    write(tmp_path / "b.json", load("scores.json"))
    (tmp_path / "notes.txt").write_text("no vectors", encoding="utf-8")
    assert main(["vectors", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "a.json (rounds)" in printed
    assert "b.json (scores)" in printed


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), ("{", "not JSON"), ("[]", "a list 'cases'"), ('{"cases": 5}', "a list 'cases'")],
)
def test_an_unreadable_file_exits_2_and_is_named(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main(["vectors", str(path)]) == 2
    printed = capsys.readouterr().err
    assert str(path) in printed
    assert words in printed
    assert "expected" in printed


def test_an_empty_folder_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", str(tmp_path)]) == 2
    assert "no *.json" in capsys.readouterr().err


def test_no_argument_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["vectors"])
    assert stopped.value.code == 2


def test_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed and command.help in printed for name, command in SUBCOMMANDS.items())


@pytest.mark.parametrize("arguments", [[], ["nothing"]])
def test_an_unknown_command_exits_2_with_the_list(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "commands:" in capsys.readouterr().err


def test_it_runs_as_a_program() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "hypernode", "vectors", str(FOLDER / "scores.json")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "total: " in ran.stdout
