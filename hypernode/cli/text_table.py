"""Tables as plain text, the same on a terminal, in a file and in a mail.  What others wrote is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypernode.core.printable import printable

_GAP: Final = "  "
MAX_CELL_CHARS: Final = 200
"""Of a cell: an openfield that somebody filled with a novel must not hide the rest."""


def format_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, left: Sequence[int] = ()
) -> str:
    """Lines with columns one below the other, to the right but those (by index) of ``left``."""
    shown = [[_show(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(headings), *shown]) for i in range(len(headings))]
    lines = []
    for row in [list(headings), *shown]:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def _show(cell: object) -> str:
    return printable(str(cell), MAX_CELL_CHARS)
