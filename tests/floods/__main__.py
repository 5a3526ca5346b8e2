"""All floods, one after the other, against one node: ``python -m tests.floods [--scale 1] [--slot 3]``."""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
from pathlib import Path

from tests.floods.arena import open_arena
from tests.floods.attacks import FLOODS
from tests.floods.measuring import ATTACKS, Report, run_flood


def parse_arguments() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(prog="python -m tests.floods", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of every flood (default: 1, the full form)")
    parser.add_argument("--slot", type=int, default=3, help="seconds a slot (default: 3)")
    parser.add_argument("--settle", type=float, default=8.0, help="seconds after each flood (default: 8)")
    parser.add_argument(
        "--least", type=float, default=20.0, help="seconds that each flood goes on at least (default: 20)"
    )
    parser.add_argument("--floods", nargs="+", choices=list(ATTACKS), default=list(FLOODS))
    return parser.parse_args()


async def run(arguments: argparse.Namespace) -> int:
    """The exit status: 1 when a flood did what it must not."""
    is_well = True
    with tempfile.TemporaryDirectory() as name:
        async with open_arena(Path(name) / "devnet", arguments.slot) as arena:
            for flood in arguments.floods:
                report = await run_flood(arena, flood, arguments.scale, arguments.settle, arguments.least)
                faults = report.find_faults(with_clocks=True)
                is_well = is_well and not faults
                print(format_report(report), "; ".join(faults), flush=True)
    return 0 if is_well else 1


def format_report(report: Report) -> str:
    """A line."""
    return (
        f"{report.name:17} {report.seconds:5.1f} s | height {report.wait_median_s * 1000:4.0f} ms, at most "
        f"{report.wait_most_s * 1000:4.0f} ms, {report.exchanges:4} | +{report.growth_mib:5.1f} MiB, then "
        f"+{report.left_mib:5.1f} | disk +{report.disk_mib:4.1f} | {report.lines:4} lines | "
        f"forged {report.forged}/{report.slots}"
    )


def raise_file_limit() -> None:
    """As many open files as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    raise_file_limit()
    raise SystemExit(asyncio.run(run(parse_arguments())))
