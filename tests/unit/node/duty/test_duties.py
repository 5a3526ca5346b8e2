"""What a node owes the round, and when it owes nothing."""

from __future__ import annotations

import pytest

from hypernode.core.kinds import CONFIG
from hypernode.machine.decide import Rest
from hypernode.machine.state import State
from hypernode.pow.fixed_source import FixedPowSource
from tests.unit.node.beds import ROUND, Bed, note_height, play
from tests.unit.node.chain.weighed import Weighed


@pytest.mark.parametrize(
    ("is_listed", "after_s", "others", "is_sent"),
    [
        # many that do not count, few messages, and it is a while since the slot began
        (True, 60.0, 2, True),
        (True, 10.0, 2, False),
        (True, 60.0, 4, False),
        # where all count, the tests of the plan give enough
        (False, 60.0, 2, False),
    ],
)
def test_a_slot_that_lacks_messages_gets_some_from_who_counts(
    is_listed: bool, after_s: float, others: int, is_sent: bool
) -> None:
    async def scenario() -> None:
        bed = Bed(6)
        source = Weighed(bed, range(4)) if is_listed else FixedPowSource(bed.params)
        node = await bed.node(pow_source=source)
        for n in range(1, 4):
            note_height(bed, node, n, node.chain.height)
        node.activities.note_decision(Rest(State.SYNCING))
        bed.go_to(ROUND, 4, after_s)
        await node.duties.publish_what_is_due()
        node.mempool.remove(node.mempool.get_all())
        await node.intake.submit(bed.messages(bed.clock.now(), range(others)))
        bed.clock.step(1.0)
        await node.duties.publish_what_is_due()
        sent = [m.what for m in node.mempool.get_all() if m.sender == bed.address(0) and m.what == CONFIG]
        assert sent == ([CONFIG] if is_sent else [])

    play(scenario())
