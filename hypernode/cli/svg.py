"""Charts as SVG: lines, points and bars, in plain text that any browser shows.

Small on purpose: one panel is one chart with axes, panels stand below each other, colours can be told apart
by people who see few of them, and every number is written with the same digits everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.sax.saxutils import escape

WIDTH: Final = 760
PANEL_HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 52, 46
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Of Okabe and Ito; a chart with more series repeats them."""
_TICKS: Final = 6
"""Wanted on an axis; round steps make it a few more or fewer."""
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:14px}"
    ".axis{stroke:#333;fill:none}.grid{stroke:#ddd;fill:none}"
)

Kind = Literal["lines", "points", "bars"]


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one colour: pairs (x, y).  ``name`` is for the legend; none without a name.  ``spread``: x
    with the least and the most that belong to it, as a thin upright line."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: Kind = "lines"
    spread: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart.  The y axis has 0 in it, and ``mark`` draws a level with its name."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    mark: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to pixels: ``least`` at ``begin``, ``most`` at ``end``."""

    least: float
    most: float
    begin: float
    end: float

    def place(self, value: float) -> str:
        part = (value - self.least) / (self.most - self.least)
        return _number(self.begin + part * (self.end - self.begin))


def draw(title: str, panels: Sequence[Panel]) -> str:
    """An SVG document with the panels below each other.  Raises ValueError for a value that is not finite."""
    height = PANEL_HEIGHT * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for index, panel in enumerate(panels):
        parts.append(f'<g transform="translate(0 {index * PANEL_HEIGHT})">')
        parts += _draw_panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def compute_ticks(least: float, most: float) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that cover ``least`` to ``most``."""
    span = most - least or abs(most) or 1.0
    raw = span / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]


def _draw_panel(panel: Panel) -> list[str]:
    points = [point for series in panel.series for point in series.points]
    points += [(x, y) for series in panel.series for x, *ends in series.spread for y in ends]
    if not all(math.isfinite(value) for point in points for value in point):
        raise ValueError(f"{panel.title}: a value is not finite")
    if not points:
        return [_text(WIDTH / 2, _TOP - 30, panel.title, "title"), _text(WIDTH / 2, 150, "nothing to show")]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    levels = [0.0, *ys, *([panel.mark[1]] if panel.mark else [])]
    has_bars = any(series.kind == "bars" for series in panel.series)
    x_ticks, y_ticks = compute_ticks(min(xs), max(xs)), compute_ticks(min(levels), max(levels))
    margin = 0.5 if has_bars else 0.0
    across = _Scale(
        min(x_ticks[0], min(xs) - margin), max(x_ticks[-1], max(xs) + margin), _LEFT, WIDTH - _RIGHT
    )
    up = _Scale(y_ticks[0], y_ticks[-1], PANEL_HEIGHT - _BOTTOM, _TOP)
    parts = _draw_axes(panel, across, up, x_ticks, y_ticks)
    for index, series in enumerate(panel.series):
        parts += _draw_series(series, COLOURS[index % len(COLOURS)], across, up)
    if panel.mark:
        parts += _draw_mark(panel.mark, up)
    return parts + _draw_legend(panel.series)


def _draw_axes(
    panel: Panel, across: _Scale, up: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]
) -> list[str]:
    bottom, right = PANEL_HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [_text(WIDTH / 2, 18, panel.title, "title")]
    for tick in y_ticks:
        y = up.place(tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{right}"/>')
        parts.append(_text(_LEFT - 6, float(y) + 4, _label(tick), anchor="end"))
    for tick in x_ticks:
        x = across.place(tick)
        parts.append(f'<path class="axis" d="M{x} {bottom}v4"/>')
        parts.append(_text(float(x), bottom + 17, _label(tick)))
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>')
    parts.append(_text((_LEFT + right) / 2, PANEL_HEIGHT - 10, panel.x_label))
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text transform="translate(16 {_number(middle)}) rotate(-90)" text-anchor="middle">'
        f"{escape(panel.y_label)}</text>"
    )
    return parts


def _draw_series(series: Series, colour: str, across: _Scale, up: _Scale) -> list[str]:
    placed = [(across.place(x), up.place(y)) for x, y in series.points]
    if series.kind == "bars":
        unit = float(across.place(across.least + 1)) - across.begin
        wide, zero = max(0.5, unit * 0.8), up.place(0)
        return [
            f'<path d="M{x} {zero}V{y}" stroke="{colour}" stroke-width="{_number(wide)}"/>' for x, y in placed
        ]
    dots = [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in placed]
    dots += [
        f'<path d="M{across.place(x)} {up.place(least)}V{up.place(most)}" stroke="{colour}" opacity="0.5"/>'
        for x, least, most in series.spread
    ]
    if series.kind == "points" or len(placed) < 2:
        return dots
    line = " ".join(f"{x},{y}" for x, y in placed)
    return [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]


def _draw_mark(mark: tuple[str, float], up: _Scale) -> list[str]:
    name, level = mark
    y = up.place(level)
    return [
        f'<path d="M{_LEFT} {y}H{WIDTH - _RIGHT}" stroke="#333" stroke-dasharray="6 4"/>',
        _text(WIDTH - _RIGHT, float(y) - 5, name, anchor="end"),
    ]


def _draw_legend(series: Sequence[Series]) -> list[str]:
    parts, x = [], float(_LEFT)
    for index, one in enumerate(series):
        if one.name:
            colour = COLOURS[index % len(COLOURS)]
            parts.append(f'<rect x="{_number(x)}" y="29" width="12" height="12" fill="{colour}"/>')
            parts.append(_text(x + 17, 39, one.name, anchor="start"))
            x += 34 + 7 * len(one.name)
    return parts


def _text(x: float, y: float, words: str, css: str = "", anchor: str = "middle") -> str:
    css_class = f' class="{css}"' if css else ""
    return f'<text x="{_number(x)}" y="{_number(y)}"{css_class} text-anchor="{anchor}">{escape(words)}</text>'


def _number(value: float) -> str:
    """Of pixels: tenths are fine enough, and are written the same everywhere."""
    return f"{value:.1f}".removesuffix(".0")


def _label(value: float) -> str:
    return f"{value:,.10g}" if value else "0"
