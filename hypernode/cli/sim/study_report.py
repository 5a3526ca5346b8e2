"""The study's results as the documentation shows them: a table for each experiment, and pictures.

Everything follows from the results; the same ones give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypernode.cli.svg import Panel, Series, draw
from hypernode.study.cells import EXPERIMENTS, Cell, Experiment
from hypernode.study.results import Point, Result, put_together

RUNS: Final = "lessons_runs"
"""Of the words on what was played."""
PICTURES: Final = "_static"

_HEADINGS: Final[Mapping[str, str]] = {
    "filled": "slots filled, %",
    "fillable_filled": "those of honest jurors that are up, %",
    "agreed": "time in which all agree, %",
    "settle_median_s": "apart, median, s",
    "settle_longest_s": "apart, longest, s",
    "most_longest_s": "nine in ten apart, longest, s",
    "fork_longest_s": "on two branches, longest, s",
    "fork_depth": "branch, deepest, blocks",
    "changes": "replacements an hour and host",
    "change_depth": "replaced at once, most, blocks",
    "lost": "blocks lost",
    "largest": "on the largest branch at the end, %",
    "split": "hosts that say SPLIT",
}
"""Measures of ``study.results`` in words."""

_SETTLING: Final = ("filled", "fillable_filled", "agreed", "settle_median_s", "settle_longest_s")
_BRANCHES: Final = ("fork_longest_s", "fork_depth", "change_depth")
_PLOTTED: Final = ("fork_longest_s", "fork_depth", "largest", "split", "fillable_filled")


@dataclass(frozen=True, slots=True)
class Axis:
    """How values of an axis, or of lines, are written: times ``factor``, behind ``name``."""

    name: str
    factor: float = 1.0
    unit: str = ""

    def format(self, value: float) -> str:
        return f"{value * self.factor:g}{self.unit}"


_AXES: Final[Mapping[str, Axis]] = {
    "loss": Axis("packets lost, %", 100),
    "uptime": Axis("uptime, %", 100),
    "liars": Axis("liars, %", 100),
    "plot": Axis("plotters, %", 100),
    "strike_s": Axis("seconds before the new round"),
    "connect": Axis("MAX_CONNECT_TO"),
    "nodes": Axis("hypernodes"),
    "min_forge_consensus": Axis("MIN_FORGE_CONSENSUS, %"),
    "height_exchange_s": Axis("heights exchanged every, s"),
    "earliest_forging_s": Axis("earliest forging, s after the slot's start"),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """How an experiment is shown: ``measures`` are the table's columns, ``charts`` those that are drawn."""

    measures: tuple[str, ...]
    charts: tuple[str, ...]


SHEETS: Final[Mapping[str, Sheet]] = {
    "plot": Sheet(_PLOTTED, ("fork_longest_s", "largest")),
    "strike": Sheet(_PLOTTED, ("fork_longest_s",)),
    "uptime": Sheet((*_SETTLING, *_BRANCHES), ("filled", "fillable_filled", "agreed", "settle_longest_s")),
    "liars": Sheet(
        (*_SETTLING, *_BRANCHES, "lost"), ("filled", "fillable_filled", "agreed", "settle_longest_s")
    ),
    "loss": Sheet((*_SETTLING, *_BRANCHES), ("filled", "agreed", "settle_longest_s")),
    "connect": Sheet((*_SETTLING, *_BRANCHES), ("filled", "fillable_filled", "agreed", "settle_longest_s")),
    "bar": Sheet(_PLOTTED, ("fork_longest_s", "fork_depth", "fillable_filled")),
    "bar_uptime": Sheet(("filled", "fillable_filled", "agreed"), ("filled", "fillable_filled")),
    "heights": Sheet(_SETTLING, ("filled", "agreed", "settle_longest_s")),
    "earliest": Sheet(_SETTLING, ("filled", "agreed", "settle_longest_s")),
    "size": Sheet(_SETTLING, ("filled", "agreed", "settle_longest_s")),
    "large": Sheet(_SETTLING, ("filled", "agreed")),
}


def get_sheet(experiment: Experiment) -> Sheet:
    """Larger networks are shown as the twenty are."""
    return SHEETS[experiment.name.removesuffix("_large")]


def write_report(folder: Path, results: Mapping[Cell, Result]) -> None:
    """A table for each experiment and what was played into ``folder``, pictures into its ``_static``.  Raises
    ValueError when there is nothing."""
    if not results:
        raise ValueError("no results: play some cells first")
    (folder / PICTURES).mkdir(exist_ok=True)
    (folder / f"{RUNS}.inc").write_text(describe(results), encoding="utf-8")
    for experiment in EXPERIMENTS:
        points = put_together(experiment, results)
        if points:
            name = f"lessons_{experiment.name}"
            (folder / f"{name}.inc").write_text(format_points(experiment, points), encoding="utf-8")
            drawn = draw_points(experiment, points)
            (folder / PICTURES / f"{name}.svg").write_text(drawn, encoding="utf-8")


def format_rows(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A list table; the first row is its head."""
    lines = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {' ' if place else '*'} - {cell}" for place, cell in enumerate(row)]
    return "\n".join([*lines, ""])


def describe(results: Mapping[Cell, Result]) -> str:
    """When, by which code, how much of it."""
    dates = sorted({result.date for result in results.values()})
    commits = sorted({result.commit for result in results.values()})
    hours = sum(result.outcome.virtual_s for result in results.values()) / 3_600
    cpu_min = sum(result.cpu_s for result in results.values()) / 60
    return (
        f"{len(results)} runs, {hours:.0f} virtual hours in {cpu_min:.0f} minutes of processor time, played"
        f" on {' and '.join(dates)} with commit {', '.join(commits)}.\n"
    )


def format_points(experiment: Experiment, points: Sequence[Point]) -> str:
    """A list table: mean over the seeds, and least and most where they differ."""
    sheet = get_sheet(experiment)
    axes = [_AXES[experiment.line]] if experiment.line else []
    axes.append(_AXES[experiment.axis])
    head = [*(axis.name for axis in axes), "seeds", *map(_HEADINGS.__getitem__, sheet.measures)]
    rows = [head]
    for point in points:
        places = (point.line, point.value) if experiment.line else (point.value,)
        cells = [axis.format(value) for axis, value in zip(axes, places, strict=True)]
        numbers = [_format_cell(point, measure) for measure in sheet.measures]
        rows.append([*cells, str(len(point.outcomes)), *numbers])
    return format_rows(experiment.title, rows)


def _format_cell(point: Point, measure: str) -> str:
    least, most = point.compute_range(measure)
    mean = f"{point.compute_mean(measure):.3g}" if most < 1_000 else f"{point.compute_mean(measure):.0f}"
    return mean if least == most else f"{mean} ({_short(least)}–{_short(most)})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def draw_points(experiment: Experiment, points: Sequence[Point]) -> str:
    """Each chart a panel: means as a line, with least and most of the seeds."""
    axis, lines = _AXES[experiment.axis], sorted({point.line for point in points})
    panels = [
        Panel(
            f"{experiment.title}: {_HEADINGS[measure]}",
            axis.name,
            _HEADINGS[measure],
            [_make_series(experiment, points, line, measure) for line in lines],
        )
        for measure in get_sheet(experiment).charts
    ]
    return draw(experiment.title, panels)


def _make_series(experiment: Experiment, points: Sequence[Point], line: float, measure: str) -> Series:
    axis = _AXES[experiment.axis]
    own = [point for point in points if point.line == line]
    name = f"{_AXES[experiment.line].name} {_AXES[experiment.line].format(line)}" if experiment.line else ""
    return Series(
        name,
        [(point.value * axis.factor, point.compute_mean(measure)) for point in own],
        spread=[(point.value * axis.factor, *point.compute_range(measure)) for point in own],
    )
