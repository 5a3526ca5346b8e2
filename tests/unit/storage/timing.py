"""Blocks with times of their own."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.types import Block
from tests.unit.storage.chains import chain

PER_ROUND = 6


def timed(length: int) -> list[Block]:
    """A chain whose blocks stand in their slots: six in a round of an hour, ten minutes apart."""
    return [
        replace(block, timestamp=1_600_000_000 + block.round * 3_600 + block.sir * 600)
        for block in chain(length, PER_ROUND)
    ]
