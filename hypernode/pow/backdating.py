"""When the first block of a made PoW chain is due, so that every round from 0 on has its list at once."""

from __future__ import annotations

from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_reference_time

EARLIEST_ROUND: Final = -2
"""Its list is complete already: round 0 asks for that of round -1, and a round of margin."""
LEAD_BLOCKS: Final = 30
"""Between the first block and that round's reference height; funding and registering take three."""


def compute_first_time(params: ChainParams) -> float:
    """Timestamp (unix s) of the first block."""
    return compute_reference_time(params, EARLIEST_ROUND) - LEAD_BLOCKS * params.pow_block_s
