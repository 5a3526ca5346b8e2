"""The running node's judgement: from its parts, once a second, told in the log and in the status."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.health.duty import Duty
from hypernode.machine.slot_account import Outcome
from hypernode.node.owner.health_watch import GROWING_BLOCKS, HealthWatch
from hypernode.node.owner.runtime import Node
from hypernode.ports.registrations import PowStatus
from hypernode.ports.storage_faults import StorageFault
from tests.unit.node.beds import ROUND, Bed, note_height, play


async def look(node: Node, *, after_s: float = 1.0) -> HealthWatch:
    await pass_time(after_s)
    await node.health.look(await node.view_builder.look())
    return node.health


async def pass_time(seconds: float) -> None:
    """On virtual time."""
    await asyncio.sleep(seconds)


def word(health: HealthWatch) -> Duty:
    assert health.judgement is not None
    return health.judgement.duty


def codes(health: HealthWatch) -> set[str]:
    assert health.judgement is not None
    return {finding.code for finding in health.judgement.problems}


def test_a_node_alone_waits_at_first_and_fails_after_ten_minutes() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        assert word(await look(node)) is Duty.WAITING
        assert word(await look(node, after_s=400.0)) is Duty.WAITING
        health = await look(node, after_s=700.0)
        assert word(health) is Duty.FAILING
        assert "no-connections" in codes(health)

    play(scenario())


def test_what_the_companion_says_is_in_the_findings_and_in_the_status() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.node_state.pow_status = PowStatus("ledger", 0, 0.0, "", "the file is not there")
        await look(node)
        health = await look(node, after_s=60.0)
        assert "companion-late" in codes(health)
        status = await node.views.get_status()
        duty = status["duty"]
        assert isinstance(duty, dict)
        assert (duty["word"], duty["ready"]) == ("failing", False)
        assert duty["sentence"] == "the companion cannot be read: the file is not there"
        assert [line for line in bed.warnings if line.startswith("finding companion-late (error): ")]
        node.node_state.pow_status = PowStatus("ledger", 9, bed.clock.now(), "", "")
        await look(node, after_s=2.0)
        assert "companion-late" not in codes(health)
        assert [line for line in bed.log if line.startswith("finding companion-late is over")]

    play(scenario())


def test_a_companion_that_grew_and_then_stood_still_is_late() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        began = bed.clock.now()
        for height in (7, 8):
            node.node_state.pow_status = PowStatus("ledger", height, bed.clock.now(), "")
            await look(node)
        stands = PowStatus("ledger", 8, began, "", "the last block (8) is too old")
        node.node_state.pow_status = stands
        health = await look(node, after_s=GROWING_BLOCKS * bed.params.pow_block_s + 1.0)
        assert health.judgement is not None
        await look(node, after_s=40.0)
        assert "companion-late" in codes(health)
        assert word(health) is Duty.FAILING
        assert health.judgement.sentence.startswith("the companion stands still at block 8, ")
        node.node_state.pow_status = replace(stands, height=9)
        await look(node)
        assert "companion-late" not in codes(health)
        assert "companion-catching-up" in {finding.code for finding in health.judgement.findings}

    play(scenario())


def test_before_the_first_judgement_the_status_says_that_it_waits() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        status = node.health.to_status()
        assert status["findings"] == []
        duty = status["duty"]
        assert isinstance(duty, dict)
        assert (duty["word"], duty["ready"], duty["until"]) == ("waiting", False, None)
        judged = (await look(node)).to_status()["duty"]
        assert isinstance(judged, dict)
        assert list(duty) == list(judged)

    play(scenario())


def test_a_disk_that_refuses_is_judged_though_nothing_can_be_decided() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await look(node)
        node.storage_watch.note(StorageFault("disk full"))
        await pass_time(2.0)
        await node.health.look(None)
        assert "disk-full" in codes(node.health)
        await node.storage_watch.check()
        await pass_time(2.0)
        await node.health.look(None)
        assert "disk-full" not in codes(node.health)

    play(scenario())


def test_it_is_made_once_a_second_at_most() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await look(node)
        first = node.health.judgement
        await node.health.look(await node.view_builder.look())
        assert node.health.judgement is first
        await look(node)
        assert node.health.judgement is not first

    play(scenario())


def test_peers_that_stand_and_a_missed_slot_are_seen() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        plan = node.node_state.plan
        assert plan is not None
        sir = next(s for s in range(19) if plan.juror_of(s) == node.ports.signer.address)
        bed.go_to(ROUND, sir, 20.0)
        await node.slot_log.end_past()
        view = await node.view_builder.look()
        note_height(bed, node, 1, node.chain.height)
        bed.go_to(ROUND, sir + 1, 1.0)
        await node.slot_log.end_past()
        await node.duty_log.look(ROUND, is_synced=False)
        (record,) = node.duty_log.day.records
        assert (record.sir, record.outcome, record.is_final) == (sir, Outcome.MISSED, False)
        await node.health.look(view)
        assert "slot-missed" in codes(node.health)
        status = await node.views.get_status()
        assert status["extra"]["day"] is None  # type: ignore[index]

    play(scenario())


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"disk": {"free": 10**9}, "loop_lag_ms": 0}, "disk-low"),
        ({"disk": {"free": 10**12}, "loop_lag_ms": 1_500}, "loop-slow"),
        ({"disk": {"free": 10**12}, "loop_lag_ms": 900}, ""),
        ({}, ""),
    ],
)
def test_the_figures_of_the_process_reach_the_judgement(extra: dict[str, object], expected: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        asked: list[int] = []

        def metrics() -> dict[str, object]:
            asked.append(1)
            return {"extra": extra}

        node = await bed.node(metrics=metrics)
        await look(node)
        before = len(asked)
        health = await look(node)
        assert codes(health) & {"disk-low", "loop-slow"} == ({expected} if expected else set())
        assert len(asked) == before + 1

    play(scenario())
