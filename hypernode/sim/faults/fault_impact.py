"""What a fault did, measured by kind: how much more of it there is at the end of the fault than at its begin.

Links, held processes, files and lists show it.  What has no measure is counted where it happens, by the
cluster's ``ImpactCounter``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from hypernode.core.counting import LEAST_WEIGHT
from hypernode.core.registrations.registry import list_voided
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.holding import get_holding_loop
from hypernode.sim.memory.slow_database import SlowDatabase


def begin_measuring(cluster: FaultCluster, fault: Fault) -> None:
    """Before it does anything."""
    cluster.impacts.note_begin(fault, _measure(cluster, fault))


def end_measuring(cluster: FaultCluster, fault: Fault) -> None:
    """Before it is undone."""
    cluster.impacts.note_end(fault, _measure(cluster, fault))


def count_kinds(cluster: FaultCluster) -> Counter[str]:
    """Of each kind, how many faults of those that began did something until now."""
    return Counter(fault.kind.value for fault in cluster.begun if _had_impact(cluster, fault))


def _had_impact(cluster: FaultCluster, fault: Fault) -> bool:
    is_late = fault.kind in _LISTS and _count_rounds_away(cluster, fault) > 0
    return is_late or cluster.impacts.get(fault, _measure(cluster, fault)) > 0


def _measure(cluster: FaultCluster, fault: Fault) -> int:
    measure = _MEASURES.get(fault.kind)
    return 0 if measure is None else measure(cluster, fault)


def _list_subjects(cluster: FaultCluster, fault: Fault) -> list[SimNode]:
    return [cluster.hosts[index] for index in fault.subjects]


def _count_harm(cluster: FaultCluster, fault: Fault) -> int:
    return cluster.network.count_harm({host.ip for host in _list_subjects(cluster, fault)})


def _count_harm_among(cluster: FaultCluster, fault: Fault) -> int:
    return cluster.network.count_harm_among({host.ip for host in _list_subjects(cluster, fault)})


def _count_slowed(cluster: FaultCluster, fault: Fault) -> int:
    """Calls of the subjects' databases that took their time."""
    databases = [db for host in _list_subjects(cluster, fault) for db in (host.ledger_db, host.journal_db)]
    return sum(database.slowed for database in databases if isinstance(database, SlowDatabase))


def _count_kept(cluster: FaultCluster, fault: Fault) -> int:
    """Steps of the subjects that had to wait."""
    return sum(get_holding_loop().kept[host.ip] for host in _list_subjects(cluster, fault))


def _count_blocks(cluster: FaultCluster, fault: Fault) -> int:
    """Of the subject's chain: those that came since are what an old copy has not."""
    [index] = fault.subjects
    if index in cluster.legacy_hosts:
        return cluster.legacy_hosts.by_index[index].memory.chain.tip.height
    tip = cluster.witness.tips.get(index)
    return 0 if tip is None else tip.height


def _count_halted(cluster: FaultCluster, fault: Fault) -> int:
    """Of the subject and its clones."""
    address = cluster.hosts[fault.subjects[0]].signer.address
    nodes = [host.node for host in cluster.hosts if host.signer.address == address]
    return sum(node is not None and bool(node.node_state.halted) for node in nodes)


def _count_refusals(cluster: FaultCluster, fault: Fault) -> int:
    """Of disks of legacy nodes; those of ours are felt."""
    chains = {index: legacy.memory.chain for index, legacy in cluster.legacy_hosts.by_index.items()}
    return sum(chains[index].refused for index in fault.subjects if index in chains)


def _count_problems(cluster: FaultCluster, fault: Fault) -> int:
    """What companions of the subjects could not answer."""
    sources = [cluster.pow_sources.get(index) for index in fault.subjects]
    return sum(source.problems for source in sources if source is not None)


def _count_rounds_away(cluster: FaultCluster, fault: Fault) -> int:
    """Rounds since the fault began that have a subject not on their list, voided, or without collateral; of
    worthless registrations, that have some on their list."""
    script, params = cluster.script, cluster.params
    first, _ = compute_round_slot(params, cluster.begin_time + fault.at)
    last, _ = compute_round_slot(params, cluster.clock.now())
    heights = [script.height_at(compute_reference_time(params, r)) for r in range(first, last + 1)]
    states = [script.derive_state(height) for height in heights]
    addresses = {host.signer.address for host in _list_subjects(cluster, fault)}
    if fault.kind is FaultKind.POW_WORTHLESS:
        return sum(any(entry.weight < LEAST_WEIGHT for entry in state.entries) for state in states)
    if fault.kind is FaultKind.POW_WEIGHT:
        listed = {entry.pos: entry.weight for entry in params.hypernodes}
        return sum(
            any(entry.weight != listed[entry.pos] for entry in state.entries if entry.pos in addresses)
            for state in states
        )
    if fault.kind in (FaultKind.POW_MOVE_ON, FaultKind.POW_SPEND):
        return sum(not all(cluster.has_collateral(a, height) for a in addresses) for height in heights)
    return sum(
        not addresses <= {entry.pos for entry in state.entries}
        or not addresses.isdisjoint(list_voided(state))
        for state in states
    )


_LISTS: Final = frozenset(
    {
        FaultKind.POW_LEAVE,
        FaultKind.POW_VOID,
        FaultKind.POW_WORTHLESS,
        FaultKind.POW_MOVE_ON,
        FaultKind.POW_AT_REFERENCE,
        FaultKind.POW_CHURN,
        FaultKind.POW_SPEND,
        FaultKind.POW_WEIGHT,
    }
)
"""They show in the rounds that follow, be the fault over or not."""

_MEASURES: Final[Mapping[FaultKind, Callable[[FaultCluster, Fault], int]]] = {
    **dict.fromkeys(
        (
            FaultKind.PARTITION,
            FaultKind.LONG_PARTITION,
            FaultKind.ONE_WAY,
            FaultKind.CORRUPT,
            FaultKind.SLOW,
            FaultKind.SPIKES,
            FaultKind.LOSSY,
            FaultKind.NARROW,
            FaultKind.RESETS,
            FaultKind.HALF_OPEN,
        ),
        _count_harm,
    ),
    **dict.fromkeys((FaultKind.PAUSE, FaultKind.FREEZE), _count_kept),
    **dict.fromkeys((FaultKind.OLD_LEDGER, FaultKind.OLD_BACKUP), _count_blocks),
    FaultKind.PARTIAL_PARTITION: _count_harm_among,
    FaultKind.SLOW_DISK: _count_slowed,
    FaultKind.CLONE: _count_halted,
    FaultKind.DISK_FULL: _count_refusals,
    **dict.fromkeys((FaultKind.POW_LATE, FaultKind.POW_DOWN), _count_problems),
}
