"""The operator's tools as processes: what they print where nobody watches, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.pow.ledgers import FIRST, POW_GENESIS, blocks, funding, registering, write

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / script), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("script", ["hn_check.py", "hn_reg_feed.py", "hn_rewards.py", "hn_simulate.py"])
def test_help_names_the_script(script: str, tmp_path: Path) -> None:
    ended = run(script, "--help", folder=tmp_path)
    assert ended.returncode == 0
    assert f"usage: {script}" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_feed_is_one_line_of_json(tmp_path: Path) -> None:
    write(
        tmp_path / "ledger.db",
        [POW_GENESIS, *blocks(FIRST, FIRST + 30, [funding(FIRST, 1), registering(FIRST + 1, 1)])],
    )
    ended = run("hn_reg_feed.py", "-f", "--json", "--pow-ledger", "ledger.db", folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["registered"] == 1
    # nothing is left behind: neither beside the ledger nor in the run folder
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]


def test_who_reads_the_first_line_only_is_no_fault(tmp_path: Path) -> None:
    rows = [r for n in range(1, 250) for r in (funding(FIRST, n), registering(FIRST + 1, n))]
    write(tmp_path / "ledger.db", [POW_GENESIS, *blocks(FIRST, FIRST + 30, rows)])
    command = [sys.executable, str(ROOT / "hn_reg_feed.py"), "-f", "--pow-ledger", "ledger.db"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) in (0, 1)


def test_rewards_without_anything_say_what_is_missing(tmp_path: Path) -> None:
    ended = run("hn_rewards.py", "--week", "290", folder=tmp_path)
    assert ended.returncode == 75
    assert ended.stdout == ""
    assert "there is no such file" in ended.stderr
