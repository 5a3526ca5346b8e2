"""Peer tests, as tester and as tested (spec 6, testing peers)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hypernode.core import kinds, peer_tests
from hypernode.core.errors import Ignore, Reject
from hypernode.core.kinds import format_test
from hypernode.core.types import Message, PeerTest, RoundPlan
from hypernode.net.caller import Caller
from hypernode.node.duty.tester import PADDING_BYTES, compute_bandwidth, list_slots_at_hand
from hypernode.node.owner.runtime import Node
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, FakeCaller, Handler, note_height, play, serve, store

TESTER, TESTED = 1, 2


def with_tests(node: Node, *tests: PeerTest, sir: int = 0) -> RoundPlan:
    """The node's plan, with other tests in one slot."""
    plan = node.node_state.plan
    assert plan is not None
    slots = list(plan.tests)
    slots[sir] = tests
    changed = replace(plan, tests=tuple(slots))
    node.node_state.plan = changed
    return changed


def make_frame(bed: Bed, kind: int = 0, **fields: Any) -> Command:
    values: dict[str, Any] = {
        "txid": b"",
        "block_height": 0,
        "timestamp": int(bed.clock.now()),
        "sender": bed.address(TESTER),
        "recipient": bed.address(TESTED),
        "what": 202,
        "params": format_test(kind),
        "value": 0,
        "pubkey": b"",
        **fields,
    }
    return Command(CommandId.TEST, messages=(Message(**values),))


def list_published(node: Node) -> list[tuple[int, str, str]]:
    return [(m.what, m.recipient, m.params) for m in node.mempool.get_all()]


async def put(node: Node, ip: str, command: Command) -> Command:
    answer = await serve(node, FakeCaller(ip, 0), command)
    assert answer is not None
    return answer


# --- tested -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", range(5))
def test_a_planned_test_is_answered_with_its_value_and_published(kind: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 0)
        node = await bed.node(TESTED)
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(TESTED), kind))
        frame = replace(make_frame(bed, kind, what=999, timestamp=5), hashes=(b"padding",))
        answer = await put(node, bed.ip(TESTER), frame)
        assert answer.id is CommandId.TEST
        value = answer.messages[0].value
        assert answer.messages == (replace(frame.messages[0], value=value),)
        assert answer.hashes == ((b"padding",) if kind == peer_tests.BANDWIDTH else ())
        assert (value > 0) == (kind in (0, 1, 2))
        (said,) = node.mempool.get_all()
        assert (said.what, said.sender, said.recipient) == (203, bed.address(TESTED), bed.address(TESTER))
        assert (said.params, said.value, said.timestamp) == (
            f"TEST:{kind}",
            int(bed.clock.now()),
            int(bed.clock.now()),
        )

    play(scenario())


def test_a_test_is_said_once_however_often_it_is_asked() -> None:
    """Else a tester could make us fill everybody's mempool."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTED)
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(TESTED), 0))
        for _ in range(5):
            assert (await put(node, bed.ip(TESTER), make_frame(bed))).messages[0].value
            bed.clock.step(2)
        assert len(node.mempool) == 1

    play(scenario())


@pytest.mark.parametrize(
    "spoil",
    [
        {"params": "TEST:1"},
        {"params": "TEST:00"},
        {"params": "TEST:٠"},
        {"params": ""},
        {"sender": ""},
        {"sender": "\0" * 200},
    ],
)
def test_a_test_that_is_not_in_the_plan_is_not_answered(spoil: dict[str, Any]) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTED)
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(TESTED), 0))
        with pytest.raises(Ignore):
            await put(node, bed.ip(TESTER), make_frame(bed, **spoil))
        assert len(node.mempool) == 0

    play(scenario())


def test_a_test_in_the_name_of_another_is_not_answered() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTED)
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(TESTED), 0))
        with pytest.raises(Ignore):
            await put(node, bed.ip(3), make_frame(bed))
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(4), 0))
        with pytest.raises(Ignore):
            await put(node, bed.ip(TESTER), make_frame(bed))
        assert len(node.mempool) == 0

    play(scenario())


@pytest.mark.parametrize("count", [0, 2])
def test_a_frame_that_is_no_test_is_an_offence(count: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTED)
        frame = replace(make_frame(bed), messages=make_frame(bed).messages * count)
        with pytest.raises(Reject):
            await put(node, bed.ip(TESTER), frame)

    play(scenario())


def test_a_test_is_answered_one_slot_later_but_not_two() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTED)
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(TESTED), 0))
        bed.go_to(ROUND, 1, 179.0)
        await put(node, bed.ip(TESTER), make_frame(bed))
        bed.go_to(ROUND, 2, 0.0)
        plan = node.node_state.plan
        assert plan is not None
        node.node_state.plan = replace(plan, tests=(plan.tests[0], (), (), *plan.tests[3:]))
        with pytest.raises(Ignore):
            await put(node, bed.ip(TESTER), make_frame(bed))

    play(scenario())


def test_slots_at_hand_reach_into_the_round_before() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        plan = node.node_state.plan
        assert plan is not None
        before = replace(plan, round=ROUND - 1)
        now = bed.clock.now()
        last = bed.params.slots_total - 1
        assert list_slots_at_hand(bed.params, now, plan, before) == [(plan, 0), (before, last)]
        assert list_slots_at_hand(bed.params, now, plan, None) == [(plan, 0)]
        assert list_slots_at_hand(bed.params, now + 180, plan, before) == [(plan, 1), (plan, 0)]
        assert list_slots_at_hand(bed.params, now + 3600, plan, None) == [(plan, last)]

    play(scenario())


# --- tester -----------------------------------------------------------------------------------------------


async def run_test(bed: Bed, kind: int, handler: Handler | None, features: int = 1) -> Node:
    """Node TESTER tests TESTED, which answers with ``handler``, or with the shipped code."""
    node = await bed.node(TESTER)
    test = PeerTest(bed.address(TESTER), bed.address(TESTED), kind)
    plan = with_tests(node, test)
    if handler is None:
        other = await bed.serve(TESTED)
        with_tests(other, test)
    else:
        await bed.script(TESTED, handler)
    note_height(bed, node, TESTED, node.chain.height, features=features)
    assert node.tester.list_own(plan, 0) == [test]
    assert node.tester.list_own(plan, bed.params.slots) == []
    await node.tester.run(test, plan, 0)
    return node


@pytest.mark.parametrize("kind", range(5))
def test_a_node_that_can_passes_every_kind(kind: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await run_test(bed, kind, None)
        assert list_published(node) == [(202, bed.address(TESTED), f"TEST:{kind}")]

    play(scenario())


def answering(value: int) -> Handler:
    async def handle(caller: Caller, command: Command) -> Command | None:
        return replace(command, messages=(replace(command.messages[0], value=value),))

    return handle


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("features", [0, 1])
def test_a_frame_given_back_as_it_came_passes_for_a_legacy_node_only(kind: int, features: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await run_test(bed, kind, answering(0), features)
        passes = not features or kind in (peer_tests.BANDWIDTH, peer_tests.COMPANION)
        assert list_published(node) == [(202 if passes else 204, bed.address(TESTED), f"TEST:{kind}")]

    play(scenario())


async def _nothing(caller: Caller, command: Command) -> Command | None:
    return None


async def _another(caller: Caller, command: Command) -> Command | None:
    return Command(CommandId.KO)


async def _empty(caller: Caller, command: Command) -> Command | None:
    return Command(CommandId.TEST)


@pytest.mark.parametrize("handler", [_nothing, _another, _empty])
def test_who_does_not_answer_fails(handler: Handler) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await run_test(bed, 0, handler, features=0)
        (said,) = node.mempool.get_all()
        assert (said.what, said.params) == (kinds.TEST_KO, "TEST:0")
        assert abs(said.value - bed.clock.now()) < 1

    play(scenario())


@pytest.mark.parametrize("port", ["no", "99999", "9" * 5000])
def test_who_cannot_be_dialled_fails(port: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTER)
        test = PeerTest(bed.address(TESTER), bed.address(TESTED), 0)
        plan = with_tests(node, test)
        registered = tuple(
            replace(e, port=port) if e.pos == bed.address(TESTED) else e for e in plan.registered
        )
        await node.tester.run(test, replace(plan, registered=registered), 0)
        assert list_published(node) == [(204, bed.address(TESTED), "TEST:0")]

    play(scenario())


def test_who_is_not_on_the_list_is_not_tested() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(TESTER)
        test = PeerTest(bed.address(TESTER), "nobody", 0)
        await node.tester.run(test, with_tests(node, test), 0)
        assert len(node.mempool) == 0

    play(scenario())


def test_the_chain_test_asks_for_blocks_of_rounds_before_the_previous_one() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 2, 0)
        node = await bed.node(TESTED)
        old = await store(bed, node.ports.ledger, *[(ROUND, sir) for sir in range(12)])
        await store(bed, node.ports.ledger, (ROUND + 1, 0), (ROUND + 1, 1))
        with_tests(node, PeerTest(bed.address(TESTER), bed.address(TESTED), 1))
        answer = await put(node, bed.ip(TESTER), make_frame(bed, 1))
        expected = peer_tests.compute_chain_value([block.block_hash for block in old[-10:]])
        assert answer.messages[0].value == expected

    play(scenario())


def test_bandwidth_counts_both_ways_and_bears_no_time_at_all() -> None:
    assert compute_bandwidth(PADDING_BYTES, 2.0) == 262
    assert compute_bandwidth(PADDING_BYTES, 0.0) < 2**32
    assert compute_bandwidth(0, 1.0) == 0
