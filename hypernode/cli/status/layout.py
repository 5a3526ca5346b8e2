"""Lines that fit a terminal: pieces with a weight, of which the least important go first.

Pure: widths in, text out.  A line has a label that never goes, and pieces; what a piece says is shown whole
or not at all, but for the last one that is left, which is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Final

GAP: Final = "  "
LEAST_PROSE: Final = 12
"""Characters below which a cut sentence says nothing."""
LABEL_CHARS: Final = 11
"""``Companion`` and a gap."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``weight``: the larger, the later it goes; ``style``: for a terminal with colours; ``is_prose``: it is
    cut rather than left out."""

    text: str
    weight: int = 5
    style: str = ""
    is_prose: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A label with its pieces, and what stands at the right end."""

    label: str
    pieces: tuple[Piece, ...]
    style: str = ""
    """Of the label."""


def fit(line: Line, width: int) -> list[Piece]:
    """The pieces that have room beside the label in a line of ``width`` characters, in their order."""
    room = width - len(_pad(line.label))
    kept = [piece for piece in line.pieces if piece.text]
    while len(kept) > 1 and _measure(kept) > room:
        least = min(range(len(kept)), key=lambda i: (kept[i].weight, -i))
        rest = room - _measure([*kept[:least], *kept[least + 1 :]]) - len(GAP)
        if kept[least].is_prose and rest >= LEAST_PROSE:
            kept[least] = replace(kept[least], text=_cut(kept[least].text, rest))
            break
        del kept[least]
    if kept and _measure(kept) > room:
        kept = [replace(kept[0], text=_cut(kept[0].text, room))]
    return kept


def format_label(label: str) -> str:
    """The label with the gap behind it."""
    return _pad(label)


def fold(text: str, width: int, indent: int) -> list[str]:
    """Words over as many lines as they need, those after the first indented."""
    return wrap(text, width, subsequent_indent=" " * indent, break_long_words=True) or [""]


def _pad(label: str) -> str:
    return label.ljust(LABEL_CHARS) if len(label) < LABEL_CHARS else label + GAP


def _measure(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces) + len(GAP) * max(0, len(pieces) - 1)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def to_ascii(text: str) -> str:
    """The same in characters that every terminal has."""
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


_ASCII: Final = str.maketrans(
    {"█": "#", "░": "-", "·": "|", "…": "~", "→": ">", "–": "-", "◂": "<", "×": "x"}
)
