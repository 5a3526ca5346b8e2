"""Which kinds of faults met which branches: ``python -m tests.soak.meetings --seeds 40 --first 1``.

Swarms are played with a tracer that notes each step from a line to the next one, in the packages of a node,
and which kinds of faults were at work then.  What a pair of kinds reached that neither of them reached
without the other, nor calm did, is what playing them together is for; what no seed reached is what nothing
here judges.
``--out FILE`` writes tables for the documentation.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Final

import hypernode
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import EVERY
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

PACKAGES: Final = ("core", "wire", "mempool", "machine", "net", "storage", "node")
"""What a simulated node runs of."""
ROOT: Final = Path(hypernode.__file__).parent
NODES: Final = 7
HOURS: Final = 1.6
CONNECT: Final = 6
MAX_ROWS: Final = 25
"""Of each table."""
ENTRY: Final = 0
"""Where a step comes from that begins a function, or goes on with it after a pause."""

Step = tuple[str, int, int]
"""File below the package, the line before, and the line."""
Kinds = frozenset[str]
"""Of the faults at work."""


@dataclass(slots=True)
class Reached:
    """Steps by the kinds of faults that were at work."""

    steps: dict[Kinds, set[Step]] = field(default_factory=lambda: defaultdict(set))

    def merge(self, other: Mapping[Kinds, Collection[Step]]) -> None:
        for kinds, steps in other.items():
            self.steps[kinds].update(steps)

    def get_all(self) -> set[Step]:
        return set().union(*self.steps.values())

    def find_without(self, pair: Kinds) -> set[Step]:
        """What was reached while at least one of the pair was not at work."""
        return set().union(*(steps for kinds, steps in self.steps.items() if not pair <= kinds))

    def find_with(self, pair: Kinds) -> set[Step]:
        return set().union(*(steps for kinds, steps in self.steps.items() if pair <= kinds))


class Tracer(AbstractContextManager["Tracer"]):
    """Notes steps while it is entered.  ``get_kinds``: of the faults at work at present."""

    def __init__(self, get_kinds: Callable[[], Kinds], is_wanted: Callable[[CodeType], bool]) -> None:
        self._get_kinds = get_kinds
        self._is_wanted = is_wanted
        self._wanted: dict[CodeType, str | None] = {}
        self.reached: dict[Kinds, set[Step]] = defaultdict(set)

    def __enter__(self) -> Tracer:
        sys.settrace(self._on_call)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(None)

    def _on_call(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if code not in self._wanted:
            self._wanted[code] = get_file(code) if self._is_wanted(code) else None
        file = self._wanted[code]
        if file is None:
            return None
        steps, last = self.reached[self._get_kinds()], ENTRY

        def on_line(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                steps.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return on_line

        return on_line


def get_file(code: CodeType) -> str:
    """Of a function, below the package."""
    return Path(code.co_filename).relative_to(ROOT).as_posix()


def is_of_a_node(code: CodeType) -> bool:
    """Whether a function is in one of ``PACKAGES``."""
    path = Path(code.co_filename)
    return path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES


def play_traced(scenario: Scenario) -> dict[Kinds, set[Step]]:
    """What a run reached.  Raises RuntimeError when it broke."""
    clusters: list[FaultCluster] = []

    class Traced(FaultCluster):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            clusters.append(self)

    memo: dict[tuple[int, ...], Kinds] = {}

    def get_kinds() -> Kinds:
        active = clusters[-1].active if clusters else {}
        key = tuple(active)
        if key not in memo:
            memo[key] = frozenset(fault.kind.value for fault in active.values())
        return memo[key]

    with Tracer(get_kinds, is_of_a_node) as tracer:
        report = play(scenario, cluster_type=Traced)
    if report.failure is not None:
        raise RuntimeError(f"{scenario.to_arguments()}: {report.failure.name}: {report.failure.detail}")
    return dict(tracer.reached)


def make_scenario(seed: int) -> Scenario:
    """Every second one with legacy nodes."""
    legacy = 2 if seed % 2 else 0
    return Scenario(seed, NODES, HOURS, EVERY, connect=CONNECT, legacy=legacy, is_swarm=True)


# --- tables ---------------------------------------------------------------------------------------------


def list_pairs(reached: Reached) -> list[tuple[tuple[str, str], int, int]]:
    """Pairs of kinds that were at work at one time: steps then, and those of them that nothing else reached;
    the most telling ones first."""
    kinds = sorted({kind for met in reached.steps for kind in met})
    rows = []
    for first, second in combinations(kinds, 2):
        pair = frozenset((first, second))
        steps = reached.find_with(pair)
        if steps:
            rows.append(((first, second), len(steps), len(steps - reached.find_without(pair))))
    return sorted(rows, key=lambda row: (-row[2], -row[1], row[0]))


def list_functions(files: Iterable[Path]) -> dict[tuple[str, str], set[int]]:
    """Lines of the bodies of all functions, by file and name."""
    found: dict[tuple[str, str], set[int]] = {}

    def walk(code: CodeType) -> None:
        for const in code.co_consts:
            if isinstance(const, CodeType):
                walk(const)
        if code.co_flags & 0x2:  # of a function, not of a class or a module
            lines = {line for _, _, line in code.co_lines() if line and line != code.co_firstlineno}
            found.setdefault((get_file(code), code.co_qualname), set()).update(lines)

    for path in files:
        walk(compile(path.read_text(encoding="utf-8"), str(path), "exec"))
    return found


def list_unreached(reached: Reached) -> list[tuple[str, int, int, list[str]]]:
    """By package: functions, those that no step is in, and the names of the largest ones of these."""
    lines: dict[str, set[int]] = defaultdict(set)
    for file, _, line in reached.get_all():
        lines[file].add(line)
    rows = []
    for package in PACKAGES:
        functions = list_functions(sorted((ROOT / package).rglob("*.py")))
        missed = {name: body for name, body in functions.items() if body and not body & lines[name[0]]}
        largest = sorted(missed, key=lambda name: (-len(missed[name]), name))[:8]
        rows.append((package, len(functions), len(missed), [f"{Path(f).stem}.{name}" for f, name in largest]))
    return rows


def format_tables(reached: Reached, seeds: int) -> str:
    """For the documentation."""
    kinds = sorted({kind for met in reached.steps for kind in met})
    pairs, possible = list_pairs(reached), len(kinds) * (len(kinds) - 1) // 2
    calm = reached.steps.get(frozenset(), set())
    lines = [
        f"{seeds} seeds, {len(kinds)} kinds; {len(pairs)} of {possible} pairs of these were at work at one"
        f" time; {len(reached.get_all()):,} steps, {len(calm):,} of them also in calm.",
        "",
        ".. list-table:: Pairs that reached what neither kind reached without the other",
        "   :header-rows: 1",
        "",
        *_format_row("kinds", "steps", "of their own"),
    ]
    for (first, second), steps, own in pairs[:MAX_ROWS]:
        lines += _format_row(f"``{first}``, ``{second}``", f"{steps:,}", str(own))
    lines += ["", ".. list-table:: Functions that no seed reached", "   :header-rows: 1", ""]
    lines += _format_row("package", "functions", "not reached", "the largest of these")
    for package, functions, missed, names in list_unreached(reached):
        shown = ", ".join(f"``{name}``" for name in names) or "none"
        lines += _format_row(f"``{package}``", str(functions), str(missed), shown)
    return "\n".join(lines) + "\n"


def _format_row(*cells: str) -> list[str]:
    first, *others = cells
    return [f"   * - {first}", *(f"     - {cell}" for cell in others)]


def main(argv: list[str] | None = None) -> int:
    """Play, and print or write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.meetings", description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="seed (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=40, help="how many (default %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument("--out", type=Path, help="write the tables there")
    args = parser.parse_args(argv)
    reached = Reached()
    scenarios = [make_scenario(seed) for seed in range(args.first, args.first + args.seeds)]
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        for scenario, steps in zip(scenarios, pool.map(play_traced, scenarios), strict=True):
            reached.merge(steps)
            print(f"seed {scenario.seed}: {len(reached.get_all()):,} steps so far", flush=True)
    tables = format_tables(reached, args.seeds)
    if args.out is not None:
        args.out.write_text(tables, encoding="utf-8")
    else:
        print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
