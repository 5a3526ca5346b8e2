"""A chain from elsewhere is verified with every rule before it is stored, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Block
from hypernode.node.chain import chain_import
from hypernode.node.chain.chain_import import LedgerChain, OtherChain, import_chain
from hypernode.node.chain.examiner import HEADER_RULES, Examiner
from hypernode.ports.chain import ToleratedViolation
from hypernode.ports.registrations import PowNotReady
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from tests.unit.node.beds import Branch, play
from tests.unit.node.chain.imports import Blocks, ImportBed


def test_whole_chain_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_import, "BATCH_BLOCKS", 2)

    async def scenario() -> None:
        setup = await ImportBed.make()
        report = await setup.take_in()
        assert (report.first, report.height, report.messages, report.tolerated) == (1, 5, 20, {})
        assert await setup.ledger.get_blocks(1, 9) == setup.blocks
        assert setup.heard == [2, 4, 5]

    play(scenario())


def test_chain_that_goes_on_from_ours_is_taken_in_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_import, "BATCH_MESSAGES", 5)

    async def scenario() -> None:
        setup = await ImportBed.make()
        await setup.ledger.append_many(setup.blocks[:3])
        report = await setup.take_in()
        assert (report.first, report.height, setup.heard) == (4, 5, [4, 5])
        # a second time there is nothing left to do
        again = await setup.take_in()
        assert (again.first, again.height, again.messages) == (6, 5, 0)
        assert (await setup.take_in(setup.blocks[:2])).height == 5

    play(scenario())


def test_other_chains_are_refused_before_anything_is_stored() -> None:
    async def scenario() -> None:
        setup = await ImportBed.make()
        with pytest.raises(OtherChain, match="its first block is another one"):
            await import_chain(
                setup.bed.params,
                setup.ledger,
                Blocks(bytes(20), setup.blocks),
                setup.examiner,
                needs_companion=True,
            )
        branch = await Branch.on(setup.bed, setup.ledger)
        await setup.ledger.append_many(await branch.grow((3, 0), (3, 4)))
        with pytest.raises(OtherChain, match="another block 2 than ours"):
            await setup.take_in()
        assert setup.ledger.get_height().height == 2

    play(scenario())


def test_the_first_block_that_breaks_a_rule_ends_an_import() -> None:
    async def scenario() -> None:
        setup = await ImportBed.make()
        bad = replace(setup.blocks[3], msg_count=3)
        with pytest.raises(Reject, match="rule 7: block 4"):
            await setup.take_in([*setup.blocks[:3], bad, setup.blocks[4]])
        assert await setup.ledger.get_blocks(1, 9) == setup.blocks[:3]
        assert (await setup.take_in()).height == 5

    play(scenario())


def test_forged_message_is_found_unless_only_headers_are_looked_at() -> None:
    async def scenario() -> None:
        setup = await ImportBed.make()
        messages = setup.blocks[2].messages
        spoiled = replace(setup.blocks[2], messages=(replace(messages[0], value=99), *messages[1:]))
        chain = [*setup.blocks[:2], spoiled, *setup.blocks[3:]]
        with pytest.raises(Reject, match="rule 11"):
            await setup.take_in(chain)
        setup.examiner = Examiner(
            setup.bed.params, InlineVerifier(), None, setup.bed.clock.now(), rules=HEADER_RULES
        )
        assert (await setup.take_in(chain, needs_companion=False)).height == 5
        assert setup.examiner.not_judged == {}

    play(scenario())


@pytest.mark.parametrize("mixed", [True, False], ids=["mixed", "own"])
def test_a_wrong_jurors_block_is_taken_from_mixed_history_only(mixed: bool) -> None:
    async def scenario() -> None:
        setup = await ImportBed.make(mixed=mixed)
        branch = await Branch.on(setup.bed, setup.ledger)
        for block in setup.blocks[:-1]:
            branch.push(block)
        juror = setup.bed.index_of((await branch.plan(6)).juror_of(3) or "")
        last = await branch.make(6, 3, forger=(juror + 1) % 6)
        chain = [*setup.blocks[:-1], last]
        if not mixed:
            with pytest.raises(Reject, match="rule 6: block 5"):
                await setup.take_in(chain)
            return
        assert (await setup.take_in(chain)).tolerated == {"6": 1}
        [finding] = await setup.ledger.get_findings(1, 9)
        assert (finding.height, finding.block_hash, finding.rule) == (5, last.block_hash, Rule.B6)

    play(scenario())


def test_dead_branch_is_refused() -> None:
    async def scenario() -> None:
        setup = await ImportBed.make()
        tip = setup.blocks[-1]
        setup.bed.params = replace(setup.bed.params, dead_tips=((5, tip.block_hash),))
        with pytest.raises(Reject, match="4-ledger: block 5"):
            await setup.take_in()
        assert setup.ledger.get_height().height == 4

    play(scenario())


def test_companion_is_needed_unless_the_operator_goes_without() -> None:
    async def scenario() -> None:
        setup = await ImportBed.make()
        source = setup.bed.scripted_pow()
        source.is_down = True
        setup.examiner = Examiner(setup.bed.params, InlineVerifier(), source, setup.bed.clock.now())
        with pytest.raises(PowNotReady, match="down"):
            await setup.take_in()
        assert setup.ledger.get_height().height == 0
        setup.examiner = Examiner(setup.bed.params, InlineVerifier(), source, setup.bed.clock.now())
        assert (await setup.take_in(needs_companion=False)).height == 5
        assert setup.examiner.not_judged[Rule.B6].blocks == 5

    play(scenario())


def test_ledger_of_ours_is_a_source() -> None:
    async def scenario() -> None:
        setup = await ImportBed.make()
        await setup.take_in()
        other = await open_ledger(InlineDatabase(), setup.bed.params)
        source = LedgerChain(setup.ledger)
        report = await import_chain(setup.bed.params, other, source, setup.examiner, needs_companion=True)
        assert report.height == source.tip_height == 5
        assert other.get_height() == setup.ledger.get_height()
        assert await source.get_hash(6) is None

    play(scenario())


def test_the_next_batch_is_verified_while_one_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a batch that is bad leaves those before it stored."""
    monkeypatch.setattr(chain_import, "BATCH_BLOCKS", 2)

    async def scenario() -> None:
        setup = await ImportBed.make()
        steps: list[str] = []
        verify, append = setup.examiner.verify, setup.ledger.append_many

        async def note_verify(blocks: Sequence[Block]) -> object:
            steps.append(f"verify {blocks[0].height}")
            return await verify(blocks)

        async def note_append(blocks: Sequence[Block], findings: Sequence[ToleratedViolation]) -> object:
            steps.append(f"store {blocks[0].height}")
            return await append(blocks, findings)

        monkeypatch.setattr(setup.examiner, "verify", note_verify)
        monkeypatch.setattr(setup.ledger, "append_many", note_append)
        bad = replace(setup.blocks[4], msg_count=3)
        with pytest.raises(Reject, match="rule 7: block 5"):
            await setup.take_in([*setup.blocks[:4], bad])
        assert steps == ["verify 1", "verify 3", "store 1", "verify 5", "store 3"]
        assert setup.ledger.get_height().height == 4

    play(scenario())
