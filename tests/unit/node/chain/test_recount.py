"""Measures counted anew, block by block."""

from __future__ import annotations

from hypernode.node.chain.recount import Recount
from tests.unit.node.beds import Bed, Branch, play
from tests.unit.node.chain.checks import check, make_ledger


def test_recount_knows_rounds_that_come_back() -> None:
    """Legacy chains may (class B of rule 2): the measures of such a block are those of its own round."""

    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed, ((3, 0), (5, 0), (6, 0)))
        [b1, b2, b3] = await ledger.get_blocks(1, 3)
        branch = await Branch.on(bed, ledger)
        late = await branch.add(4, 0, senders=(0, 1, 4, 5))
        await ledger.append(late)
        last = await branch.add(5, 1, senders=(2, 3, 4, 5))
        await ledger.append(last)
        recount = Recount()
        for block in (b1, b2, b3):
            assert not recount.needs_round(block.round)
            recount.add(block)
        assert recount.needs_round(4)
        recount.begin_round(4)
        assert recount.add(late) == await ledger.get_height_at(4)
        assert recount.needs_round(5)
        recount.begin_round(5, [b2])
        assert recount.add(last) == await ledger.get_height_at(5)
        # the check asks the ledger for them
        state = await check(bed, ledger)
        assert {violation.rule.number for violation in state.breaks} <= {"2", "3", "6"}
        assert recount.add(last).uniques == 4 + 2

    play(scenario())
