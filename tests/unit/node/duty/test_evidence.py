"""An equivocation is reported until its report is in the chain, also when the process died in between."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.block import to_header
from hypernode.core.kinds import EQUIVOCATION
from hypernode.core.types import Equivocation
from hypernode.node.duty.evidence import format_report
from hypernode.node.owner.runtime import Node
from hypernode.storage.database import InlineDatabase
from tests.unit.node.beds import ROUND, Bed, Branch, enter_round, play, store


def list_reports(node: Node) -> list[str]:
    return [m.params for m in node.mempool.get_all() if m.what == EQUIVOCATION]


async def make_case(bed: Bed, node: Node) -> Equivocation:
    """Two blocks of the first slot's juror; one of them is in our chain."""
    [first] = await store(bed, node.ports.ledger, (ROUND, 0))
    second = await (await Branch.on(bed, node.ports.ledger, 0)).make(ROUND, 0)
    return Equivocation(first, second, int(bed.clock.now()))


def test_a_report_lost_in_a_crash_is_published_until_it_is_in_the_chain() -> None:
    async def scenario() -> None:
        bed = Bed()
        database = InlineDatabase()
        node = await bed.node(ledger_db=database)
        case = await make_case(bed, node)
        await node.ports.ledger.save_evidence(case)
        # The process ends here; what it said was in its mempool only.
        again = await bed.node(ledger_db=database)
        await again.evidence.load()
        await again.evidence.report_again(ROUND)
        assert list_reports(again) == [format_report(case)]
        # It waits to be sealed: it is not said once more.
        bed.go_to(ROUND + 1, 0)
        await enter_round(again)
        await again.evidence.report_again(ROUND + 1)
        assert len(list_reports(again)) == 1
        report = next(m for m in again.mempool.get_all() if m.what == EQUIVOCATION)
        branch = await Branch.on(bed, again.ports.ledger)
        sealed = [*bed.messages(bed.clock.now() - 5, (1, 2, 3)), report]
        block = await branch.make(ROUND + 1, 0, messages=sorted(sealed, key=lambda m: m.timestamp))
        await again.ports.ledger.append(block)
        third = await bed.node(ledger_db=database)
        await third.evidence.load()
        await third.evidence.report_again(ROUND + 1)
        assert list_reports(third) == []

    play(scenario())


def test_old_cases_and_reports_of_others_change_nothing() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        case = await make_case(bed, node)
        node.evidence.note(case)
        assert "signed two blocks" in bed.warnings[-1]
        # Headers do for what is shown and said; whole blocks may be large.
        assert [e.first for e in node.node_state.evidence] == [to_header(case.first)]
        assert [e.second for e in node.node_state.evidence] == [to_header(case.second)]
        await node.evidence.report_again(ROUND + bed.params.keep_rounds + 1)
        assert list_reports(node) == []
        theirs = bed.message(1, what=EQUIVOCATION, recipient=case.first.forger, params=format_report(case))
        await node.intake.submit([theirs])
        await node.evidence.report_again(ROUND)
        assert sorted(m.sender for m in node.mempool.get_all()) == sorted([bed.address(0), bed.address(1)])
        twice = replace(case, seen_at=case.seen_at + 1)
        node.node_state.evidence.append(twice)
        await node.evidence.report_again(ROUND)
        assert len(list_reports(node)) == 2

    play(scenario())
