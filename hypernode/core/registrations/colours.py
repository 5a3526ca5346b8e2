"""Coloured lists: what the control address wrote into the PoW chain under ``color:<name>`` (spec 5).

The last one of a name counts, at the reference height of a round like everything else.  ``rainbow`` holds
tunable parameters (``core.registrations.rainbow``), ``bootstrap`` addresses of archives, the others lists for
filters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import PowRow

COLOUR: Final = "color:"
"""What the operation of such a row begins with."""
RAINBOW: Final = "rainbow"
BOOTSTRAP: Final = "bootstrap"
MAX_COLOURS: Final = 32
"""Lists that are kept: legacy software knows eleven names."""

Colours = tuple[tuple[str, str], ...]
"""Name and openfield of each list, by name."""


def collect_colours(params: ChainParams, rows: Iterable[PowRow]) -> Colours:
    """The lists that hold after ``rows``, which come in order of height, then of the ledger; other rows
    among them, and those of other senders, count nothing."""
    found: dict[str, str] = {}
    for row in rows:
        name = row.operation.removeprefix(COLOUR)
        if name == row.operation or not name or row.verified is False:
            continue
        # C1 [REJECT] only the control address colours; who it is sent to does not matter
        if row.address == params.control_pow and (name in found or len(found) < MAX_COLOURS):
            found[name] = row.openfield
    return tuple(sorted(found.items()))


def split_colour(text: str) -> tuple[str, ...]:
    """The items of a list: separated by commas, white space around them and empty ones dropped."""
    return tuple(item.strip() for item in text.split(",") if item.strip())
