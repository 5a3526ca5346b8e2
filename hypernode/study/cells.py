"""What the study plays: cells, each a network under one constant fault, and experiments that lay them out.

A cell is all that its outcome follows from.  An experiment varies one thing along its axis, and one more
from line to line.  ``list_cells`` puts the cells of all experiments in the order of their worth: all of them
with their first seeds, then with their second, so that a study that is stopped has an even picture.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from hypernode.core.params.chain_params import ChainParams, Delays, replace_fields
from hypernode.core.params.networks import mainnet
from hypernode.sim.scenario import Scenario

Change = tuple[str, float]
"""A parameter of the network (a field of ChainParams, or of its delays) and its value."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``connect`` is MAX_CONNECT_TO.  ``loss``: part of the packets that a link loses; ``uptime``: part of
    the time that a hypernode is up; ``liars``: part of the hypernodes that lie, each in a way of its own;
    ``plot``: part that conspires to split the others, ``strike_s`` before the first whole round; ``hours``
    from the start of that round."""

    nodes: int = 20
    connect: int = 10
    loss: float = 0.0
    uptime: float = 1.0
    liars: float = 0.0
    plot: float = 0.0
    strike_s: float = 8.0
    hours: float = 2.0
    changes: tuple[Change, ...] = ()
    seed: int = 1

    def make_network(self) -> ChainParams:
        """Main's rules and times on a list of its own, with the changes."""
        plain = Scenario(seed=self.seed, nodes=self.nodes, connect=self.connect)
        return _change(plain.make_network(), self.changes)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "changes": [list(change) for change in self.changes]}


def _change(params: ChainParams, changes: Sequence[Change]) -> ChainParams:
    of_delays = {field.name for field in fields(Delays)}
    delays: dict[str, Any] = {name: value for name, value in changes if name in of_delays}
    others: dict[str, Any] = {name: int(value) for name, value in changes if name not in of_delays}
    return replace_fields(params, delays=replace(params.delays, **delays), **others)


def cell_from_json(value: dict[str, Any]) -> Cell:
    """The inverse of ``to_json``.  Raises TypeError for what is no cell."""
    changes = tuple((str(name), float(number)) for name, number in value.get("changes", ()))
    return Cell(**{**value, "changes": changes})


@dataclass(frozen=True, slots=True)
class Experiment:
    """``axis`` names what varies: a field of Cell, or a parameter of the network; ``line`` what else does.
    ``seeds`` says how often each cell is played, and ``first_turn`` when its first seed has its turn.
    ``hours``: for each line, where they are not the base's."""

    name: str
    title: str
    base: Cell
    axis: str
    values: tuple[float, ...]
    line: str = ""
    lines: tuple[float, ...] = (0.0,)
    seeds: int = 3
    first_turn: int = 1
    hours: tuple[float, ...] = ()

    def make_cell(self, value: float, line: float, seed: int) -> Cell:
        cell = _vary(self.base, self.axis, value)
        if self.line:
            cell = _vary(cell, self.line, line)
        if self.hours:
            cell = replace(cell, hours=self.hours[self.lines.index(line)])
        return replace(cell, seed=seed)

    def list_points(self) -> list[tuple[float, float]]:
        """(line, value) of every point; who dials more than there are dials all, which is one point."""
        points = [(line, value) for line in self.lines for value in self.values]
        cells = [(self.make_cell(value, line, 1), (line, value)) for line, value in points]
        return [point for cell, point in cells if cell.connect < cell.nodes]


_WHOLE: Final = ("nodes", "connect")


def _vary(cell: Cell, name: str, value: float) -> Cell:
    if name not in {field.name for field in fields(Cell)}:
        # What is main's value is no change: that cell is another experiment's too.
        main = mainnet()
        usual = [getattr(kind, name, None) for kind in (main, main.default_tunables, main.delays)]
        is_change = value not in usual
        return replace(cell, changes=(*cell.changes, (name, value))) if is_change else cell
    changed: dict[str, Any] = {name: int(value) if name in _WHOLE else value}
    return replace(cell, **changed)


_SHARES: Final = (0.05, 0.15, 0.25, 0.35, 0.45)
_PLOT: Final = Cell(plot=0.25, hours=1.05)

_LOSSY: Final = Cell(loss=0.2, hours=1.0)
_BARS: Final = (18, 30, 40, 50)
_CONNECT: Final = (10, 20, 40)

_LARGE: Final = Cell(connect=40)
"""Main's MAX_CONNECT_TO."""
_SIZES: Final = (50, 100, 300)
_SIZES_HOURS: Final = (0.5, 0.5, 0.15)
"""300 are dear: three slots."""


def _make_large(
    name: str, title: str, axis: str, values: tuple[float, ...], base: Cell = _LARGE
) -> Experiment:
    """A fault of the networks of twenty, for larger networks."""
    return Experiment(f"{name}_large", title, base, axis, values, "nodes", _SIZES, 2, hours=_SIZES_HOURS)


EXPERIMENTS: Final[tuple[Experiment, ...]] = (
    Experiment("plot", "A plot at the end of a round", _PLOT, "plot", _SHARES, "connect", (5, 10, 19)),
    Experiment("strike", "When the plot strikes", _PLOT, "strike_s", (8, 20, 40, 185), seeds=2),
    Experiment("uptime", "Uptime", Cell(), "uptime", (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
    Experiment("liars", "Liars of all kinds", Cell(), "liars", (0.0, 0.1, 0.2, 0.3, 0.45)),
    Experiment("loss", "Loss of packets", Cell(hours=1.0), "loss", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    Experiment("connect", "Connections", Cell(hours=1.0, uptime=0.8), "connect", (2, 3, 5, 10, 19)),
    Experiment("bar", "The bar in a plot", _PLOT, "min_forge_consensus", _BARS, seeds=2),
    Experiment(
        "bar_uptime",
        "The bar over uptime",
        Cell(),
        "min_forge_consensus",
        _BARS,
        "uptime",
        (0.5, 0.8),
        seeds=1,
    ),
    Experiment(
        "heights", "How often heights are exchanged", _LOSSY, "height_exchange_s", (5, 10, 20, 40), seeds=2
    ),
    Experiment(
        "earliest", "How early a juror forges", _LOSSY, "earliest_forging_s", (5, 15, 30, 60), seeds=2
    ),
    Experiment("size", "Hypernodes", Cell(hours=0.5), "nodes", (20, 50, 100), "connect", _CONNECT, seeds=1),
    _make_large("uptime", "Uptime of larger networks", "uptime", (0.5, 0.8, 1.0)),
    _make_large("liars", "Liars in larger networks", "liars", (0.0, 0.2, 0.45)),
    _make_large("loss", "Loss in larger networks", "loss", (0.0, 0.3)),
    _make_large(
        "connect", "Connections of larger networks", "connect", _CONNECT, replace(_LARGE, uptime=0.8)
    ),
    Experiment(
        "plot_large",
        "A plot in larger networks",
        replace(_LARGE, hours=0.55),
        "plot",
        (0.05, 0.15, 0.25),
        "nodes",
        (50, 100),
    ),
    # Dear: one slot only, and in their turn with the second seeds of the others.
    Experiment(
        "large", "Many hypernodes", Cell(hours=0.05, connect=20), "nodes", (200, 300), seeds=1, first_turn=2
    ),
)


def list_cells(experiments: Sequence[Experiment], only: Collection[str] = ()) -> list[Cell]:
    """Each cell once, in the order of their worth; of the experiments with these names (none: of all)."""
    chosen = [experiment for experiment in experiments if not only or experiment.name in only]
    cells: dict[Cell, None] = {}
    for turn in range(1, max((e.first_turn + e.seeds for e in chosen), default=1)):
        for experiment in chosen:
            seed = turn - experiment.first_turn + 1
            if 1 <= seed <= experiment.seeds:
                points = experiment.list_points()
                cells.update(dict.fromkeys(experiment.make_cell(v, line, seed) for line, v in points))
    return list(cells)
