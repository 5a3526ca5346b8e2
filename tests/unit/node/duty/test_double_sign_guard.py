"""Blocks with our signature that the journal does not know, or knows otherwise."""

from __future__ import annotations

import pytest

from hypernode.core.types import Block
from hypernode.machine.peers import Support
from hypernode.node.owner.runtime import Node
from tests.unit.node.beds import ROUND, Bed, Branch, play
from tests.unit.node.duty.jurors import juror_node

EVERYBODY = Support(behind=6, connected=6)


async def _make(bed: Bed) -> tuple[Node, Block]:
    """A node that starts after its slot, and a block of its own for that slot."""
    block = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
    return await bed.node(bed.index_of(block.forger)), block


def test_a_forgotten_block_delays_forging_and_is_remembered_from_then_on() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, block = await _make(bed)
        await node.chain.adopt(0, [block], None, EVERYBODY)
        assert node.node_state.halted == ""
        assert node.node_state.forge_from_round == ROUND + 1
        assert await node.ports.journal.get_hash(ROUND, 0) == block.block_hash
        said = [line for line in bed.warnings if "older than our block" in line]
        assert len(said) == 1
        await node.chain.rollback(0)
        await node.chain.adopt(0, [block], None, EVERYBODY)
        assert [line for line in bed.warnings if "older than our block" in line] == said

    play(scenario())


def test_a_wait_for_the_next_round_is_told_with_its_length_and_its_end() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 10, 0.0)
        for _ in range(2):
            node.double_sign_guard.wait_for_next_round("there was no journal")
        minutes = (bed.params.slots_total - 10) * bed.params.slot_s // 60
        words = f"there was no journal: no forging before round {ROUND + 1}, in {minutes} min"
        assert bed.warnings == [words]
        over = f"round {ROUND + 1} has begun: the wait is over, and we forge again"
        node.double_sign_guard.note_round(ROUND)
        assert over not in bed.log
        for round_ in (ROUND + 1, ROUND + 2):
            node.double_sign_guard.note_round(round_)
        assert bed.log.count(over) == 1

    play(scenario())


def test_another_block_than_the_journalled_one_halts_however_old_it_is() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, block = await _make(bed)
        await node.ports.journal.record(ROUND, 0, b"x" * 20)
        await node.chain.adopt(0, [block], None, EVERYBODY)
        assert "elsewhere: is this wallet in use on another host?" in node.node_state.halted
        assert await node.ports.journal.get_hash(ROUND, 0) == b"x" * 20

    play(scenario())


def test_a_block_that_the_journal_knows_is_nothing_special() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, block = await _make(bed)
        await node.ports.journal.record(ROUND, 0, block.block_hash)
        await node.chain.adopt(0, [block], None, EVERYBODY)
        assert (node.node_state.halted, node.node_state.forge_from_round, bed.warnings) == ("", 0, [])

    play(scenario())


@pytest.mark.parametrize("kept", ["both", "journal"])
def test_only_a_ledger_that_ends_before_what_was_signed_delays_forging(kept: str) -> None:
    """Who forged the tip loses no round with a restart; whose ledger is an old one waits for the next."""

    async def scenario() -> None:
        bed = Bed()
        node, plan = await juror_node(bed)
        await node.forger.forge(plan, 0)
        if kept == "journal":
            await node.chain.rollback(0)
        await node.double_sign_guard.check_journal()
        assert node.node_state.forge_from_round == (0 if kept == "both" else ROUND + 1)
        assert node.node_state.halted == ""
        assert len(bed.warnings) == (0 if kept == "both" else 1)

    play(scenario())
