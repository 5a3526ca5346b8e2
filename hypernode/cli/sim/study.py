"""``python -m hypernode sim study`` (``make study``): networks under constant faults, and what they teach.

Results are appended to a file as they come, so that a study that was stopped goes on where it was: cells that
are in the file are not played again.  ``--report`` makes tables and pictures of what the file holds,
``--drawn`` of what needs no nodes: who is drawn as a juror, and whom majorities leave parted.  Exit status:
0 done, 2 usage.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypernode.cli.exit_codes import Exit
from hypernode.cli.output import need_reader

if TYPE_CHECKING:
    from hypernode.study.cells import Cell
    from hypernode.study.results import Result

DEFAULT_RESULTS: Final = Path("study.jsonl")


def main(argv: list[str] | None = None) -> int:
    """Play what is not played yet, or report; returns the exit status."""
    from hypernode.study.cells import EXPERIMENTS, list_cells

    names = [experiment.name for experiment in EXPERIMENTS]
    args = _make_parser(names).parse_args(argv)
    cells = [
        cell
        for cell in list_cells(EXPERIMENTS, args.only or ())
        if not args.nodes or cell.nodes in args.nodes
    ]
    try:
        if args.report is not None:
            from hypernode.cli.sim.study_report import write_report

            write_report(args.report, _load(args.results))
        elif args.drawn is not None:
            _draw(args.drawn)
        elif args.list:
            _list(cells, _load(args.results))
        else:
            need_reader()
            _play(cells, args.results)
    except (OSError, ValueError) as error:
        print(f"study: {error}", file=sys.stderr)
        return Exit.USAGE
    return Exit.OK


def _make_parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hypernode sim study",
        description="Play networks of real nodes under constant faults, and write what they teach.",
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--nodes", nargs="+", type=int, metavar="N", help="only networks of so many hypernodes"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=DEFAULT_RESULTS,
        metavar="FILE",
        help="where results are kept, a line each (default %(default)s)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="show the cells, and which are played; play none")
    what.add_argument(
        "--report", type=Path, metavar="FOLDER", help="write tables and pictures there (docs); play none"
    )
    what.add_argument(
        "--drawn", type=Path, metavar="FOLDER", help="the same of what is drawn by the rules, without nodes"
    )
    return parser


def _draw(folder: Path) -> None:
    from hypernode.cli.sim.study_aftermath import AftermathSizes, write_aftermath
    from hypernode.cli.sim.study_jurors import JurorSizes, write_jurors

    write_jurors(folder, JurorSizes())
    write_aftermath(folder, AftermathSizes())


def _load(path: Path) -> dict[Cell, Result]:
    """What is there; nothing where there is no file.  Raises ValueError with file and line."""
    from hypernode.study.results import decode_results

    try:
        return decode_results(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path}: {error}; move the file away to begin anew") from error


def _list(cells: list[Cell], results: dict[Cell, Result]) -> None:
    for cell in cells:
        print("played" if cell in results else "-", cell, sep="\t")


def _play(cells: list[Cell], path: Path) -> None:
    """One after the other; the file is read anew each time, as another process may play too."""
    from hypernode.study.play import play_cell
    from hypernode.study.results import Result, encode_result

    commit = _get_commit()
    for number, cell in enumerate(cells, start=1):
        if cell in _load(path):
            continue
        begin = time.process_time()
        outcome = play_cell(cell)
        cpu_s = round(time.process_time() - begin, 1)
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        line = encode_result(Result(cell, outcome, cpu_s, date, commit))
        _append(path, line)
        print(f"{number} of {len(cells)} in {cpu_s} s: {line}", flush=True)


def _append(path: Path, line: str) -> None:
    """A line more, in one write.  What a crash cut off goes first."""
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(f"{line}\n".encode())


def _get_commit() -> str:
    """Of the code that plays; ``unknown`` outside a repository."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
