"""``make soak``: power cuts and kills by the thousand, then simulated networks.  ``--seed`` replays a run,
``--minutes`` bounds it.

Exit status 0 when nothing was lost and every invariant held; 1 with the seed of what did not.  The short form
is in the test suite.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.soak import kills, power_cuts, simulations

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Part:
    """What is done ``times`` times, in eras that each replay from a seed of their own."""

    name: str
    times: int
    era: int
    play: Callable[[int, int, Advance], Counter[str]]


def _play_power_cuts(seed: int, lives: int, advance: Advance) -> Counter[str]:
    return asyncio.run(power_cuts.play_era(seed, lives, on_cut=advance))


PARTS: Final = (
    Part("power cuts", 3_000, power_cuts.LIVES_OF_AN_ERA, _play_power_cuts),
    Part("kills: digest, swap, prune", 320, kills.LIVES_OF_AN_ERA, kills.play_storage_era),
    Part("kills: forge", 240, kills.LIVES_OF_AN_ERA, kills.play_forging_era),
)


PART_NAMES: Final = ("storage", "simulations")


def main(argv: list[str]) -> int:
    """Run all parts; each stops when its share of the time is over."""
    args = _parse_arguments(argv)
    console, started = Console(), time.monotonic()
    console.print(f"seed {args.seed}")
    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results: dict[str, Counter[str]] = {}
    parts = PARTS if "storage" in args.parts else ()
    # The simulations have a share of the time too, where they are played.
    shares = len(parts) + ("simulations" in args.parts)
    with Progress(*columns, console=console) as progress:
        for number, part in enumerate(parts, start=1):
            until = started + 60 * args.minutes * number / shares
            task = progress.add_task(part.name, total=part.times)
            try:
                results[part.name] = _run(part, args.seed, until, partial(progress.advance, task))
            except AssertionError as failure:
                console.print(f"[red]{part.name}: {failure}[/red] (a whole run: --seed {args.seed})")
                return 1
            progress.stop_task(task)
    if results:
        _show(console, results, time.monotonic() - started)
    if "simulations" not in args.parts:
        return 0
    left = args.minutes - (time.monotonic() - started) / 60
    return simulations.main(["--minutes", f"{max(0.0, left):.2f}", "--seed", str(args.seed)])


def _run(part: Part, seed: int, until: float, advance: Advance) -> Counter[str]:
    done = Counter[str]()
    for number in range(part.times // part.era):
        if time.monotonic() >= until:
            break
        done += part.play(seed + number, part.era, advance)
    return done


def _show(console: Console, results: dict[str, Counter[str]], elapsed_s: float) -> None:
    table = Table("part", "what was done", title=f"nothing lost, nothing half, in {elapsed_s:.0f} s")
    for name, done in results.items():
        table.add_row(name, ", ".join(f"{count} {what}" for what, count in sorted(done.items())))
    console.print(table)


def _parse_parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if set(names) - set(PART_NAMES):
        raise argparse.ArgumentTypeError(f"expected one or more of {', '.join(PART_NAMES)}, not {text!r}")
    return names


def _parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make soak", description="Power cuts and kills by the thousand, simulated networks."
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="at most so long (default: 60)")
    parser.add_argument(
        "--parts",
        type=_parse_parts,
        default=PART_NAMES,
        help="storage (power cuts and kills), simulations, or both (default: both)",
    )
    parser.add_argument("--seed", type=int, help="of the first era; the next ones count on")
    args = parser.parse_args(argv)
    if args.seed is None:
        args.seed = int(time.time())
    return args


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
