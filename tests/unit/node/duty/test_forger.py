"""Forging: what is sealed, in which order it becomes real, and who gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Ignore, Reject
from hypernode.core.signing import compute_twin
from hypernode.core.types import Block, ChainHeight, RoundPlan
from hypernode.net.caller import Caller
from hypernode.node.owner.runtime import Node
from hypernode.ports.chain import ToleratedViolation
from hypernode.ports.journal import AlreadySigned
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, ask, note_height, play
from tests.unit.node.duty.jurors import juror_node

# --- sealing --------------------------------------------------------------------------------------------


def test_a_block_of_ours_is_never_before_its_parent() -> None:
    """A parent whose time is beyond its slot is there on mixed networks, where most held it."""

    async def scenario() -> None:
        bed = Bed()
        node, plan = await juror_node(bed, 1)
        ahead_s = bed.params.future_allowed_s - 1
        parent = await (await Branch.on(bed, node.ports.ledger)).make(
            ROUND, 0, after_s=bed.params.slot_s + 20.0 + ahead_s
        )
        await node.ports.ledger.append(parent)
        bed.go_to(ROUND, 1, 20.0)
        block = await node.forger.forge(plan, 1)
        assert block.timestamp == parent.timestamp > bed.clock.now()

    play(scenario())


def test_a_block_is_journalled_then_signed_then_stored() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan = await juror_node(bed)
        order: list[str] = []
        record, append = node.ports.journal.record, node.ports.ledger.append
        sign = node.ports.signer.sign

        def watch_sign(buffer: bytes) -> bytes:
            order.append("signature")
            return sign(buffer)

        async def watch_record(*args: Any) -> None:
            order.append("journal")
            await record(*args)

        async def watch_append(block: Block, findings: Sequence[ToleratedViolation] = ()) -> ChainHeight:
            order.append("ledger")
            assert await node.ports.journal.get_hash(ROUND, 0) == block.block_hash
            return await append(block, findings)

        node.ports.journal.record = watch_record  # type: ignore[method-assign,assignment]
        node.ports.ledger.append = watch_append  # type: ignore[method-assign]
        node.ports.signer.sign = watch_sign  # type: ignore[method-assign]
        block = await node.forger.forge(plan, 0)
        assert order == ["journal", "signature", "ledger"]
        assert node.chain.height.block_hash == block.block_hash
        assert node.forger.forged_count == 1
        assert len(node.mempool) == 0
        assert node.node_state.halted == ""

    play(scenario())


def test_a_slot_that_was_signed_is_not_signed_again() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan = await juror_node(bed)
        await node.ports.journal.record(ROUND, 0, b"h" * 20)

        def sign(buffer: bytes) -> bytes:
            raise AssertionError("it signs again")

        node.ports.signer.sign = sign  # type: ignore[method-assign]
        with pytest.raises(AlreadySigned):
            await node.forger.forge(plan, 0)
        assert node.chain.height.height == 0
        assert len(node.mempool) == 4

    play(scenario())


def test_messages_that_are_in_the_chain_are_left_out_with_their_twins() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 1)
        first = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
        node, plan = await juror_node(bed, 1)
        await node.ports.ledger.append(first)
        again, other = first.messages[0], first.messages[1]
        node.mempool.add(replace(again, block_height=0))
        node.mempool.add(replace(other, block_height=0, txid=compute_twin(other.txid)))
        block = await node.forger.forge(plan, 1)
        assert len(block.messages) == 4
        known = {first.messages[0].txid, compute_twin(first.messages[1].txid)}
        assert known.isdisjoint(message.txid for message in block.messages)

    play(scenario())


@pytest.mark.parametrize(("senders", "why"), [((0, 1, 2), "3 messages"), ((0, 1, 0, 1), "2 senders")])
def test_too_few_messages_or_senders_make_no_block_and_no_record(senders: Sequence[int], why: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        plan = await (await Branch.on(bed, (await bed.node()).ports.ledger)).plan(ROUND)
        node = await bed.node(bed.index_of(plan.juror_of(0) or ""))
        await node.intake.submit(bed.messages(bed.clock.now(), senders))
        with pytest.raises(Reject, match=why):
            await node.forger.forge(plan, 0)
        assert await node.ports.journal.get_hash(ROUND, 0) is None

    play(scenario())


def test_messages_of_who_is_not_registered_any_more_stay_out() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, _ = await juror_node(bed)
        senders = frozenset(bed.address(n) for n in (0, 1))
        assert {message.sender for message in node.forger.select(senders)} == senders
        assert len(node.mempool) == 4

    play(scenario())


def test_a_tip_that_moves_while_we_seal_costs_the_slot_and_nothing_else() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 1)
        first = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
        node, plan = await juror_node(bed, 1)
        record = node.ports.journal.record

        async def slow_record(*args: Any) -> None:
            await record(*args)
            await node.chain.accept_pushed(first)

        node.ports.journal.record = slow_record  # type: ignore[method-assign,assignment]
        with pytest.raises(Ignore, match="the tip moved"):
            await node.forger.forge(plan, 1)
        assert node.chain.height.block_hash == first.block_hash
        assert len(node.mempool) == 4
        with pytest.raises(AlreadySigned):
            await node.forger.forge(plan, 1)

    play(scenario())


# --- sending --------------------------------------------------------------------------------------------


class Listener:
    """A hypernode that notes what it gets, and answers getheaders with ``tip``."""

    def __init__(self, tip: Block | None) -> None:
        self.tip = tip
        self.heard: list[Command] = []

    async def __call__(self, caller: Caller, command: Command) -> Command | None:
        self.heard.append(command)
        if command.id is CommandId.GETHEADERS:
            return ask(command.id, blocks=() if self.tip is None else (replace(self.tip, messages=()),))
        return None

    def list_ids(self) -> list[CommandId]:
        return [command.id for command in self.heard]


async def forged(bed: Bed) -> tuple[Node, RoundPlan, Block, Block, dict[int, Listener]]:
    """A juror with a block of its own on top of one that is stored; nobody listens yet."""
    bed.go_to(ROUND, 1)
    parent = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
    node, plan = await juror_node(bed, 1)
    await node.ports.ledger.append(parent)
    block = await node.forger.forge(plan, 1)
    own = bed.index_of(node.ports.signer.address)
    listeners = {n: Listener(parent) for n in range(bed.size) if n != own}
    for number, listener in listeners.items():
        await bed.script(number, listener)
    return node, plan, parent, block, listeners


def test_a_block_goes_to_who_told_the_parent_and_to_nobody_twice() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan, _, block, listeners = await forged(bed)
        height = await node.ports.ledger.get_height_at(1)
        for number in listeners:
            note_height(bed, node, number, height)
        assert await node.forger.send(block, plan) == len(listeners)
        await asyncio.sleep(1)
        for listener in listeners.values():
            assert listener.list_ids() == [CommandId.BLOCK]
            assert [b.block_hash for b in listener.heard[0].blocks] == [block.block_hash]

    play(scenario())


def test_a_branch_that_replaced_our_block_ends_its_sending() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan, _, block, listeners = await forged(bed)
        height = await node.ports.ledger.get_height_at(1)
        for number in listeners:
            note_height(bed, node, number, height)
        await node.ports.ledger.rollback(1)
        assert await node.forger.send(block, plan) == 0
        assert [listener.list_ids() for listener in listeners.values()] == [[]] * len(listeners)

    play(scenario())


def test_who_is_elsewhere_is_left_to_sync() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan, _, block, listeners = await forged(bed)
        heights = [await node.ports.ledger.get_height_at(h) for h in (0, 2)]
        for place, number in enumerate(listeners):
            note_height(bed, node, number, heights[place % 2])
        assert await node.forger.send(block, plan) == 0
        await asyncio.sleep(1)
        assert not any(listener.heard for listener in listeners.values())

    play(scenario())


def test_who_told_no_height_is_asked_first_without_side_effects() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan, parent, block, listeners = await forged(bed)
        numbers = list(listeners)
        listeners[numbers[0]].tip = replace(parent, block_hash=b"o" * 20)
        listeners[numbers[1]].tip = None
        assert await node.forger.send(block, plan) == len(listeners) - 2
        await asyncio.sleep(1)
        for place, number in enumerate(numbers):
            expected = [CommandId.GETHEADERS] if place < 2 else [CommandId.GETHEADERS, CommandId.BLOCK]
            assert listeners[number].list_ids() == expected
            assert listeners[number].heard[0].string == ",1"
            assert CommandId.HEIGHT not in listeners[number].list_ids()

    play(scenario())


def test_those_who_wait_for_it_get_it_before_those_who_must_be_asked() -> None:
    async def scenario() -> None:
        bed = Bed(40)
        node, plan, _, block, listeners = await forged(bed)
        reported = [n for n in listeners if n >= 25]
        height = await node.ports.ledger.get_height_at(1)
        for number in reported:
            note_height(bed, node, number, height)
        for number in listeners:
            if number not in reported:
                bed.memory.crash(bed.ip(number), silent=True)
        started = bed.clock.monotonic()
        assert await node.forger.send(block, plan) == len(reported)
        assert bed.clock.monotonic() - started <= 45.0
        assert all(listeners[n].list_ids() == [CommandId.BLOCK] for n in reported)

    play(scenario())


def test_who_cannot_be_reached_or_refuses_us_breaks_nothing() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan, _, block, listeners = await forged(bed)
        first, second, *others = listeners
        bed.memory.crash(bed.ip(first))
        bed.memory.crash(bed.ip(second))
        bed.memory.restart(bed.ip(second))
        foreign = Bed(posnet="elsewhere1", posnet_allow=("elsewhere1",))
        foreign.memory = bed.memory
        await foreign.script(second, Listener(None))
        assert await node.forger.send(block, plan) == len(others)

    play(scenario())


@pytest.mark.parametrize("port", ["", "no", "99999", "0", "-1", "٣٣٣", "9" * 5000])
def test_a_registered_port_that_is_none_is_not_dialled(port: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        node, plan, _, block, listeners = await forged(bed)
        spoiled = next(iter(listeners))
        registered = tuple(
            replace(e, port=port) if e.pos == bed.address(spoiled) else e for e in plan.registered
        )
        node.peers.set_registered(registered)
        assert await node.forger.send(block, replace(plan, registered=registered)) == len(listeners) - 1

    play(scenario())
