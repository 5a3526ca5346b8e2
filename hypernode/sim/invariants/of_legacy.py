"""What must hold where legacy nodes forge too (spec 4, classes; spec 8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hypernode.core.rules import RuleClass, Violation
from hypernode.sim.archive import Filed
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.plan import LIARS, FaultKind
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.legacy.traps import SprungTrap, Trap

CLOCKS: Final = frozenset({FaultKind.CLOCK, FaultKind.CLOCK_JUMP, FaultKind.CLOCK_DRIFT})
EXCUSES: Final = LIARS | CLOCKS
"""Under these a node of ours springs traps by the fault's doing: it lies, or it cannot know the time."""
SPIKES: Final = frozenset({FaultKind.SPIKES, FaultKind.LOSSY})
"""What is lost several times comes as late as what a heavy tail holds up."""
SILENT_ENDS: Final = frozenset({FaultKind.SILENT_CRASH, FaultKind.POWER_CUT})
"""A legacy node keeps the connection of a host that went without a word for 90 s, and so its name; the host,
when it is back, knows of none."""
EXCUSES_AT_EITHER_END: Final = {
    Trap.FUTURE_MESSAGE: CLOCKS,
    Trap.NAME_TAKEN: SPIKES,
    Trap.PUSHED_TWICE: SPIKES,
    Trap.PUSHED_HEIGHT: SPIKES,
}
"""Traps that nobody springs: a legacy node whose clock is behind hears words of its future; and what is on
its way for half a minute cannot be called back.  The end of an errand comes after the next one's hello, a
block after the legacy node fetched it, or another one, elsewhere."""
AFTER_FAULT_S: Final = 60.0
"""What was sent under a fault arrives a while after it."""


async def no_legacy_node_is_trapped(watch: Watch) -> None:
    """No honest node of ours stops or spoils a legacy node (spec 8, first table)."""
    cluster = watch.cluster
    ours = {host.ip: host.index for host in cluster.hosts if host.index not in cluster.legacy_hosts}
    sprung = sorted(cluster.legacy_hosts.list_traps(ours), key=lambda trap: trap.at)
    seen, watch.seen_traps = watch.seen_traps, len(sprung)
    for trap in sprung[seen:]:
        by = ours[trap.by]
        victims = _list_victims(watch, trap)
        at_either_end = EXCUSES_AT_EITHER_END.get(trap.trap, frozenset())
        is_excused = _is_befallen(watch, trap, EXCUSES, [by])
        if trap.trap is Trap.NAME_TAKEN:
            is_excused = is_excused or _is_befallen(watch, trap, SILENT_ENDS, [by])
        if not is_excused and not _is_befallen(watch, trap, at_either_end, [by, *victims]):
            detail = f"legacy node {victims} met {trap.trap.value}, by node {by} {trap.detail}".rstrip()
            raise InvariantFailed("no_legacy_node_is_trapped", detail, [by, *victims])


def _list_victims(watch: Watch, trap: SprungTrap) -> list[int]:
    """Who went into it."""
    hosts = watch.cluster.legacy_hosts.by_index
    return [index for index, host in hosts.items() if trap in host.memory.traps.sprung]


def _is_befallen(
    watch: Watch, trap: SprungTrap, kinds: Collection[FaultKind], hosts: Collection[int]
) -> bool:
    """Whether one of these hosts was under such a fault when the trap was sprung, or shortly before."""
    at = trap.at - watch.cluster.begin_time
    return any(
        fault.kind in kinds
        and not set(hosts).isdisjoint(fault.subjects)
        and fault.at <= at <= fault.end + AFTER_FAULT_S
        for fault in watch.cluster.begun
    )


async def find_intolerable(watch: Watch, host: SimNode, tip: Filed) -> tuple[Filed, Violation] | None:
    """A block of the host's chain that breaks a rule, and which one, unless the network has mercy."""
    for filed in tip.walk():
        for violation in filed.breaks:
            if not await _is_tolerated(watch, host, filed, violation):
                return filed, violation
    return None


async def _is_tolerated(watch: Watch, host: SimNode, filed: Filed, violation: Violation) -> bool:
    """What ``is_merciful`` lets pass; and each ledger keeps a finding of it."""
    if not is_merciful(watch, filed, violation):
        return False
    assert host.node is not None
    header = filed.header
    found = await host.node.ports.ledger.get_findings(header.height, header.height)
    return any((f.block_hash, f.rule) == (header.block_hash, violation.rule) for f in found)


def is_merciful(watch: Watch, filed: Filed, violation: Violation) -> bool:
    """A mixed network takes blocks that break classes B and C: of legacy nodes, and of those who lied when
    they signed them."""
    header, cluster = filed.header, watch.cluster
    if not cluster.params.mixed or violation.cls is RuleClass.A:
        return False
    signed = cluster.witness.signatures.find(header.forger, header.round, header.sir, header.block_hash)
    is_lie = signed is not None and cluster.was_under(header.forger, LIARS, signed.at)
    return is_lie or header.forger in cluster.legacy_hosts.addresses
