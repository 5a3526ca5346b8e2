"""Every benchmark runs, as small as it can be, and yields its rows; how long it took is asserted nowhere."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import catching_up
from benchmarks.bounds import Bounds, open_bounds
from benchmarks.chains import fill_blocks, load_chain, make_party
from benchmarks.comparing import compare
from benchmarks.figures import USUAL_NOISE, Row, compute_median_ratio, compute_noise, interleave
from benchmarks.ledgers import load_ledger
from benchmarks.other_end import start_other_end
from benchmarks.report import describe_machine, print_row, write_json
from benchmarks.suite import BENCHMARKS, SHORT, Bench
from hypernode.app import verifier
from hypernode.core.block import create_genesis
from hypernode.machine.peers import Support
from hypernode.net import stream
from hypernode.storage.database import open_database
from hypernode.storage.ledger import open_ledger
from tests.unit.node.beds import Bed, play

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


@pytest.fixture(scope="module")
def bounds() -> Iterator[Bounds]:
    """The loops of all cores, started once."""
    with open_bounds(SHORT.senders, SHORT.bound_messages) as made:
        yield made


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_runs_and_yields_its_rows(name: str, bounds: Bounds) -> None:
    words, work = BENCHMARKS[name]
    rows = asyncio.run(work(Bench(PARTY, SHORT, bounds)))
    assert words
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


def test_bounds_are_those_of_one_core_and_of_all(bounds: Bounds) -> None:
    one, every = bounds.measure_one(), bounds.measure_all()
    assert bounds.cores == len(os.sched_getaffinity(0))
    assert bounds.one[-1] == one > 0
    assert bounds.all[-1] == every > 0
    assert bounds.mean_all(every) == (every + bounds.all[-1]) / 2


def test_rows_are_shown_as_text_and_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    for row in ROWS:
        print_row(row, screen)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "[red]else" in shown
    assert "NOT met" in shown
    for row in ROWS:
        print_row(row, Console(file=io.StringIO()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t") == ["this", "5 ms", "bound: 4 ms", "≤ 6 ms", "met"]
    assert len(lines) == 3


def use_rows(patch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    async def disk(bench: Bench) -> list[Row]:
        return rows

    patch.setattr(command, "BENCHMARKS", {**BENCHMARKS, "disk": ("bytes", disk)})
    patch.setattr(command, "FULL", SHORT)


def test_command_prints_each_line_as_it_is_there_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_rows(monkeypatch, ROWS)
    path = tmp_path / "figures.json"
    assert command.main(["--only", "disk", "--json", str(path)]) == 1
    value = json.loads(path.read_text(encoding="utf-8"))
    assert [row["met"] for row in value["rows"]][:3] == [True, False, None]
    assert value["rows"][0]["figures"] == {"ms": 5.0}
    assert [row["work"].split(",")[0] for row in value["rows"][3:]] == ["bare verify loop"] * 2
    assert {"date", "commit", "processor", "cores"} <= value["machine"].keys()
    captured = capsys.readouterr()
    assert "# 1 of 1, disk: bytes" in captured.err
    assert re.search(r"^5 lines in \d+ s, 1 targets not met$", captured.out, re.MULTILINE)
    # so small that no target means anything
    assert command.main(["--only", "disk", "--short"]) == 0
    assert "NOT met" not in capsys.readouterr().out


def test_a_run_is_compared_with_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "before.json"
    was = [
        Row("slower", "", figures={"ratio": 1.0, "ms": 5.0}),
        Row("a little slower", "", figures={"ratio": 1.0}),
        Row("noisy", "", figures={"ratio": 1.0}, noise=0.3),
        Row("went", "", figures={"ratio": 1.0}),
        Row("words only", "so"),
    ]
    now = [
        replace(was[0], figures={"ratio": 0.85, "ms": 9.0}),
        replace(was[1], figures={"ratio": 0.92}),
        replace(was[2], figures={"ratio": 0.70}),
        was[4],
        Row("came", "2 s"),
    ]
    write_json(path, was, describe_machine())
    assert compare(path, now) == [
        "-15% slower: ratio 1 → 0.85 (noise 10%)",
        "new: came: 2 s",
        "gone: went",
    ]
    assert compare(path, was) == ["nothing changed by more than the noise, in 5 lines"]
    use_rows(monkeypatch, now)
    assert command.main(["--only", "disk", "--compare", str(path)]) == 0
    assert "-15% slower" in capsys.readouterr().out
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(SystemExit):
        command.main(["--only", "disk", "--compare", str(path)])
    assert "not what --json writes" in capsys.readouterr().err


def test_noise_is_half_of_what_lies_between_the_quartiles() -> None:
    assert compute_noise([1.0, 9.0]) == USUAL_NOISE
    assert compute_noise([1.0, 1.0, 1.0, 1.0]) == USUAL_NOISE
    assert compute_noise([0.8, 1.0, 1.2, 0.2, 5.0]) == pytest.approx(0.2)


def test_catching_up_with_processes_or_one_lost_gives_the_same_chain(
    monkeypatch: pytest.MonkeyPatch, bounds: Bounds
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
        for row in await catching_up.measure(PARTY, bounds, 25, 6, 1):
            assert row.figures["per_second"] > 0

    asyncio.run(scenario())
    assert len(done) >= 2
