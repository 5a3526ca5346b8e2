"""A check of the chain finds what breaks a rule, what is stored wrongly, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.node.chain.chain_check import CheckProgress
from hypernode.node.chain.check_state import CheckState, describe_counts, load_state, save_state
from hypernode.node.chain.examiner import PATIENCE, BlockGrade, Examiner
from hypernode.ports.chain import ToleratedViolation
from hypernode.sim.memory.adapters import InlineVerifier, MemoryFiles
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.storage.schema.tables import POSITION_BITS
from tests.unit.node.beds import Bed, Branch, play
from tests.unit.node.chain.checks import SLOTS, check, examiner, make_ledger


async def put_last(bed: Bed, change: Any, **options: Any) -> tuple[SqliteLedger, Block]:
    """A ledger whose last block was changed by ``change`` before it was stored, unjudged."""
    ledger, _ = await make_ledger(bed, SLOTS[:-1])
    branch = await Branch.on(bed, ledger)
    block = change(await branch.make(*SLOTS[-1], **options))
    await ledger.append(block)
    return ledger, block


def list_refused(state: CheckState) -> list[tuple[Height, str]]:
    return [(b.height, b.rule.number) for b in state.breaks if b.verdict is BlockGrade.REFUSED]


def test_good_chain_has_no_breaks_and_is_walked_to_its_tip() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed)
        heard: list[CheckProgress] = []
        by = examiner(bed)
        state = await check(bed, ledger, by=by, on_progress=lambda progress, _: heard.append(progress))
        assert (state.height, state.block_hash) == (8, ledger.get_height().block_hash)
        assert (state.breaks, state.counts, by.not_judged) == ([], {}, {})
        assert heard[-1] == CheckProgress(0, 8, 8, 8 * 4)

    play(scenario())


CHANGES = {
    "4": lambda b: replace(b, block_hash=bytes(20)),
    "5": lambda b: replace(b, signature=bytes(63) + b"\x01"),
    "7": lambda b: replace(b, msg_count=5),
    "8": lambda b: replace(b, uniques_sources=3),
    "11": lambda b: replace(b, messages=(replace(b.messages[0], value=77), *b.messages[1:])),
}


@pytest.mark.parametrize("rule", CHANGES)
def test_block_that_breaks_a_rule_is_listed_with_it(rule: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await put_last(bed, CHANGES[rule])
        state = await check(bed, ledger)
        assert list_refused(state) == [(8, rule)]
        assert describe_counts(state.counts) == {rule: {"class": "A", "refused": 1}}

    play(scenario())


def test_a_forger_that_is_not_the_juror_is_found_by_the_companions_list() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed, SLOTS[:-1])
        branch = await Branch.on(bed, ledger)
        juror = bed.index_of((await branch.plan(9)).juror_of(2) or "")
        await ledger.append(await branch.make(9, 2, forger=(juror + 1) % bed.size))
        assert list_refused(await check(bed, ledger)) == [(8, "6")]
        assert (
            list_refused(
                await check(
                    bed,
                    ledger,
                    by=Examiner(bed.params, InlineVerifier(), None, bed.clock.now(), why="no companion here"),
                )
            )
            == []
        )

    play(scenario())


def test_message_of_a_stranger_is_found() -> None:
    async def scenario() -> None:
        bed = Bed(6)
        stranger = Bed(7)
        stranger.clock = bed.clock
        ledger, _ = await make_ledger(bed, SLOTS[:-1])
        branch = await Branch.on(bed, ledger)
        at = bed.clock.now() - 400
        messages = [*bed.messages(at, (0, 1, 2)), stranger.message(6, at)]
        await ledger.append(await branch.make(9, 2, messages=messages))
        assert list_refused(await check(bed, ledger)) == [(8, "13")]

    play(scenario())


def test_message_that_is_sealed_twice_is_found() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, database = await make_ledger(bed, SLOTS[:-1])
        old = (await ledger.get_blocks(7, 1))[0].messages
        branch = await Branch.on(bed, ledger)
        block = await branch.make(9, 2, messages=[*bed.messages(old[0].timestamp, (1, 2, 3)), old[0]])
        # storage refuses it as well: put it in behind its back
        rename = "UPDATE messages SET txid = ? WHERE txid = ? AND id < ?"
        hidden, end = bytes(64), 8 << POSITION_BITS
        await database.write(lambda t: t.execute(rename, (hidden, old[0].txid, end)))
        await ledger.append(block)
        await database.write(lambda t: t.execute(rename, (old[0].txid, hidden, end)))
        assert list_refused(await check(bed, ledger)) == [(8, "10")]

    play(scenario())


def test_wrong_measures_and_wrong_totals_are_found() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, database = await make_ledger(bed)
        await database.write(lambda t: t.execute("UPDATE blocks SET uniques = uniques + 1 WHERE height = 5"))
        await database.write(lambda t: t.execute("UPDATE participation SET ok_tests = 9 WHERE round = 6"))
        state = await check(bed, ledger)
        assert list_refused(state) == [(5, Rule.MEASURES.number), (6, Rule.KPIS.number)]
        assert "uniques 4+4" in state.breaks[0].reason

    play(scenario())


def test_tolerated_and_documented_breaks_are_counted_apart() -> None:
    """Class C on a mixed network; class B there, with and without a finding; the lenient history."""

    async def scenario() -> None:
        bed = Bed(mixed=True)
        ledger, _ = await make_ledger(bed, SLOTS[:-1])
        branch = await Branch.on(bed, ledger)
        juror = bed.index_of((await branch.plan(9)).juror_of(2) or "")
        block = await branch.make(9, 2, forger=(juror + 1) % bed.size)
        await ledger.append(block)
        assert list_refused(await check(bed, ledger)) == [(8, "6")]
        await ledger.rollback(7)
        await ledger.append(block, [ToleratedViolation(8, block.block_hash, Rule.B6, "most of them hold it")])
        state = await check(bed, ledger)
        assert state.counts == {Rule.B6: {BlockGrade.DOCUMENTED: 1}}
        lenient = Bed(mixed=True, lenient_below=9)
        assert (await check(lenient, ledger, by=examiner(bed))).counts == {Rule.B6: {BlockGrade.TOLERATED: 1}}

    play(scenario())


def test_a_companion_without_answers_leaves_two_rules_unjudged() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed)
        source = bed.scripted_pow()
        source.is_down = True
        by = examiner(bed, source)
        state = await check(bed, ledger, by=by)
        assert state.breaks == []
        assert set(by.not_judged) == {Rule.B6, Rule.M6}
        assert by.not_judged[Rule.B6].blocks == 8
        assert "scripted companion is down" in by.not_judged[Rule.B6].reason
        assert not by.judges_companion
        assert PATIENCE == 3

    play(scenario())


def test_check_goes_on_from_where_it_stood() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, database = await make_ledger(bed)
        files = MemoryFiles()
        assert await load_state(files, bed.params, ledger) is None
        first = await open_ledger(InlineDatabase(), bed.params)
        # a part of round 9, and a break before
        await first.append_many(await ledger.get_blocks(1, 7))
        await database.write(lambda t: t.execute("UPDATE blocks SET uniques = 99 WHERE height = 2"))
        state = await check(bed, first)
        assert state.breaks == []
        save_state(files, bed.params, state)
        again = await load_state(files, bed.params, ledger)
        assert again == state
        heard: list[CheckProgress] = []
        whole = await check(bed, ledger, state=again, on_progress=lambda p, _: heard.append(p))
        # what was checked is not looked at again
        assert (whole.height, list_refused(whole)) == (8, [])
        assert heard == [CheckProgress(7, 8, 8, 4)]

    play(scenario())


def test_check_ends_at_the_first_break_when_so_asked() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, database = await make_ledger(bed)
        await database.write(lambda t: t.execute("UPDATE messages SET value = 1 WHERE id >> 20 IN (3, 6)"))
        state = await check(bed, ledger, stop_at_break=True)
        assert (state.height, state.find_first_refused()) == (3, 3)
        assert (await check(bed, ledger)).counts == {Rule.B11: {BlockGrade.REFUSED: 2}}

    play(scenario())


def test_pruned_blocks_are_judged_by_what_they_still_have() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, database = await make_ledger(bed)
        assert await ledger.prune(100) > 0
        below = ledger.get_pruned_below()
        by = examiner(bed)
        state = await check(bed, ledger, by=by)
        assert state.breaks == []
        assert by.not_judged[Rule.B11].blocks == below - 1
        assert Rule.B6 not in by.not_judged
        await database.write(lambda t: t.execute("UPDATE blocks SET forgers = 99 WHERE height = 8"))
        assert list_refused(await check(bed, ledger)) == [(8, Rule.MEASURES.number)]

    play(scenario())


def test_what_an_earlier_check_left_unjudged_is_still_reported() -> None:
    """The companion is back: the blocks of before are not good for that, nobody has looked at them."""

    async def scenario() -> None:
        bed, files = Bed(), MemoryFiles()
        ledger, _ = await make_ledger(bed, SLOTS[:5])
        source = bed.scripted_pow()
        source.is_down = True
        save_state(files, bed.params, await check(bed, ledger, by=examiner(bed, source)))
        await ledger.append_many(await (await Branch.on(bed, ledger)).grow(*SLOTS[5:]))
        by = examiner(bed)
        state = await check(bed, ledger, by=by, state=await load_state(files, bed.params, ledger))
        assert (state.height, state.breaks) == (8, [])
        assert {rule: one.blocks for rule, one in by.not_judged.items()} == {Rule.B6: 5, Rule.M6: 5}
        assert "scripted companion is down" in state.not_judged[Rule.B6].reason

    play(scenario())


def test_chain_pruned_within_a_round_is_counted_from_the_next_one_on() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, database = await make_ledger(bed)
        await ledger.prune(3)
        assert ledger.get_pruned_below() == 3
        assert (await check(bed, ledger)).breaks == []
        await database.write(lambda t: t.execute("UPDATE blocks SET uniques = 99 WHERE height = 4"))
        assert list_refused(await check(bed, ledger)) == [(4, Rule.MEASURES.number)]

    play(scenario())
