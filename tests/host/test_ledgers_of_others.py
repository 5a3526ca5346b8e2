"""A companion's ledger that belongs to another user: our tools leave nothing beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.needs import require_root
from tests.unit.pow.ledgers import FIRST, POW_GENESIS, blocks, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ("hn_reg_feed.py", "-f"),
        ("hn_reg_feed.py", "-r", "9"),
        ("-m", "hypernode", "register", "-P", "a" * 56, "-I", "1.2.3.4", "--pos", "x"),
        ("hn_check.py",),
    ],
)
def test_no_tool_makes_anything_beside_a_wal_ledger_of_another_user(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    require_root()  # a file of another user is root's to make
    ledger = tmp_path / "pow" / "ledger.db"
    ledger.parent.mkdir()
    (tmp_path / "config.txt").touch()
    write(ledger, [POW_GENESIS, *blocks(FIRST, FIRST + 30)], journal_mode="WAL")
    os.chown(ledger, 65534, 65534)
    first = [str(ROOT / command[0])] if command[0].endswith(".py") else [command[0]]
    ended = subprocess.run(
        [sys.executable, *first, *command[1:], "--pow-ledger", str(ledger)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "start the PoW node" in ended.stdout + ended.stderr
    assert [path.name for path in ledger.parent.iterdir()] == ["ledger.db"]
