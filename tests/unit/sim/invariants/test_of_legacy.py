"""What is asked where legacy nodes forge too: traps that ours spring, and blocks that break rules."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from hypernode.core.forging import seal_block
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import Block
from hypernode.ports.chain import ToleratedViolation
from hypernode.sim.archive import Filed
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.invariants.of_legacy import find_intolerable, no_legacy_node_is_trapped
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.legacy.traps import LegacyStops, Trap
from hypernode.storage.evidence import save_findings
from tests.unit.sim.doctored import play


async def note_finding(host: SimNode, header: Block, rule: Rule) -> None:
    """As if the host's ledger had taken that block."""
    finding = ToleratedViolation(header.height, header.block_hash, rule, "so it is")
    await host.ledger_db.write(lambda transaction: save_findings(transaction, [finding]))


def spring(watch: Watch, by: int, trap: Trap = Trap.BAD_MESSAGE) -> None:
    cluster = watch.cluster
    traps = cluster.legacy_hosts.by_index[0].memory.traps
    with suppress(LegacyStops):
        traps.spring(trap, cluster.hosts[by].ip, "a message")


def test_a_trap_that_ours_spring_is_found_once_and_legacy_ones_are_not() -> None:
    async def act(watch: Watch) -> None:
        spring(watch, by=0)
        await no_legacy_node_is_trapped(watch)
        spring(watch, by=2)
        with pytest.raises(
            InvariantFailed, match=r"legacy node \[0\] met a bad message .*, by node 2"
        ) as broken:
            await no_legacy_node_is_trapped(watch)
        assert broken.value.hosts == (2, 0)
        await no_legacy_node_is_trapped(watch)

    play(act, legacy=1)


@pytest.mark.parametrize(
    ("kind", "after_s", "is_excused"),
    [
        (FaultKind.GARBAGE, 0.0, True),
        (FaultKind.GARBAGE, 130.0, True),
        (FaultKind.GARBAGE, 170.0, False),
        (FaultKind.CLOCK, 0.0, True),
        (FaultKind.LOSSY, 0.0, False),
    ],
)
def test_liars_and_wrong_clocks_are_excused_until_a_minute_after(
    kind: FaultKind, after_s: float, *, is_excused: bool
) -> None:
    async def act(watch: Watch) -> None:
        cluster = watch.cluster
        begin = cluster.clock.now() - cluster.begin_time
        cluster.begun.append(Fault(0, begin, kind, (2,), 100.0, 0.5))
        await asyncio.sleep(after_s)
        spring(watch, by=2)
        if is_excused:
            await no_legacy_node_is_trapped(watch)
            spring(watch, by=3)
        with pytest.raises(InvariantFailed, match=f"by node {3 if is_excused else 2}"):
            await no_legacy_node_is_trapped(watch)

    play(act, legacy=1)


@pytest.mark.parametrize(
    ("trap", "kind", "subject", "is_excused"),
    [
        (Trap.FUTURE_MESSAGE, FaultKind.CLOCK, 0, True),
        (Trap.FUTURE_MESSAGE, FaultKind.CLOCK_JUMP, 0, True),
        (Trap.FUTURE_MESSAGE, FaultKind.CLOCK, 3, False),
        (Trap.FUTURE_MESSAGE, FaultKind.LOSSY, 0, False),
        (Trap.BAD_MESSAGE, FaultKind.CLOCK, 0, False),
        (Trap.PUSHED_TWICE, FaultKind.SPIKES, 0, True),
        (Trap.NAME_TAKEN, FaultKind.SPIKES, 2, True),
        (Trap.PUSHED_HEIGHT, FaultKind.SPIKES, 2, True),
        (Trap.PUSHED_HEIGHT, FaultKind.SPIKES, 3, False),
        (Trap.PUSHED_TWICE, FaultKind.SLOW, 0, False),
        (Trap.NAME_TAKEN, FaultKind.POWER_CUT, 2, True),
        (Trap.NAME_TAKEN, FaultKind.POWER_CUT, 0, False),
        (Trap.PUSHED_TWICE, FaultKind.POWER_CUT, 2, False),
        (Trap.BLOCKSYNC_GAP, FaultKind.SPIKES, 0, False),
    ],
)
def test_faults_that_explain_a_trap_excuse_it_and_no_other(
    trap: Trap, kind: FaultKind, subject: int, *, is_excused: bool
) -> None:
    async def act(watch: Watch) -> None:
        begin = watch.cluster.clock.now() - watch.cluster.begin_time
        watch.cluster.begun.append(Fault(0, begin, kind, (subject,), 100.0, 0.5))
        # When it was is told by a clock that is right.
        watch.cluster.hosts[0].clock.step(-3_000.0)
        spring(watch, by=2, trap=trap)
        if is_excused:
            await no_legacy_node_is_trapped(watch)
        else:
            with pytest.raises(InvariantFailed, match="by node 2"):
                await no_legacy_node_is_trapped(watch)

    play(act, legacy=1)


@pytest.mark.parametrize(
    ("rule", "forger", "has_finding", "legacy", "is_taken"),
    [
        (Rule.B6, 0, True, 1, True),
        (Rule.B13, 0, True, 1, True),
        (Rule.B6, 0, False, 1, False),
        (Rule.B5, 0, True, 1, False),
        (Rule.B6, 1, True, 1, False),
        (Rule.B6, 0, True, 0, False),
    ],
    ids=["class B", "class C", "no finding", "class A", "forged by ours", "no legacy nodes"],
)
def test_a_mixed_network_takes_legacy_blocks_and_keeps_a_violation(
    rule: Rule, forger: int, legacy: int, *, has_finding: bool, is_taken: bool
) -> None:
    async def act(watch: Watch) -> None:
        cluster, root = watch.cluster, watch.archive.root
        header = replace(root.header, height=1, forger=cluster.hosts[forger].signer.address)
        breaks = (Violation(rule, "so it is"),)
        tip = Filed(header, root, frozenset(), frozenset(), breaks, root.measured)
        node = cluster.hosts[1].node
        assert node is not None
        if has_finding:
            await note_finding(cluster.hosts[1], header, rule)
        broken = await find_intolerable(watch, cluster.hosts[1], tip)
        assert broken == (None if is_taken else (tip, breaks[0]))

    play(act, legacy=legacy)


@pytest.mark.parametrize(
    ("kind", "signed_after_s", "is_taken"),
    [(FaultKind.REPLAY, 50.0, True), (FaultKind.REPLAY, 150.0, False), (FaultKind.LOSSY, 50.0, False)],
)
def test_what_a_liar_signed_counts_as_what_a_legacy_node_signs(
    kind: FaultKind, signed_after_s: float, *, is_taken: bool
) -> None:
    async def act(watch: Watch) -> None:
        cluster, root = watch.cluster, watch.archive.root
        begin = cluster.clock.now() - cluster.begin_time
        cluster.begun.append(Fault(0, begin, kind, (2,), 100.0, 0.5))
        await asyncio.sleep(signed_after_s)
        signer = cluster.hosts[2].signer
        header = seal_block(signer.sign, signer.address, root.header, 3, 1, int(cluster.clock.now()), ())
        await note_finding(cluster.hosts[1], header, Rule.B6)
        await asyncio.sleep(500.0)
        tip = Filed(header, root, frozenset(), frozenset(), (Violation(Rule.B6, "so it is"),), root.measured)
        broken = await find_intolerable(watch, cluster.hosts[1], tip)
        assert broken == (None if is_taken else (tip, tip.breaks[0]))

    play(act, legacy=1)
