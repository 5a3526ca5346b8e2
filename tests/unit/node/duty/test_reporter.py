"""What a node says, when, and how often (spec 6, message kinds)."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core import kinds
from hypernode.core.params.tunables import list_values
from hypernode.core.types import ChainHeight, Equivocation, PeerTest, RoundPlan
from hypernode.node.owner.runtime import Node
from tests.unit.node.beds import ROUND, Bed, Branch, enter_round, note_height, play, store

Said = tuple[int, str, str, int]


def list_published(node: Node) -> list[Said]:
    return [(m.what, m.recipient, m.params, m.value) for m in node.mempool.get_all()]


def get_plan(node: Node) -> RoundPlan:
    assert node.node_state.plan is not None
    return node.node_state.plan


def test_start_is_said_once_in_a_process() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await node.reporter.publish_start()
        bed.go_to(ROUND + 1, 0)
        await enter_round(node)
        await node.reporter.publish_start()
        assert list_published(node) == [(202, bed.address(0), "START", ROUND)]

    play(scenario())


def test_start_is_said_again_until_it_is_taken() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.intake.set_senders(frozenset(), frozenset())
        await node.reporter.publish_start()
        assert list_published(node) == []
        everybody = frozenset({bed.address(0)})
        node.intake.set_senders(everybody, everybody)
        await node.reporter.publish_start()
        assert len(list_published(node)) == 1

    play(scenario())


def test_config_is_said_once_a_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        for round_ in (ROUND, ROUND + 1):
            bed.go_to(round_, 0)
            await enter_round(node)
            await node.reporter.publish_config()
            bed.go_to(round_, 1)
            await node.reporter.publish_config()
        params = kinds.format_config(list_values(bed.params.default_tunables))
        assert list_published(node) == [(120, bed.address(0), params, r) for r in (ROUND, ROUND + 1)]
        assert len(params) == len("CONFIG:") + 8

    play(scenario())


def without_tests_for(plan: RoundPlan, address: str) -> RoundPlan:
    return replace(plan, tests=tuple(tuple(t for t in s if t.tester != address) for s in plan.tests))


def test_no_test_is_said_at_the_rounds_start_and_in_its_closing_slot() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        plan = without_tests_for(get_plan(node), bed.address(0))
        for sir in (0, 0, 1, 5, 18, 19, 19):
            bed.go_to(ROUND, sir)
            await node.reporter.publish_no_test(plan, sir)
        assert list_published(node) == [
            (201, bed.address(0), "NO_TEST:1", ROUND),
            (201, bed.address(0), "NO_TEST:2", ROUND),
        ]

    play(scenario())


def test_who_has_a_test_to_do_does_not_say_no_test() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        plan = without_tests_for(get_plan(node), bed.address(0))
        test = PeerTest(bed.address(0), bed.address(1), 0)
        plan = replace(plan, tests=(*plan.tests[:-1], (test,)))
        for sir in (0, 19):
            await node.reporter.publish_no_test(plan, sir)
        assert list_published(node) == []

    play(scenario())


def test_a_peer_is_praised_and_blamed_once_a_round_each() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        say = node.reporter
        for catching_up in (False, True, False):
            await say.publish_synced(bed.address(1), "10.2.0.1:06969", catching_up=catching_up)
            await say.publish_failed(bed.address(1), "10.2.0.1:06969", catching_up=catching_up)
        await say.publish_failed(bed.address(2), "10.3.0.1:06969", catching_up=True)
        assert list_published(node) == [
            (200, bed.address(1), "R.SYNC:10.2.0.1:06969", ROUND),
            (101, bed.address(1), "P.FAIL:10.2.0.1:06969", ROUND),
            (101, bed.address(2), "C.FAIL:10.3.0.1:06969", ROUND),
        ]
        bed.go_to(ROUND + 1, 0)
        await enter_round(node)
        await say.publish_failed(bed.address(1), "10.2.0.1:06969", catching_up=False)
        assert list_published(node)[-1] == (101, bed.address(1), "P.FAIL:10.2.0.1:06969", ROUND + 1)

    play(scenario())


def test_late_counts_heights_of_over_one_round_ago() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 2, 0)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0), (ROUND + 1, 0), (ROUND + 2, 0))
        await enter_round(node)
        for number, round_, times in ((1, ROUND, 3), (2, ROUND + 1, 3), (3, ROUND + 2, 1)):
            peer = note_height(bed, node, number, None)
            for n in range(times):
                reported = ChainHeight(1 + n, round_, 0, bytes([n]) * 20)
                node.views.note_height(peer, reported, None)
        for _ in range(2):
            await node.reporter.publish_late()
        assert list_published(node) == [(110, bed.address(1), "LATE:3", ROUND + 2)]
        bed.go_to(ROUND + 3, 0)
        await enter_round(node)
        await node.reporter.publish_late()
        assert len(list_published(node)) == 1

    play(scenario())


def test_an_equivocation_is_said_alike_by_all() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        branch = await Branch.on(bed, node.ports.ledger)
        a, b = await branch.make(ROUND, 0), await branch.make(ROUND, 0, after_s=18)
        await node.reporter.publish_equivocation(Equivocation(a, b))
        await node.reporter.publish_equivocation(Equivocation(b, a))
        first, second = sorted((a.block_hash.hex(), b.block_hash.hex()))
        assert list_published(node) == [(111, a.forger, f"EQUIV:{ROUND}:0:{first}:{second}", 1)]

    play(scenario())


def test_config_is_said_again_once_for_each_slot_that_lacks_messages() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await node.reporter.publish_config()
        for sir in (1, 1, 2):
            bed.go_to(ROUND, sir)
            await node.reporter.publish_config_again(sir)
        assert [what for what, *_ in list_published(node)] == [kinds.CONFIG] * 3

    play(scenario())


def test_nothing_is_published_twice_when_the_round_is_derived_again() -> None:
    """A better branch of the round before, or a companion that corrected itself."""

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND + 1, 0)
        for _ in range(2):
            await enter_round(node)
            await node.reporter.publish_config()
            plan = without_tests_for(get_plan(node), bed.address(0))
            await node.reporter.publish_no_test(plan, 0)
            await node.reporter.publish_failed(bed.address(2), "10.3.0.1:06969", catching_up=False)
        assert [what for what, *_ in list_published(node)] == [kinds.CONFIG, kinds.NO_TEST, kinds.KO_ACTION]

    play(scenario())
