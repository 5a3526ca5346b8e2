"""What a break means for a stored block, and what cannot be judged is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import Ignore
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Rule, Violation
from hypernode.node.chain.examiner import PATIENCE, BlockGrade, grade_violation
from hypernode.node.chain.history import History
from hypernode.ports.registrations import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.fixed_source import FixedPowSource
from tests.unit.core.builders import MIXED, OWN, make_block
from tests.unit.node.beds import Bed, play
from tests.unit.node.chain.checks import examiner, make_ledger

BLOCK = make_block(OWN)
NUMBERS = {rule.number: rule for rule in (Rule.B1, Rule.B6, Rule.B13)}


@pytest.mark.parametrize(
    ("rule", "is_mixed", "is_documented", "grade"),
    [
        (Rule.B1, True, True, BlockGrade.REFUSED),
        (Rule.B1, False, False, BlockGrade.REFUSED),
        (Rule.B6, False, True, BlockGrade.REFUSED),
        (Rule.B6, True, False, BlockGrade.REFUSED),
        (Rule.B6, True, True, BlockGrade.DOCUMENTED),
        (Rule.B13, True, False, BlockGrade.TOLERATED),
        (Rule.B13, False, True, BlockGrade.REFUSED),
    ],
)
def test_a_violation_is_graded_by_class_network_and_being_stored(
    rule: Rule, is_mixed: bool, is_documented: bool, grade: BlockGrade
) -> None:
    network = MIXED if is_mixed else OWN
    documented = [rule] if is_documented else []
    assert grade_violation(network, BLOCK, Violation(rule, "why"), documented) is grade


def test_lenient_history_and_exceptions_are_tolerated() -> None:
    violation = Violation(Rule.B5, "why")
    lenient = replace(OWN, lenient_below=BLOCK.height + 1)
    excepted = replace(OWN, exceptions=((BLOCK.height, BLOCK.block_hash),))
    for network in (lenient, excepted):
        assert grade_violation(network, BLOCK, violation, []) is BlockGrade.TOLERATED
    assert (
        grade_violation(replace(OWN, lenient_below=BLOCK.height), BLOCK, violation, []) is BlockGrade.REFUSED
    )
    assert grade_violation(excepted, BLOCK, Violation(Rule.B12, "why"), []) is BlockGrade.REFUSED
    assert mainnet().lenient_below > 0


class Failing(FixedPowSource):
    """Cannot say; counts how often it is asked."""

    asked = 0

    async def get_registered(self, round_: int) -> RegisteredList:
        self.asked += 1
        raise PowNotReady("the ledger is away")

    async def get_status(self, now: float) -> PowStatus:
        raise Ignore(Rule.COMPANION, "not asked")


def test_a_companion_that_cannot_say_is_left_alone_after_some_rounds() -> None:
    async def scenario() -> None:
        bed = Bed()
        slots = [(3 + n, 0) for n in range(PATIENCE + 2)]
        ledger, _ = await make_ledger(bed, slots)
        source = Failing(bed.params)
        by = examiner(bed, source)
        for height in range(1, len(slots) + 1):
            assert by.judges_companion is (height <= PATIENCE)
            history = await History.at(ledger, height - 1)
            block = await ledger.get_block(height)
            assert block is not None
            assert await by.examine(history, block, {}) == ()
        assert source.asked == PATIENCE
        assert {one.blocks for one in by.not_judged.values()} == {len(slots)}
        assert all("the ledger is away" in one.reason for one in by.not_judged.values())

    play(scenario())


def test_what_is_pruned_is_judged_by_what_it_still_has() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed, [(3, 0)])
        block = await ledger.get_block(1)
        assert block is not None
        by = examiner(bed)
        history = await History.at(ledger, 0)
        header = replace(block, messages=(), block_hash=b"x" * 20)
        assert await by.examine(history, header, {}, is_pruned=True) == ()
        assert Rule.B4 in {one.rule for one in await by.examine(history, header, {})}

    play(scenario())
