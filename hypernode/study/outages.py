"""Hosts that come and go all the time."""

from __future__ import annotations

import math
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.study.cells import Cell

OUTAGE_S: Final = 1_800.0
"""Mean length of an outage: half of main's round."""
_FINE: Final = 1 << 32


def list_outages(cell: Cell, length_s: float) -> list[tuple[int, float, float]]:
    """(host, begin, end) in seconds after the start of the run.  Each host is up and down for times that are
    drawn (exponential), so that the part ``uptime`` of all is up at any time."""
    if cell.uptime >= 1:
        return []
    draws = Draws(f"outages {cell.seed} {cell.nodes} {cell.uptime}")
    up_s = OUTAGE_S * cell.uptime / (1 - cell.uptime)
    outages = []
    for host in range(cell.nodes):
        at, is_up = 0.0, _draw_part(draws) < cell.uptime
        while at < length_s:
            lasts = -math.log(1 - _draw_part(draws)) * (up_s if is_up else OUTAGE_S)
            if not is_up:
                outages.append((host, at, at + lasts))
            at, is_up = at + lasts, not is_up
    return sorted(outages, key=lambda outage: outage[1])


def _draw_part(draws: Draws) -> float:
    return draws.below(_FINE) / _FINE
