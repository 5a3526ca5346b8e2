"""Changes of our tip, for those who wait for one."""

from __future__ import annotations

import asyncio

from hypernode.node.base.tip_signal import TipSignal
from tests.unit.node.beds import Bed, play


def test_who_waits_is_woken_by_the_next_change_and_not_by_the_last() -> None:
    async def scenario() -> None:
        bed = Bed()
        signal = TipSignal(bed.clock)
        assert signal.changed_at == float("-inf")
        before = signal.next_change
        await asyncio.sleep(5)
        signal.note_change()
        assert before.is_set()
        assert not signal.next_change.is_set()
        assert signal.changed_at == bed.clock.monotonic()
        await asyncio.sleep(1)
        assert signal.changed_at == bed.clock.monotonic() - 1

    play(scenario())
