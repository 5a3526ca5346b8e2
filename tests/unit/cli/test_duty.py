"""The duty log as an operator reads it: rounds, reasons, totals, and the week's share against hn_rewards."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.app.system_clock import SystemClock
from hypernode.cli import duty
from hypernode.cli.exit_codes import Exit
from hypernode.config.settings import Flags, load_settings
from hypernode.core.params.networks import mainnet
from hypernode.core.timeline import compute_round_slot
from hypernode.health.duty_log import RoundSummary, SlotRecord
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from tests.unit.cli.rewards.test_command import ROUND, folder  # noqa: F401 (a fixture)
from tests.unit.pow.ledgers import pos

NETWORK = mainnet()
PRESENT = compute_round_slot(NETWORK, SystemClock().now())[0]
MISSED = SlotRecord(
    PRESENT - 2, 9, Outcome.MISSED, reason=Reason.NO_CONSENSUS, figures="8 %, over 18 needed", is_final=True
)
FORGED = SlotRecord(PRESENT - 2, 3, Outcome.FORGED, 5, b"\1" * 20, "Bme", pushed=8, targets=9, is_final=True)
FRESH = replace(MISSED, round=PRESENT - 1, is_final=False, also=((Reason.DISK, 4.0),))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "config.txt").write_text("")

    async def fill() -> None:
        ledger = await open_ledger(InlineDatabase(tmp_path / "data" / "ledger.db"), NETWORK)
        summary = RoundSummary(PRESENT - 2, won=2, forged=1, missed=1, tests=14, tests_passed=13, score=4.7)
        await ledger.save_final_round(PRESENT - 3, [], {})
        await ledger.save_final_round(
            PRESENT - 2, [FORGED, MISSED], replace(summary, rank=31, scored=118).to_object()
        )
        await ledger.save_slot_record(FRESH)
        await ledger.close()

    asyncio.run(fill())
    return tmp_path


def run(home: Path, *arguments: str) -> int:
    return duty.main(["--home", str(home), *arguments])


def test_rounds_reasons_and_totals_are_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [
        str(PRESENT - 2),
        *["2", "1", "1", "14", "13", "0", "0", "0", "0", "4.7", "31", "of", "118"],
    ]
    missed = f"round {PRESENT - 2} slot 9: missed, no-consensus: 8 %, over 18 needed"
    assert missed in lines
    fresh = (
        f"round {PRESENT - 1} slot 9: missed (not final), no-consensus: 8 %, over 18 needed; also disk 4 s"
    )
    assert fresh in lines
    assert lines[-3:] == [
        "final: won 2, forged 1, missed 1, taken 0, replaced 0",
        "not final yet: missed 1",
        "why: no-consensus 1",
    ]


def test_only_the_rounds_asked_for_are_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "--rounds", "2") == Exit.OK
    out = capsys.readouterr().out
    assert f"round {PRESENT - 1}" in out
    assert f"round {PRESENT - 2}" not in out


def test_programs_get_one_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "--json") == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert [slot["outcome"] for slot in found["slots"]] == ["forged", "missed", "missed"]
    assert found["slots"][0]["pushed"] == 8
    assert [r["round"] for r in found["rounds"]] == [PRESENT - 2]
    assert found["total"] == {"won": 2, "forged": 1, "missed": 1, "taken": 0, "replaced": 0}
    assert found["reasons"] == {"no-consensus": 1}


def test_a_log_without_a_round_says_when_there_will_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "config.txt").write_text("")
    asyncio.run(_make_empty(tmp_path / "data" / "ledger.db"))
    assert run(tmp_path) == Exit.OK
    assert "two rounds on" in capsys.readouterr().out


async def _make_empty(path: Path) -> None:
    await (await open_ledger(InlineDatabase(path), NETWORK)).close()


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == Exit.CONFIGURATION
    (tmp_path / "config.txt").write_text("")
    assert run(tmp_path) == Exit.TEMPORARY
    assert capsys.readouterr().err.count("duty: ") == 2


@pytest.mark.usefixtures("folder")
def test_the_share_of_a_week_is_that_of_the_rewards(tmp_path: Path) -> None:
    settings, _ = load_settings(Flags(home=tmp_path), tmp_path)
    share = asyncio.run(duty.gather_share(settings, range(ROUND, ROUND + 3), pos(1)))
    assert share is not None
    assert (share.entries, share.weight, share.pot) == (3, 3, share.pot)
    assert share.total_weight > share.weight
    assert share.estimate == share.pot * share.weight / share.total_weight
