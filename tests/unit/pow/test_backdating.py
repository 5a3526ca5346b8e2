"""When a made PoW chain begins: every round from 0 on has its list at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.timeline import compute_reference_time
from hypernode.pow.backdating import EARLIEST_ROUND, LEAD_BLOCKS, compute_first_time
from tests.unit.pow.node_beds import NETWORK


@pytest.mark.parametrize(("slot_s", "pow_block_s"), [(180, 60.0), (6, 2.0), (1, 0.1)])
def test_it_leads_the_first_list_by_so_many_blocks(slot_s: int, pow_block_s: float) -> None:
    params = replace(NETWORK, slot_s=slot_s, pow_block_s=pow_block_s)
    first = compute_first_time(params)
    assert first + LEAD_BLOCKS * pow_block_s == pytest.approx(compute_reference_time(params, EARLIEST_ROUND))
    # the list of round 0 and that of the round before it, which it asks for, are of blocks that are there
    for round_ in (-1, 0):
        assert compute_reference_time(params, round_) - first > params.pow_confirmations * pow_block_s
