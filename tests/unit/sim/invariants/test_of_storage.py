"""What is stored: each invariant holds for a network that works, and breaks for a doctored one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.forging import seal_block
from hypernode.core.types import Block
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.of_storage import (
    chains_pass_a_check,
    measures_equal_a_recount,
    nothing_acknowledged_is_lost,
    one_block_a_slot,
    rules_hold_for_what_is_stored,
)
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.witness import Loss
from hypernode.storage.interface import Transaction
from tests.unit.sim.doctored import play


async def look(watch: Watch) -> Block:
    """After the first blocks all invariants hold; returns the tip of host 1."""
    await watch.cluster.run_until(3, 2)
    for check in (
        rules_hold_for_what_is_stored,
        one_block_a_slot,
        measures_equal_a_recount,
        nothing_acknowledged_is_lost,
    ):
        await check(watch)
    tip = watch.tips[1].header
    assert tip.height >= 1
    return tip


def test_a_block_that_was_stored_and_is_in_no_chain_has_to_hold_all_rules() -> None:
    async def act(watch: Watch) -> None:
        cluster = watch.cluster
        tip = await look(watch)
        node = cluster.hosts[1].node
        assert node is not None
        juror = node.node_state.get_juror()
        usurper = next(host.signer for host in cluster.hosts if host.signer.address != juror)
        block = seal_block(
            usurper.sign,
            usurper.address,
            tip,
            *node.node_state.get_round_slot(),
            int(cluster.clock.now()),
            (),
        )
        cluster.witness.note_blocks(2, [block], cluster.clock.now())
        with pytest.raises(InvariantFailed, match=r"that node 2 stored breaks rule 6: the forger is not"):
            await rules_hold_for_what_is_stored(watch)

    play(act)


def test_no_block_is_stored_before_its_time_by_the_clock_of_its_host() -> None:
    async def act(watch: Watch) -> None:
        tip = await look(watch)
        watch.cluster.witness.note_blocks(2, [tip], tip.timestamp)
        await rules_hold_for_what_is_stored(watch)
        watch.cluster.witness.note_blocks(2, [tip], tip.timestamp - 600.0)
        with pytest.raises(InvariantFailed, match="rule 3: 600 s in the future of who stored it"):
            await rules_hold_for_what_is_stored(watch)

    play(act)


def test_with_mercy_a_late_clock_does_not_keep_a_host_from_the_chain() -> None:
    async def act(watch: Watch) -> None:
        tip = await look(watch)
        witness = watch.cluster.witness
        witness.note_blocks(2, [tip], tip.timestamp - 600.0)
        await rules_hold_for_what_is_stored(watch)
        witness.now = lambda: tip.timestamp - 600.0
        witness.note_blocks(2, [tip], tip.timestamp - 600.0)
        with pytest.raises(InvariantFailed, match="rule 3: 600 s in the future of who stored it"):
            await rules_hold_for_what_is_stored(watch)

    play(act, nodes=5, legacy=1)


def test_a_block_that_follows_nothing_is_found() -> None:
    async def act(watch: Watch) -> None:
        tip = await look(watch)
        loose = replace(tip, previous_hash=b"l" * 20, block_hash=b"m" * 20)
        watch.cluster.witness.note_blocks(2, [loose], watch.cluster.clock.now())
        with pytest.raises(InvariantFailed, match=r"rules_hold.*follows nothing that is known"):
            await rules_hold_for_what_is_stored(watch)

    play(act)


def test_two_blocks_of_one_slot_in_a_chain_are_found() -> None:
    async def act(watch: Watch) -> None:
        await look(watch)
        tip = watch.tips[1]
        twin = replace(tip.header, height=tip.header.height + 1, block_hash=b"t" * 20)
        watch.tips[1] = replace(tip, header=twin, parent=tip)
        with pytest.raises(InvariantFailed, match="node 1 has two blocks for a slot"):
            await one_block_a_slot(watch)

    play(act)


def test_a_measure_that_was_counted_wrongly_is_found() -> None:
    async def act(watch: Watch) -> None:
        await look(watch)
        tip = watch.tips[1]
        for measure in ("uniques", "uniques_round", "forgers", "forgers_round"):
            wrong = {measure: getattr(tip.measured, measure) + 1}
            watch.tips[1] = replace(tip, measured=replace(tip.measured, **wrong))
            with pytest.raises(InvariantFailed, match=r"measures_equal_a_recount: node 1 says .* counted"):
                await measures_equal_a_recount(watch)

    play(act)


def test_a_tip_that_was_acknowledged_and_is_gone_is_found() -> None:
    async def act(watch: Watch) -> None:
        await look(watch)
        witness, tip = watch.cluster.witness, watch.tips[1]
        assert tip.parent is not None
        watch.tips[1] = tip.parent
        with pytest.raises(InvariantFailed, match="node 1 acknowledged"):
            await nothing_acknowledged_is_lost(watch)
        watch.tips[1] = tip
        # Also when it was fetched again before anybody looked.
        witness.losses.append(Loss(2, tip.measured, tip.parent.measured))
        with pytest.raises(InvariantFailed, match=r"node 2 acknowledged .* and found"):
            await nothing_acknowledged_is_lost(watch)

    play(act)


@pytest.mark.parametrize(
    ("sql", "match"),
    [
        ("UPDATE blocks SET uniques_round = uniques_round + 1 WHERE height = 1", "measures, stored"),
        ("UPDATE messages SET value = value + 1 WHERE id >> 20 = 1", "11, a message of it is invalid"),
    ],
    ids=["a measure", "a message"],
)
def test_a_ledger_that_was_changed_behind_its_back_is_found_at_the_end(sql: str, match: str) -> None:
    async def act(watch: Watch) -> None:
        await look(watch)
        host = watch.cluster.hosts[1]
        await chains_pass_a_check(watch)

        async def spoil(transaction: Transaction) -> None:
            await transaction.execute(sql)

        await host.ledger_db.write(spoil)
        with pytest.raises(InvariantFailed, match=f"chains_pass_a_check: block 1 of node 1: {match}"):
            await chains_pass_a_check(watch)

    play(act)
