"""One line for each slot of ours, and one for each change of state."""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.errors import Ignore, InvariantBroken
from hypernode.core.forging import TooFewMessages
from hypernode.core.rules import Rule
from hypernode.machine.decide import decide
from hypernode.machine.reasons import Obstacle, Reason
from hypernode.node.duty.slot_log import MAX_LOOKS, SlotLog
from hypernode.node.owner.runtime import Node
from hypernode.ports.journal import AlreadySigned
from hypernode.ports.registrations import PowNotReady
from hypernode.ports.storage_faults import StorageFault
from tests.unit.node.beds import ROUND, Bed, note_height, play, store


async def _look(node: Node) -> None:
    await node.slot_log.end_past()
    view = await node.view_builder.look()
    node.slot_log.note(view, decide(node.params, node.params.default_tunables, view))


def _find_slots(node: Node) -> list[int]:
    plan = node.node_state.plan
    assert plan is not None
    return [sir for sir in range(node.params.slots) if plan.juror_of(sir) == node.ports.signer.address]


async def _make(bed: Bed) -> tuple[Node, int]:
    """A node, and the first slot that is its own."""
    node = await bed.node()
    return node, _find_slots(node)[0]


def _list_lines(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.startswith(("our slot", "round"))]


def test_a_missed_slot_leaves_one_line_with_the_reason_and_its_figures() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, sir = await _make(bed)
        for after_s in (1.0, 20.0, 60.0):
            bed.go_to(ROUND, sir, after_s)
            await _look(node)
        for number in range(1, 4):
            note_height(bed, node, number, node.chain.height)
        bed.go_to(ROUND, sir, 100.0)
        await _look(node)
        bed.go_to(ROUND, sir + 1, 0.1)
        await _look(node)
        await _look(node)
        assert _list_lines(bed.warnings) == [
            f"our slot {sir} of round {ROUND}: missed, too-few-messages: 0 messages of 4;"
            " also no-connections for 80.0 s, starting for 5.0 s"
        ]
        assert [account.sir for account in node.slot_log.recent] == [sir]

    play(scenario())


def test_a_forged_slot_is_said_and_one_of_another_juror_is_not() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, sir = await _make(bed)
        await _look(node)
        bed.go_to(ROUND, sir)
        await store(bed, node.ports.ledger, (ROUND, sir))
        height = node.ports.ledger.get_height()
        bed.go_to(ROUND, node.params.slots)
        await _look(node)
        found = [line for line in _list_lines(bed.log) if f"slot {sir} " in line]
        assert found == [
            f"our slot {sir} of round {ROUND}: forged, block {height.height} {height.block_hash.hex()[:10]}"
        ]
        others = _list_lines(bed.warnings)
        assert len(others) == len(_find_slots(node)) - 1

    play(scenario())


def test_slots_slept_through_are_missed_by_what_stood_before() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await _look(node)
        bed.go_to(ROUND, node.params.slots)
        await _look(node)
        lines = _list_lines(bed.warnings)
        assert [f"our slot {own} of round {ROUND}" for own in _find_slots(node)] == [
            line.split(":")[0] for line in lines
        ]

    play(scenario())


def test_a_round_without_lists_is_judged_when_they_come_or_given_up() -> None:
    async def scenario() -> None:
        bed = Bed()
        node, sir = await _make(bed)
        plan, node.node_state.plan = node.node_state.plan, None
        late = PowNotReady("the companion is 20 min late")
        await node.slot_log.end_past()
        node.slot_log.note_fault(late)
        bed.go_to(ROUND, sir + 1)
        await node.slot_log.end_past()
        assert _list_lines(bed.warnings) == []
        node.node_state.plan = plan
        await node.slot_log.end_past()
        words = "companion-late: the companion is 20 min late"
        first = [own for own in _find_slots(node) if own <= sir]
        assert _list_lines(bed.warnings) == [
            f"our slot {own} of round {ROUND}: missed, {words}" for own in first
        ]
        node.node_state.plan = None
        bed.go_to(ROUND + 1, 0)
        await node.slot_log.end_past()
        await node.slot_log.end_past()
        assert _list_lines(bed.warnings)[len(first) :] == [
            f"round {ROUND} is over and its lists were never derived ({words}): slots of ours are missed"
        ]

    play(scenario())


def test_each_fault_of_the_owner_has_its_reason() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        faults = {
            PowNotReady("x"): Reason.COMPANION_LATE,
            StorageFault("x"): Reason.DISK,
            InvariantBroken("x"): Reason.HALTED,
            AlreadySigned("x"): Reason.ALREADY_SIGNED,
            TooFewMessages(Rule.FORGING, "x"): Reason.TOO_FEW_MESSAGES,
            Ignore(Rule.B1, "x"): Reason.CATCHING_UP,
        }
        log = SlotLog(
            bed.clock,
            bed.address(0),
            node.ports.ledger,
            node.node_state,
            node.duty_log,
            bed.log.append,
            bed.warnings.append,
        )
        for fault, reason in faults.items():
            log.note_fault(fault)
            assert log._looks[-1].obstacle == Obstacle(reason, "x")
        for number in range(2 * MAX_LOOKS):
            log.note_obstacle(Obstacle(Reason.DISK, str(number)))
        assert len(log._looks) == MAX_LOOKS

    play(scenario())
