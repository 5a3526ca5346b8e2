"""Rewards from real ledger files, ours and the companion's, judged by sums made by hand."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hypernode.cli.rewards import command as rewards
from hypernode.core.registrations.registry import UNREGISTER
from hypernode.core.timeline import compute_round_start
from hypernode.core.types import Block
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    POW_GENESIS,
    START,
    STEP,
    blocks,
    collateral,
    funding,
    pos,
    registering,
    row,
    text_of,
    write,
)
from tests.unit.storage.chains import GENESIS, block, message

A, B, C = (collateral(n) for n in (1, 2, 3))
ROUND = 280
"""The first of three that are asked for; its start is PoW block FIRST + 108."""


def height_at(round_: int) -> int:
    """The PoW block at the start of a round."""
    return FIRST + int((compute_round_start(NETWORK, round_) - START) // STEP)


def write_chain(folder: Path, chain: Sequence[Block]) -> None:
    async def work() -> None:
        (folder / "data").mkdir(exist_ok=True)
        ledger = await open_ledger(InlineDatabase(folder / "data" / "ledger.db"), NETWORK)
        await ledger.append_many(chain)
        await ledger.close()

    asyncio.run(work())


def make_chain(plan: Sequence[tuple[int, int, str]], after: Sequence[int]) -> list[Block]:
    """Blocks from (round, slot, senders: a letter of a hypernode's number for each message), then one in each
    round of ``after``."""
    chain: list[Block] = []
    for round_, sir, senders in [*plan, *((r, 0, "9") for r in after)]:
        parent = chain[-1] if chain else GENESIS
        messages = [message((round_, sir, n), pos(int(number)), pos(9)) for n, number in enumerate(senders)]
        chain.append(block(parent, round_, sir, pos(9), messages))
    return chain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three hypernodes of weights 1, 2 and 3 and rewards to themselves.  B's collateral is gone before the
    second round begins; C unregisters before the third."""
    last = height_at(ROUND + 3) + 30
    pot = NETWORK.reward_pot
    rows = [
        *(funding(FIRST, n, 10_000 * n + 100) for n in (1, 2, 3)),
        *(registering(FIRST + 1, n) for n in (1, 2, 3)),
        row(FIRST + 2, FUNDER, pot, 1_000.75),
        row(FIRST + 3, pot, FUNDER, 0.5, fee=0.25),
        row(height_at(ROUND + 1) - 1, B, FUNDER, 15_000),
        row(height_at(ROUND + 2) - 1, C, C, 0, UNREGISTER, text_of(3)),
        row(height_at(ROUND + 3) + 1, FUNDER, pot, 5_000),
    ]
    mirrors = [row(-height_at(ROUND + 3) + 5, "mirror", pot, 0, fee=0, reward=100)]
    write(tmp_path / "ledger.db", [POW_GENESIS, *blocks(FIRST, last, rows), *mirrors])
    (tmp_path / "config.txt").write_text("POW_LEDGER_DB=ledger.db\n")
    plan = [
        # three messages in a round: score 1
        (ROUND, 0, "111"),
        (ROUND, 1, "222333"),
        (ROUND + 1, 0, "111222333"),
        (ROUND + 2, 0, "111222333"),
    ]
    write_chain(tmp_path, make_chain(plan, [ROUND + 3, ROUND + 6]))
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    span = [] if "--week" in arguments else ["--rounds", f"{ROUND}-{ROUND + 2}"]
    return rewards.main(["--home", str(folder), "--out", str(folder / "out"), *span, *arguments])


def read_csv(folder: Path, name: str) -> list[list[str]]:
    with (folder / "out" / f"rounds{ROUND}-{ROUND + 2}_{name}.csv").open(newline="") as file:
        return list(csv.reader(file))


def read_summary(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    return summary


def test_rewards_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A: 1 in each of 3 rounds; B: 2 in the first only; C: 3 in the first two: 3, 2 and 6 of 11.
    The pot: 1000.75 - 0.5 - 0.25 + 100 = 1100 BIS; what comes after the end of the week does not count."""
    assert run(folder, "--json") == 0
    assert read_csv(folder, "per_hn_address") == [
        ["address", "reward_address", "reward", "total_weight", "weight"],
        [pos(3), C, "600.0", "6", "3"],
        [pos(1), A, "300.0", "3", "1"],
        [pos(2), B, "200.0", "2", "2"],
    ]
    # the unit is 600 / 2 / 3 = 100: 200, 300 and 100 for each of their weights reach it
    assert read_csv(folder, "per_reward_address") == [
        ["reward_address", "reward", "total_weights", "total_tokens"],
        [C, "600.0", "6", "3"],
        [A, "300.0", "3", "1"],
        [B, "200.0", "2", "2"],
    ]
    summary = read_summary(capsys)
    assert (summary["pot"], summary["paid"], summary["total_weights"]) == (1_100, 1_100.0, 11)
    assert summary["pow_height"] == height_at(ROUND + 3)
    assert summary["below_their_weight"] == [
        {"address": B, "rounds": 2, "first": ROUND + 1, "last": ROUND + 2}
    ]
    assert (summary["rounds_without_blocks"], summary["settled"]) == ([], True)


def test_the_csv_is_written_byte_for_byte(folder: Path) -> None:
    assert run(folder) == 0
    text = (folder / "out" / f"rounds{ROUND}-{ROUND + 2}_per_reward_address.csv").read_bytes()
    lines = [f"{C},600.0,6,3", f"{A},300.0,3,1", f"{B},200.0,2,2"]
    assert text.decode() == "\n".join(["reward_address,reward,total_weights,total_tokens", *lines, ""])


def test_a_trigger_above_all_scores_pays_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--trigger", "1.5", "--json") == 0
    summary = read_summary(capsys)
    assert (summary["total_weights"], summary["full_weights"], summary["loss_percent"]) == (0, 11, 100.0)
    assert (summary["entries"], summary["entries_below"], summary["paid"]) == (0, 6, 0.0)
    assert len(read_csv(folder, "per_hn_address")) == 1


def test_the_summary_is_for_people_and_names_what_was_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = folder / "pictures" / "plot.svg"
    assert run(folder, "--entries", "--plot", str(plot)) == 0
    out = capsys.readouterr().out
    assert f"pot at PoW block {height_at(ROUND + 3)}: 1100 BIS" in out
    assert f"left out: {B} was below its weight in 2 rounds" in out
    assert out.count("written: ") == 5
    entries = read_csv(folder, "entries")
    assert entries[0][:3] == ["round", "address", "weight"]
    assert len(entries) == 1 + 3 + 2 + 1
    root = ElementTree.parse(plot).getroot()
    assert root.tag.endswith("svg")


def test_a_second_run_gives_the_same_files_and_others_are_not_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder) == 0
    assert run(folder) == 0
    assert run(folder, "--trigger", "1.5") == 1
    assert "other figures" in capsys.readouterr().err
    assert len(read_csv(folder, "per_hn_address")) == 4
    assert run(folder, "--trigger", "1.5", "--force") == 0
    assert len(read_csv(folder, "per_hn_address")) == 1
    assert not list((folder / "out").glob("*.new"))


def test_our_chain_that_is_not_there_yet_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--rounds", f"{ROUND}-{ROUND + 6}") == 75
    assert f"our chain: its last block is of round {ROUND + 6}" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_companion_that_is_not_there_yet_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--rounds", f"{ROUND}-{ROUND + 3}") == 75
    assert "hn_rewards: the companion: " in capsys.readouterr().err


def test_a_week_that_is_not_over_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--week", "99999") == 75
    assert "week 99999 ends on" in capsys.readouterr().err


def test_without_ledgers_there_is_nothing_to_compute(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--pow-ledger", str(folder / "none.db")) == 75
    assert "the companion" in capsys.readouterr().err
    (folder / "data" / "ledger.db").unlink()
    assert run(folder) == 75
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--week", "0"], ["--week", "x"], ["--rounds", "9-3"], ["--rounds", "5"], ["--trigger", "nan"], []],
)
def test_what_makes_no_sense_is_a_usage_error(folder: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        rewards.main(["--home", str(folder), *arguments])
    assert stop.value.code == 2


def test_recent_rounds_and_rounds_without_blocks_are_warned_about(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data" / "ledger.db").unlink()
    write_chain(folder, make_chain([(ROUND, 0, "111"), (ROUND + 2, 0, "111")], [ROUND + 3]))
    assert run(folder) == 0
    out = capsys.readouterr().out
    assert f"warning: no block in 1 rounds: {ROUND + 1}" in out
    assert "may still replace" in out


def test_a_whole_week(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Week 1: 168 rounds, in each of which everybody writes a message with weight 1."""
    people, first, last = 60, 298, 465
    rows = [r for n in range(1, people + 1) for r in (funding(FIRST, n), registering(FIRST + 1, n))]
    rows.append(row(FIRST + 2, FUNDER, NETWORK.reward_pot, 8_064.9))
    write(tmp_path / "ledger.db", [POW_GENESIS, *blocks(FIRST, height_at(last + 1) + 30, rows)])
    chain: list[Block] = []
    for round_ in [*range(first, last + 1), last + 4]:
        messages = [message((round_, n), pos(n), pos(1), params="x") for n in range(1, people + 1)]
        chain.append(block(chain[-1] if chain else GENESIS, round_, 0, pos(1), messages))
    write_chain(tmp_path, chain)
    arguments = ["--home", str(tmp_path), "--pow-ledger", str(tmp_path / "ledger.db"), "--json"]
    assert rewards.main([*arguments, "--week", "1", "--out", str(tmp_path / "out")]) == 0
    summary = read_summary(capsys)
    assert (summary["pot"], summary["entries"]) == (8_064, people * 168)
    assert summary["total_weights"] == people * 168
    with (tmp_path / "out" / "week1_per_hn_address.csv").open() as file:
        lines = file.read().splitlines()
    assert len(lines) == 1 + people
    assert float(lines[1].split(",")[2]) == 8_064 * 168 / (people * 168)
