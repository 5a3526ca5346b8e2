"""``hn_rewards.py``: who earned what in a week (spec 7), from our ledger and the companion's.

Beside a running node or without one; nothing is written but the files that are asked for.  Exit status: 0
done, 1 other figures are there already, 2 usage, 75 the week is not finished (says whether it is our chain or
the companion that is not there yet) or something cannot be read for now, 78 configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypernode.cli.companion import add_folder_flags, load_tool_settings, open_companion
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.cli.companion import Companion
    from hypernode.config.settings import Settings
    from hypernode.node.chain.reward_week import RewardWeek

DEFAULT_OUT: Final = Path("rewards")
MAX_ROUNDS: Final = 1_000


class UsageError(Exception):
    """A week that there cannot be, in words."""


def main(argv: list[str] | None = None) -> int:
    """Compute, write, say; returns the exit status."""
    parser = _make_parser()
    args = parser.parse_args(argv)
    from hypernode.app.system_clock import SystemClock
    from hypernode.cli.rewards.files import FilesDiffer
    from hypernode.config.parameter_table import ConfigError
    from hypernode.node.chain.reward_week import WeekNotFinished
    from hypernode.ports.registrations import PowNotReady
    from hypernode.ports.storage_faults import StorageFault
    from hypernode.storage.interface import StorageError

    try:
        settings = load_tool_settings(args)
        name, rounds = _choose_rounds(args, settings, SystemClock().now())
        week = asyncio.run(_gather(args, settings, open_companion(settings), rounds))
        return _report(args, settings, name, week)
    except ConfigError as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except (WeekNotFinished, PowNotReady, StorageError, StorageFault, OSError) as error:
        return _fail(str(error), Exit.TEMPORARY)
    except FilesDiffer as error:
        return _fail(str(error), Exit.NEGATIVE)
    except UsageError as error:
        return _fail(str(error), Exit.USAGE)
    except KeyboardInterrupt:
        return _fail("interrupted", Exit.TEMPORARY)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hn_rewards.py", description="Compute the rewards of a week, and write them as two CSV files."
    )
    span = parser.add_mutually_exclusive_group(required=True)
    span.add_argument("--week", type=_parse_week, help="number of the week; it ends on a Saturday, 08:00 UTC")
    span.add_argument(
        "--rounds", type=_parse_rounds, metavar="FIRST-LAST", help="other rounds than those of a week"
    )
    parser.add_argument(
        "--trigger",
        type=_parse_score,
        default=0.0,
        help="score that an entry must reach (default 0; 0.2 in the first weeks)",
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER", help="for the files (default ./rewards)"
    )
    parser.add_argument("--entries", action="store_true", help="write a third file with all entries")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw scores and rewards")
    parser.add_argument("--force", action="store_true", help="replace files with other figures")
    parser.add_argument("--json", action="store_true", help="the summary as JSON on one line")
    add_folder_flags(parser)
    return parser


def _parse_week(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected the number of a week, not {text!a}")
    return int(text)


def _parse_rounds(text: str) -> range:
    first, dash, last = text.partition("-")
    if not (dash and all(part.isascii() and part.isdecimal() and len(part) < 10 for part in (first, last))):
        raise argparse.ArgumentTypeError(f"expected two rounds as 100-267, not {text!a}")
    if not int(first) <= int(last) < int(first) + MAX_ROUNDS:
        raise argparse.ArgumentTypeError(f"expected at most {MAX_ROUNDS} rounds, the first one first")
    return range(int(first), int(last) + 1)


def _parse_score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = float("nan")
    if not -100 <= score <= 100:
        raise argparse.ArgumentTypeError(f"expected a score as 0.2, not {text!a}")
    return score


def _choose_rounds(args: argparse.Namespace, settings: Settings, now: float) -> tuple[str, range]:
    """What the files are called after, and the rounds.  Raises UsageError, WeekNotFinished."""
    from hypernode.cli.rewards.summary import show_time
    from hypernode.core.rewards import compute_last_week, compute_week_end, compute_week_rounds
    from hypernode.node.chain.reward_week import WeekNotFinished

    if args.rounds is not None:
        return f"rounds{args.rounds[0]}-{args.rounds[-1]}", args.rounds
    if args.week > compute_last_week(now):
        end, last = show_time(compute_week_end(args.week)), compute_last_week(now)
        raise WeekNotFinished(f"week {args.week} ends on {end}; the last one that is over is {last}")
    try:
        return f"week{args.week}", compute_week_rounds(settings.params, args.week)
    except ValueError as error:
        raise UsageError(str(error)) from error


async def _gather(
    args: argparse.Namespace, settings: Settings, companion: Companion, rounds: range
) -> RewardWeek:
    from hypernode.node.chain.reward_week import gather_week
    from hypernode.pow.ledger.past_balances import read_past_balances
    from hypernode.storage.ledger import open_ledger_to_read
    from hypernode.storage.read_only import SnapshotDatabase

    tell = _make_tell(args)
    try:
        database = SnapshotDatabase(settings.ledger_path)
        try:
            ledger = await open_ledger_to_read(database, settings.params)
            return await gather_week(
                settings.params,
                ledger,
                companion.source,
                lambda addresses: read_past_balances(
                    companion.file, addresses, lambda part: tell("reading balances", round(100 * part), 100)
                ),
                rounds,
                tell,
            )
        finally:
            await database.close()
    finally:
        await companion.source.close()


def _make_tell(args: argparse.Namespace) -> Callable[[str, int, int], None]:
    """Progress on a terminal, on one line; nothing elsewhere."""
    if args.json or not sys.stderr.isatty():
        return lambda what, done, total: None

    def tell(what: str, done: int, total: int) -> None:
        end = "\n" if done == total else ""
        print(f"\rhn_rewards: {what} {done} of {total}   ", end=end, file=sys.stderr, flush=True)

    return tell


def _report(args: argparse.Namespace, settings: Settings, name: str, week: RewardWeek) -> Exit:
    """Write the files and say what is in them.  Raises FilesDiffer, OSError."""
    from hypernode.cli.rewards.files import draw_rewards, format_files, save_files
    from hypernode.cli.rewards.summary import format_file, format_json, format_text, summarise
    from hypernode.core.rewards import compute_rewards

    rewards = compute_rewards(week.entries, week.pot, args.trigger)
    summary = summarise(settings.params, name, week, rewards)
    files = format_files(name, rewards, week.entries if args.entries else None)
    files[f"{name}_summary.json"] = format_file(summary)
    save_files(args.out, files, is_forced=args.force)
    written = [args.out / file for file in files]
    if args.plot is not None:
        args.plot.parent.mkdir(parents=True, exist_ok=True)
        args.plot.write_text(draw_rewards(f"Rewards of {name}", rewards, week.entries), encoding="utf-8")
        written.append(args.plot)
    show = format_json if args.json else format_text
    print(show(summary, written, is_settled=week.is_settled))
    return Exit.OK


def _fail(words: str, status: Exit) -> int:
    print(f"hn_rewards: {words}", file=sys.stderr)
    return status
