"""Which files of tests took the time of a run, as a table behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

ROWS: Final = 15
WORTH_SAYING_S: Final = 30.0
"""A shorter run has nothing to tell."""


def sum_by_file(durations: Iterable[tuple[str, float]]) -> list[tuple[str, int, float]]:
    """File, its tests and their seconds, the slowest file first; ``durations`` has (id of test, seconds) for
    each of its phases."""
    seconds: dict[str, float] = defaultdict(float)
    tests: dict[str, set[str]] = defaultdict(set)
    for node_id, took in durations:
        file = node_id.split("::", 1)[0]
        seconds[file] += took
        tests[file].add(node_id)
    return sorted(
        ((file, len(tests[file]), took) for file, took in seconds.items()), key=lambda row: (-row[2], row[0])
    )


def format_table(rows: list[tuple[str, int, float]], *, least_s: float = WORTH_SAYING_S) -> list[str]:
    """Lines of the table; none if all tests together took less than ``least_s``."""
    total = sum(took for _, _, took in rows)
    if total < least_s:
        return []
    lines = [f"{'seconds':>8} {'share':>6} {'tests':>6}  file"]
    lines += [f"{took:>8.1f} {took / total:>6.1%} {count:>6}  {file}" for file, count, took in rows[:ROWS]]
    rest = rows[ROWS:]
    if rest:
        took = sum(row[2] for row in rest)
        count = sum(row[1] for row in rest)
        lines.append(f"{took:>8.1f} {took / total:>6.1%} {count:>6}  {len(rest)} other files")
    return lines
