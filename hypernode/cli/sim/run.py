"""``python -m hypernode sim run`` (``make sim``): real nodes live through faults on virtual time.

Everything follows from the arguments: the same ones give the same trace hash.  When an invariant breaks, or
anything else ends the run, it says which, when and why, the command that plays up to there, and a smaller
scenario that breaks too.  Exit status: 0 all held, 1 something broke, 2 usage.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, TypeVar

from hypernode.cli.exit_codes import Exit
from hypernode.cli.output import need_reader

if TYPE_CHECKING:
    from hypernode.sim.play import Progress
    from hypernode.sim.report import Failure, Report
    from hypernode.sim.scenario import Scenario

T = TypeVar("T")

MAX_NODES: Final = 1_000
MAX_WORTHLESS: Final = 10_000
MAX_HOURS: Final = 24.0 * 365
LINE_EVERY_S: Final = 10.0
"""Real seconds between lines where there is no terminal."""
MAX_HEALINGS: Final = 10
"""Whose times are told one by one."""
FOUND_FILE: Final = "tests/simulation/found.txt"
"""In the source tree: the scenarios that the suite plays again."""
_COMMAND: Final = "python -m hypernode sim run"


def main(argv: list[str] | None = None) -> int:
    """Play, report, and shrink what breaks; returns the exit status."""
    parser = _make_parser()
    args = parser.parse_args(argv)
    try:
        scenario = _make_scenario(args)
    except ValueError as error:
        parser.error(str(error))
    if args.plan:
        print("\n".join(str(fault) for fault in scenario.make_plan()))
        return Exit.OK
    need_reader()
    from hypernode.sim.play import play

    print(f"playing {scenario.to_arguments()}: {len(scenario.make_plan())} faults", flush=True)
    begin = time.perf_counter()
    with _showing_progress() as show:
        report = play(scenario, show)
    print(format_report(report, time.perf_counter() - begin), flush=True)
    if report.failure is None:
        return Exit.OK
    print(format_failure(scenario, report.failure), flush=True)
    smallest = scenario.play_until(report.failure.at_s) if args.no_shrink else _shrink(report)
    if args.save_scenario:
        save_scenario(args.save_to, args.save_scenario, smallest)
        print(f"saved as {args.save_scenario!r} in {args.save_to}")
    return Exit.NEGATIVE


def save_scenario(path: Path, name: str, scenario: Scenario) -> None:
    """Put it under a name into the file whose scenarios the suite plays."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{name}: {scenario.to_arguments()}\n")


def load_scenarios(path: Path) -> dict[str, Scenario]:
    """What ``save_scenario`` wrote, by name; lines that begin with a # are comments.  Raises ValueError."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, arguments = line.split(": ", 1)
            found[name] = parse_scenario(shlex.split(arguments))
    return found


def parse_scenario(argv: list[str]) -> Scenario:
    """Of ``Scenario.to_arguments``.  Raises ValueError."""
    return _make_scenario(_make_parser().parse_args(argv))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_COMMAND, description="Play a network through faults on virtual time, and check it all along."
    )
    parser.add_argument("--nodes", type=int, default=20, help="hypernodes (default %(default)s)")
    parser.add_argument(
        "--legacy",
        type=int,
        default=0,
        metavar="N",
        help="of --nodes, the first N run a legacy node (default %(default)s)",
    )
    parser.add_argument(
        "--registered",
        type=int,
        default=0,
        metavar="N",
        help="hypernodes on the list, of which --nodes run (default: no others)",
    )
    parser.add_argument(
        "--worthless",
        type=int,
        default=0,
        metavar="N",
        help="registrations without collateral beside those (default %(default)s)",
    )
    parser.add_argument(
        "--main-numbers",
        action="store_true",
        help="peers, active ones and /16s that main asks for, hosts that share a /16, weights from 1 to 3",
    )
    parser.add_argument(
        "--tune",
        default="",
        metavar="ITEMS",
        help="parameters other than main's, as in a rainbow: MIN_FORGE_CONSENSUS=0,TESTS_PER_SLOT=50",
    )
    parser.add_argument(
        "--quick-signer",
        action="store_true",
        help="hashes for signatures: a bit quicker, and says nothing of forgeries",
    )
    parser.add_argument("--hours", type=float, default=2.0, help="virtual hours (default %(default)g)")
    parser.add_argument(
        "--faults", default="all", help="all, every, none, or kinds separated by commas (default all)"
    )
    parser.add_argument(
        "--swarm", action="store_true", help="3 to 6 of the kinds, by the seed, and many of them at a time"
    )
    parser.add_argument("--seed", type=int, default=1, help="of all chance (default %(default)s)")
    parser.add_argument(
        "--connect",
        type=int,
        default=40,
        help="MAX_CONNECT_TO: fewer is quicker (default %(default)s, as main)",
    )
    parser.add_argument(
        "--until", type=float, metavar="S", help="stop so many seconds after the first round began"
    )
    parser.add_argument(
        "--keep", metavar="NUMBERS", help="faults of the plan that happen, as 0,3 (default all)"
    )
    parser.add_argument(
        "--limit",
        metavar="LIMITS",
        help="what is left of single faults, as 3:600:1+2,5:80:0: number, most seconds, hosts of those drawn",
    )
    parser.add_argument(
        "--plan-nodes", type=int, default=0, help="draw the plan for so many, of which --nodes are there"
    )
    parser.add_argument("--plan", action="store_true", help="print the faults and play nothing")
    parser.add_argument(
        "--save-scenario",
        metavar="NAME",
        default="",
        help="when something breaks: keep the smallest scenario under this name for the suite",
    )
    parser.add_argument(
        "--save-to",
        type=Path,
        metavar="FILE",
        default=Path(FOUND_FILE),
        help="where --save-scenario puts it (default %(default)s)",
    )
    parser.add_argument("--no-shrink", action="store_true", help="do not look for a smaller scenario")
    return parser


def _make_scenario(args: argparse.Namespace) -> Scenario:
    """Raises ValueError with words for the user."""
    from hypernode.core.params.networks import mainnet
    from hypernode.core.registrations.colours import RAINBOW
    from hypernode.core.registrations.rainbow import apply_rainbow
    from hypernode.sim.faults.plan import parse_kinds
    from hypernode.sim.scenario import MIN_MAIN_NODES, Limit, Scenario

    if args.save_scenario and not args.save_to.parent.is_dir():
        raise ValueError(f"--save-to: no folder {str(args.save_to.parent)!a}: run it in the source tree")
    if not all(letter.isprintable() and letter != ":" for letter in args.save_scenario):
        raise ValueError("--save-scenario: a name on one line, without a colon")
    if not 3 <= args.nodes <= MAX_NODES:
        raise ValueError(f"--nodes: from 3 to {MAX_NODES}, not {args.nodes}")
    if args.main_numbers and args.nodes < MIN_MAIN_NODES:
        raise ValueError(f"--main-numbers: takes --nodes {MIN_MAIN_NODES} or more, not {args.nodes}")
    if not 0 <= args.legacy < args.nodes:
        raise ValueError(f"--legacy: from 0 to {args.nodes - 1}, one less than --nodes, not {args.legacy}")
    if args.registered and not args.nodes <= args.registered <= MAX_NODES:
        raise ValueError(f"--registered: from --nodes to {MAX_NODES}, not {args.registered}")
    if not 0 <= args.worthless <= MAX_WORTHLESS:
        raise ValueError(f"--worthless: from 0 to {MAX_WORTHLESS}, not {args.worthless}")
    main = mainnet()
    refused = apply_rainbow(main, main.default_tunables, ((RAINBOW, args.tune),)).refused
    if refused:
        raise ValueError(f"--tune: {refused[0]}")
    if not 0 < args.hours <= MAX_HOURS:
        raise ValueError(f"--hours: above 0, at most {MAX_HOURS:g}, not {args.hours:g}")
    if args.connect < 2:
        raise ValueError("--connect: 2 or more")
    keep = None
    if args.keep is not None:
        keep = () if args.keep == "none" else _parse_list("--keep", "as 0,3, or none", int, args.keep)
    limits = _parse_list("--limit", "as 3:600:1+2,5:80:0", Limit.parse, args.limit) if args.limit else ()
    return Scenario(
        seed=args.seed,
        nodes=args.nodes,
        hours=args.hours,
        kinds=parse_kinds(args.faults),
        connect=args.connect,
        plan_nodes=args.plan_nodes,
        keep=keep,
        limits=limits,
        until_s=args.until,
        registered=args.registered,
        tuned=args.tune,
        has_quick_signer=args.quick_signer,
        legacy=args.legacy,
        worthless=args.worthless,
        has_main_numbers=args.main_numbers,
        is_swarm=args.swarm,
    )


def _parse_list(option: str, expected: str, parse: Callable[[str], T], text: str) -> tuple[T, ...]:
    """Of items separated by commas.  Raises ValueError with words for the user."""
    try:
        return tuple(parse(item) for item in text.split(","))
    except ValueError:
        raise ValueError(f"{option}: expected numbers {expected}, not {text!a}") from None


def format_report(report: Report, real_s: float) -> str:
    """What happened, in lines."""
    share = 100 * report.filled / report.slots if report.slots else 0.0
    scenario = report.scenario
    lines = [
        f"network         {scenario.nodes} of {scenario.registered or scenario.nodes} registered run,"
        f" {'hashes for' if scenario.has_quick_signer else 'real'} signatures",
        f"virtual time    {report.virtual_s / 3_600:.2f} h in {real_s:.1f} s"
        f" ({report.virtual_s / max(real_s, 1e-9):.0f} times real time)",
        f"events          {report.events} on the network",
        f"faults          {_format_faults(report)}",
        f"slots           {report.filled} of {report.slots} have a block ({share:.1f} %)",
        *_format_jurors(report),
        f"stored          {report.stored} blocks at all nodes, {report.reorganisations} reorganisations",
        f"time to agree   {_format_times(report.agreed_after_s, report.cut_short)}",
        *_format_legacy(report),
        f"trace           {report.trace}",
    ]
    return "\n".join(lines)


def _format_faults(report: Report) -> str:
    """How many of each kind, and how many of these did something."""
    if not report.faults:
        return "none"
    each = (f"{report.felt[name]} of {count} {name}" for name, count in sorted(report.faults.items()))
    return f"{report.faults.total()}, of which {report.felt.total()} did something: {', '.join(each)}"


def _format_jurors(report: Report) -> list[str]:
    """Whose slots have blocks, where that is the question."""
    if not report.scenario.worthless:
        return []
    ours, legacy = report.of_ours, report.of_legacy
    lines = [f"worthless       {report.scenario.worthless} registrations without collateral beside them"]
    lines.append(f"slots of ours   {ours[0]} of {ours[1]} have a block")
    if report.scenario.legacy:
        lines.append(f"slots of legacy {legacy[0]} of {legacy[1]} have a block")
    return lines


def _format_legacy(report: Report) -> list[str]:
    """What became of the legacy nodes, where there are some."""
    if not report.scenario.legacy:
        return []
    along = f"{report.legacy_along} of {report.scenario.legacy} on our chain at the end"
    return [f"legacy nodes    {along}; they stopped themselves {report.legacy_restarts} times"]


def _format_times(times: list[float], cut_short: int) -> str:
    """Of each healing, where there are few of them."""
    also = f"; {cut_short} more were cut short" if cut_short else ""
    if not times:
        return f"none of {cut_short} healings came to its end" if cut_short else "nothing to heal"
    each = f" ({', '.join(f'{time:.0f}' for time in times)})" if len(times) <= MAX_HEALINGS else ""
    middle = f"{median(times):.0f} s in the middle, {max(times):.0f} s at most"
    return f"{middle}, of {len(times)} healings{each}{also}"


def format_failure(scenario: Scenario, failure: Failure) -> str:
    """A broken invariant, and how to see it again."""
    again = scenario.play_until(failure.at_s)
    lines = [
        "",
        f"BROKEN          {failure.name}",
        f"what            {failure.detail}",
        f"seed            {scenario.seed}",
        f"virtual time    {failure.at_s:.3f} s after the start of the first whole round",
        f"play it again   {_COMMAND} {again.to_arguments()} --no-shrink",
        *([f"blocks from     node {', '.join(map(str, failure.givers))}"] if failure.givers else []),
        *(f"  {words}" for words in failure.last_words),
    ]
    return "\n".join(lines)


def _shrink(report: Report) -> Scenario:
    """Say what there is after each step, and give the smallest, also when Ctrl-C ends it."""
    from hypernode.sim.shrink import shrink

    def tell(scenario: Scenario, runs: int) -> None:
        size = f"{scenario.nodes} nodes, {len(scenario.make_plan())} faults"
        print(f"  run {runs}: {size}: {scenario.to_arguments()}", flush=True)

    print("\nshrinking; Ctrl-C ends it with the smallest so far", flush=True)
    shrunk = shrink(report, on_smaller=tell)
    scenario, failure = shrunk.scenario, shrunk.report.failure
    plan = scenario.make_plan()
    stopped = ", and stopped there" if shrunk.is_stopped else ""
    print(f"\nshrunk in {shrunk.runs} runs to {scenario.nodes} nodes and {len(plan)} faults{stopped}:")
    for fault in plan:
        print(f"  {fault}")
    print(f"  {_COMMAND} {scenario.to_arguments()} --no-shrink")
    if failure is not None:
        print(f"  {failure.name}: {failure.detail}")
    return scenario


@contextmanager
def _showing_progress() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _LineProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(file=sys.stderr)) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(progress: Progress) -> None:
            words = f"block {progress.height}, {progress.active} faults"
            bar.update(task, completed=progress.at_s / progress.length_s, description=words)

        yield show


class _LineProgress:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= LINE_EVERY_S:
            self._last = now
            part = 100 * progress.at_s / progress.length_s
            print(
                f"{part:3.0f} %  block {progress.height}, {progress.active} faults at work",
                file=sys.stderr,
                flush=True,
            )
