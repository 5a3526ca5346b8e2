"""Events reach who acts on them, and wake the owner where there is something to look at."""

from __future__ import annotations

from hypernode.core.errors import InvariantBroken
from hypernode.ports.storage_faults import StorageFault
from tests.unit.node.beds import ROUND, Bed, play, store


def test_a_tip_and_a_height_wake_the_owner_and_a_block_does_not() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        woken = node.owner.woken
        [block] = await store(bed, node.ports.ledger, (ROUND, 0))
        for event, is_woken in (
            (node.events.on_tip, True),
            (node.events.on_height, True),
            (lambda: node.events.on_block(block), False),
        ):
            woken.clear()
            event()
            assert woken.is_set() is is_woken

    play(scenario())


def test_a_cut_is_said_with_what_keeps_it() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.events.on_cut(5, 7, "cut-5-7-1.json.gz", "by an operator's word")
        assert bed.warnings == [
            "blocks 5 to 7 of ours go by an operator's word, and are kept in cut-5-7-1.json.gz"
        ]

    play(scenario())


def test_a_refusing_disk_is_no_end_and_a_bug_is() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.events.on_storage_fault(StorageFault("the disk is full: make room"))
        assert node.node_state.halted == ""
        assert any("make room" in line for line in bed.warnings)
        node.events.on_bug(InvariantBroken("what must hold does not"))
        assert node.node_state.halted == "a bug of ours: what must hold does not"

    play(scenario())
