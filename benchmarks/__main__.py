"""``python -m benchmarks``: run them and print a table.  Exit status 1 when a target was not met."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.chains import make_party
from benchmarks.figures import Row
from benchmarks.report import describe, describe_machine, print_rows, write_json, write_rst
from benchmarks.suite import BENCHMARKS, FULL, LARGE, SHORT, Sizes


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 when every target was met."""
    args = _make_parser().parse_args(argv)
    sizes = LARGE if args.large else SHORT if args.short else FULL
    names = args.only or list(BENCHMARKS)
    console, machine = Console(), describe_machine()
    if not console.is_terminal:
        print(describe(machine), flush=True)
    rows = asyncio.run(_run(names, sizes, console))
    if args.short:
        # At this size nothing says whether a target is met.
        rows = [replace(row, target="", is_met=None) for row in rows]
    print_rows(rows, machine, console)
    if args.json is not None:
        write_json(args.json, rows, machine)
    if args.rst is not None:
        write_rst(args.rst, rows, machine)
    return 1 if any(row.is_met is False for row in rows) else 0


async def _run(names: Sequence[str], sizes: Sizes, console: Console) -> list[Row]:
    party = make_party(sizes.senders)
    rows: list[Row] = []
    for name in names:
        with console.status(f"{name} …"):
            rows += await BENCHMARKS[name](party, sizes)
    return rows


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the node's work beside libsecp256k1's bare verify loop and plain SQLite.",
    )
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), help="these benchmarks only")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--large",
        action="store_true",
        help="start on 200,000 blocks with 4,000,000 messages (made once), and simulate 1,000 hypernodes",
    )
    size.add_argument("--short", action="store_true", help="as small as they run, to see that they do")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument(
        "--rst", type=Path, metavar="FILE", help="write the table there for the documentation, too"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
