"""What becomes of a plot in networks too large to play, as the documentation shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypernode.cli.sim.study_report import PICTURES, format_rows
from hypernode.cli.svg import Panel, Series, draw
from hypernode.study.voting import Aftermath, survey_aftermath

AFTERMATH: Final = "lessons_aftermath"
"""Of the table and the picture."""


@dataclass(frozen=True, slots=True)
class AftermathSizes:
    """Hypernodes with MAX_CONNECT_TO, the parts that conspire, and runs of each."""

    networks: tuple[tuple[int, int], ...] = (
        (20, 5),
        (20, 10),
        (20, 19),
        (100, 20),
        (100, 40),
        (300, 40),
        (300, 100),
    )
    parts: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.45)
    runs: int = 20


def write_aftermath(folder: Path, sizes: AftermathSizes) -> None:
    """A table into ``folder``, a picture into its ``_static``."""
    found = [
        [survey_aftermath(count, connect, part, sizes.runs) for part in sizes.parts]
        for count, connect in sizes.networks
    ]
    rows = [["hypernodes", "MAX_CONNECT_TO", *(f"{100 * part:g} % conspire" for part in sizes.parts)]]
    rows += [
        [str(line[0].hypernodes), str(line[0].connect), *(_format_runs(after) for after in line)]
        for line in found
    ]
    title = f"Runs of {sizes.runs} that are parted after one round, and after two"
    (folder / f"{AFTERMATH}.inc").write_text(format_rows(title, rows), encoding="utf-8")
    series = [_make_series(line) for line in found]
    panel = Panel("Still parted a round after the plot", "hypernodes that conspire, %", "runs, %", series)
    (folder / PICTURES).mkdir(exist_ok=True)
    picture = folder / PICTURES / f"{AFTERMATH}.svg"
    picture.write_text(draw("A plot's aftermath, by majorities", [panel]), encoding="utf-8")


def _format_runs(after: Aftermath) -> str:
    return f"{after.runs * after.parted:.0f}, {after.runs * after.parted_longer:.0f}"


def _make_series(line: Sequence[Aftermath]) -> Series:
    name = f"{line[0].hypernodes}, {line[0].connect}"
    return Series(name, [(100 * after.part, 100 * after.parted) for after in line])
