"""Every benchmark runs, as small as it can be, and yields its rows; how long it took is asserted nowhere."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import catching_up
from benchmarks.chains import fill_blocks, load_chain, make_party
from benchmarks.figures import Row, compute_median_ratio, interleave
from benchmarks.ledgers import load_ledger
from benchmarks.other_end import start_other_end
from benchmarks.report import describe_machine, print_rows
from benchmarks.suite import BENCHMARKS, SHORT
from hypernode.app import verifier
from hypernode.core.block import create_genesis
from hypernode.machine.peers import Support
from hypernode.net import stream
from hypernode.storage.database import open_database
from hypernode.storage.ledger import open_ledger
from tests.unit.node.worlds import Bed, play

PARTY = make_party(SHORT.senders)
ROWS = [
    Row("this", "5 ms", "bound: 4 ms", "≤ 6 ms", True, {"ms": 5.0}),
    Row("that", "9/s", "", "≥ 10/s", False, {"per_second": 9.0}),
    Row("[red]else", "3", figures={"count": 3.0}),
]


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is kept between runs goes into a folder of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_runs_and_yields_its_rows(name: str) -> None:
    rows = asyncio.run(BENCHMARKS[name](PARTY, SHORT))
    assert rows
    assert len({row.work for row in rows}) == len(rows)
    for row in rows:
        assert row.measured
        assert row.figures
        assert all(figure > 0 for figure in row.figures.values())
        assert (row.is_met is None) == (not row.target)


def test_other_end_that_says_nothing_is_named() -> None:
    async def scenario() -> None:
        async with start_other_end("benchmarks.figures"):
            """Not reached."""

    with pytest.raises(RuntimeError, match=r"benchmarks\.figures did not start"):
        asyncio.run(scenario())


def test_generated_chain_is_valid_by_every_rule_and_is_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        chain = await load_chain(PARTY, 22, 7)
        assert await load_chain(PARTY, 22, 7) == chain
        assert [block.height for block in chain] == list(range(1, 23))
        assert {len(block.messages) for block in chain} == {7}
        bed = Bed()
        bed.clock.step(chain[-1].timestamp - bed.clock.now())
        node = await bed.node(params=PARTY.params)
        outcome = await node.chain.adopt(0, chain, None, Support(0, 1))
        assert outcome.adopted
        assert await node.ports.ledger.count_findings() == {}

    play(scenario())


def test_filled_ledger_has_its_blocks_and_is_made_once() -> None:
    async def scenario() -> None:
        path = await load_ledger(PARTY, 45, 4)
        made = path.stat().st_mtime_ns
        assert await load_ledger(PARTY, 45, 4) == path
        assert path.stat().st_mtime_ns == made
        ledger = await open_ledger(await open_database(path), PARTY.params)
        stored = await ledger.get_blocks(1, 100)
        await ledger.close()
        assert stored == list(fill_blocks(PARTY, create_genesis(PARTY.params), 45, 4))

    asyncio.run(scenario())


def test_runs_are_interleaved_and_their_ratio_is_the_median_of_the_pairs() -> None:
    order: list[str] = []

    def note(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    times = interleave({"work": lambda: note("work", 2.0), "bound": lambda: note("bound", 1.0)}, 3)
    assert order == ["work", "bound"] * 3
    assert times == {"work": [2.0] * 3, "bound": [1.0] * 3}
    # one disturbed run on either side does not tell
    assert compute_median_ratio({"work": [2.0, 9.0, 2.0], "bound": [1.0, 1.0, 7.0]}, "work", "bound") == 0.5


def test_table_shows_every_row_as_text_and_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    print_rows(ROWS, describe_machine(), screen)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "[red]else" in shown
    assert "NOT met" in shown
    assert "cores" in shown
    print_rows(ROWS, describe_machine(), Console(file=io.StringIO()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t") == ["this", "5 ms", "bound: 4 ms", "≤ 6 ms", "met"]
    assert len(lines) == 3


def test_command_writes_its_figures_and_says_what_is_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def disk(*args: object) -> list[Row]:
        return ROWS

    monkeypatch.setattr(command, "BENCHMARKS", {**BENCHMARKS, "disk": disk})
    path = tmp_path / "figures.json"
    assert command.main(["--only", "disk", "--json", str(path)]) == 1
    value = json.loads(path.read_text(encoding="utf-8"))
    assert [row["met"] for row in value["rows"]] == [True, False, None]
    assert value["rows"][0]["ms"] == 5.0
    assert {"date", "commit", "processor", "cores"} <= value["machine"].keys()
    # so small that no target means anything
    assert command.main(["--only", "disk", "--short"]) == 0
    assert "NOT met" in capsys.readouterr().out.split("\n5 ms")[0]


def test_catching_up_with_processes_or_one_lost_gives_the_same_chain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Answers of every length go to processes; the first of these is killed in its first job."""
    monkeypatch.setattr(stream, "LONG_BYTES", 0)
    monkeypatch.setattr(verifier, "MUCH_BYTES", 0)
    done: list[bool] = []
    check = verifier.ThreadVerifier._check_in_process

    async def check_and_kill(self: verifier.ThreadVerifier, *args: Any) -> Any:
        if len(done) == 1:
            for pid in self.worker_pids:
                os.kill(pid, signal.SIGKILL)
        done.append(True)
        return await check(self, *args)

    monkeypatch.setattr(verifier.ThreadVerifier, "_check_in_process", check_and_kill)

    async def scenario() -> None:
        [row] = await catching_up.measure(PARTY, 25, 6, 1)
        assert row.figures["per_second"] > 0

    asyncio.run(scenario())
    assert len(done) >= 2
