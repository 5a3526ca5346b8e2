"""Who pushed blocks that were refused: so many in a slot, and no more are read."""

from __future__ import annotations

import pytest

from hypernode.core.errors import Ignore
from hypernode.node.rpc.refused_pushes import MAX_REFUSED, RefusedPushes

SLOT = (5, 3)


def test_up_to_the_limit_blocks_are_read_and_right_over_it_not() -> None:
    pushes = RefusedPushes()
    for _ in range(MAX_REFUSED):
        pushes.check("10.0.0.1", SLOT)
        pushes.note("10.0.0.1", SLOT)
    with pytest.raises(Ignore, match=f"{MAX_REFUSED} blocks of its IP"):
        pushes.check("10.0.0.1", SLOT)
    pushes.check("10.0.0.2", SLOT)


@pytest.mark.parametrize("slot", [(5, 4), (6, 3), (6, 0)])
def test_another_slot_begins_anew(slot: tuple[int, int]) -> None:
    pushes = RefusedPushes()
    for _ in range(MAX_REFUSED + 3):
        pushes.note("10.0.0.1", SLOT)
    pushes.check("10.0.0.1", slot)
    # and what was refused before is forgotten
    pushes.check("10.0.0.1", SLOT)
