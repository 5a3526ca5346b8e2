"""Results as they are kept, one a line, and summed up: the outcome of a point over its seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final

from hypernode.study.cells import Cell, Experiment, cell_from_json
from hypernode.study.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """A cell that was played: in ``cpu_s`` of processor time, on what ``date``, by which ``commit``."""

    cell: Cell
    outcome: Outcome
    cpu_s: float
    date: str
    commit: str


def encode_result(result: Result) -> str:
    """One line of JSON, without its end."""
    value = {**asdict(result), "cell": result.cell.to_json()}
    return json.dumps(value, separators=(",", ":"))


def decode_results(text: str) -> dict[Cell, Result]:
    """By cell; of a cell that was played twice the first.  A last line without its end was cut off as it was
    written, and is left out.  Raises ValueError with the number of a line that is no result."""
    results: dict[Cell, Result] = {}
    lines = text.split("\n")[:-1]
    for number, line in enumerate(lines, start=1):
        try:
            value: dict[str, Any] = json.loads(line)
            cell = cell_from_json(value.pop("cell"))
            result = Result(cell=cell, outcome=Outcome(**value.pop("outcome")), **value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number} is no result: {error}") from error
        results.setdefault(cell, result)
    return results


Measure = Callable[[Outcome], float]
"""A number of an outcome."""


def compute_filled(outcome: Outcome) -> float:
    """Percent of the slots with a juror that have a block."""
    return 100 * outcome.filled / max(1, outcome.slots)


def compute_fillable_filled(outcome: Outcome) -> float:
    """Percent of the slots whose juror was honest and up that have a block."""
    return 100 * outcome.fillable_filled / max(1, outcome.fillable)


def compute_agreed(outcome: Outcome) -> float:
    """Percent of the time in which all honest have one tip."""
    return 100 * outcome.agree


def compute_largest(outcome: Outcome) -> float:
    """Percent of the honest that are on the most held branch at the end."""
    return 100 * outcome.largest


MEASURES: Final[Mapping[str, Measure]] = {
    "filled": compute_filled,
    "fillable_filled": compute_fillable_filled,
    "agreed": compute_agreed,
    "settle_median_s": lambda outcome: outcome.settle_median_s,
    "settle_longest_s": lambda outcome: outcome.settle_longest_s,
    "most_longest_s": lambda outcome: outcome.most_longest_s,
    "fork_longest_s": lambda outcome: outcome.fork_longest_s,
    "fork_depth": lambda outcome: float(outcome.fork_depth),
    "changes": lambda outcome: outcome.changes,
    "change_depth": lambda outcome: float(outcome.change_depth),
    "lost": lambda outcome: float(outcome.lost),
    "largest": compute_largest,
    "split": lambda outcome: float(outcome.split),
    "halted": lambda outcome: float(outcome.halted),
}


@dataclass(frozen=True, slots=True)
class Point:
    """``value`` on the axis of an experiment, ``line``, and the outcomes of the seeds, at least one."""

    line: float
    value: float
    outcomes: tuple[Outcome, ...]

    def list_values(self, measure: str) -> list[float]:
        return [MEASURES[measure](outcome) for outcome in self.outcomes]

    def compute_mean(self, measure: str) -> float:
        return fmean(self.list_values(measure))

    def compute_range(self, measure: str) -> tuple[float, float]:
        """Least and most over the seeds."""
        values = self.list_values(measure)
        return min(values), max(values)


def put_together(experiment: Experiment, results: Mapping[Cell, Result]) -> list[Point]:
    """The points of an experiment that were played; plots that did not come about are left out."""
    points = []
    for line, value in experiment.list_points():
        cells = (experiment.make_cell(value, line, seed) for seed in range(1, experiment.seeds + 1))
        outcomes = tuple(results[cell].outcome for cell in cells if cell in results)
        kept = tuple(outcome for outcome in outcomes if outcome.struck or not experiment.base.plot)
        if kept:
            points.append(Point(line, value, kept))
    return points


def list_unplayed(cells: Iterable[Cell], results: Mapping[Cell, Result]) -> list[Cell]:
    return [cell for cell in cells if cell not in results]


def count_seeds(points: Sequence[Point]) -> tuple[int, int]:
    """The fewest and the most seeds of a point; (0, 0) without points."""
    counts = [len(point.outcomes) for point in points] or [0]
    return min(counts), max(counts)
