"""``python -m benchmarks``: run them and print each line as it is there.  Exit status 1 when a target was not
met."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.bounds import Bounds, open_bounds
from benchmarks.chains import make_party
from benchmarks.comparing import compare
from benchmarks.figures import Row
from benchmarks.report import describe, describe_machine, print_row, write_json, write_rst
from benchmarks.suite import BENCHMARKS, FULL, LARGE, SHORT, Bench, Sizes


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 when every target was met."""
    parser = _make_parser()
    args = parser.parse_args(argv)
    sizes = LARGE if args.large else SHORT if args.short else FULL
    console, machine, begun = Console(), describe_machine(), time.monotonic()
    print(describe(machine), flush=True)
    rows = asyncio.run(_run(args.only or list(BENCHMARKS), sizes, console, is_judged=not args.short))
    missed = [row.work for row in rows if row.is_met is False]
    print(f"{len(rows)} lines in {time.monotonic() - begun:.0f} s, {len(missed)} targets not met", flush=True)
    if args.json is not None:
        write_json(args.json, rows, machine)
    if args.rst is not None:
        write_rst(args.rst, rows, machine)
    if args.compare is not None:
        try:
            print(*compare(args.compare, rows), sep="\n")
        except (ValueError, OSError) as error:
            parser.error(str(error))
    return 1 if missed else 0


async def _run(names: Sequence[str], sizes: Sizes, console: Console, *, is_judged: bool) -> list[Row]:
    rows: list[Row] = []
    with open_bounds(sizes.senders, sizes.bound_messages) as bounds:
        bench = Bench(make_party(sizes.senders), sizes, bounds)
        for place, name in enumerate(names, start=1):
            words, work = BENCHMARKS[name]
            print(f"# {place} of {len(names)}, {name}: {words}", file=sys.stderr, flush=True)
            for row in await work(bench):
                # At the short size nothing says whether a target is met.
                rows.append(row if is_judged else replace(row, target="", is_met=None))
                print_row(rows[-1], console)
        for row in _describe_bounds(bounds):
            rows.append(row)
            print_row(row, console)
    return rows


def _describe_bounds(bounds: Bounds) -> list[Row]:
    """What all else was held against."""
    bounds.measure_one()
    bounds.measure_all()
    one, every = median(bounds.one), median(bounds.all)
    return [
        Row("bare verify loop, one core", f"{one:,.0f}/s", figures={"per_second": one}),
        Row(
            f"bare verify loop, a process on each of {bounds.cores} cores",
            f"{every:,.0f}/s, {every / one:.2f} × one core",
            f"from {min(bounds.all):,.0f} to {max(bounds.all):,.0f}",
            figures={"per_second": every},
        ),
    ]


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
        help="start on 200,000 blocks with 4,000,000 messages (made once), a companion of 5,000,000 rows, "
        "and a simulation of 1,000 hypernodes: half an hour",
    )
    size.add_argument("--short", action="store_true", help="as small as they run, to see that they do")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="what changed since a run that --json wrote there"
    )
    parser.add_argument(
        "--rst", type=Path, metavar="FILE", help="write the table there for the documentation, too"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
