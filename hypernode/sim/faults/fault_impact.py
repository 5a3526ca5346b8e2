"""Whether a fault did something: a trap that nobody steps on, or a liar that is not asked, tries nothing.

``feel`` counts what befalls a host while a fault is at work.  What links, held processes, files and lists
show of a fault is measured: how much more of it there is at the end than at the begin.  Faults of like kinds
that befall one host at one time share what happens to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hypernode.core.counting import LEAST_WEIGHT
from hypernode.core.registrations.registry import list_voided
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.holding import get_holding_loop

if TYPE_CHECKING:
    from hypernode.sim.faults.fault_cluster import FaultCluster

CRASHES: Final = (FaultKind.CRASH, FaultKind.SILENT_CRASH)
TRAPS: Final = (FaultKind.CRASH_IN_WRITE, FaultKind.CRASH_AT_AWAIT, FaultKind.POWER_CUT)
CLOCKS: Final = (FaultKind.CLOCK, FaultKind.CLOCK_JUMP)


class Effects:
    """Of the faults of a cluster, how often each did something; by its number."""

    def __init__(self, cluster: FaultCluster) -> None:
        self._cluster = cluster
        self._felt: Counter[int] = Counter()
        self._before: dict[int, int] = {}

    def feel(self, index: int, *kinds: FaultKind) -> None:
        """Something happens to a host by the faults of these kinds that befall it."""
        for fault in self._cluster.active.values():
            if fault.kind in kinds and index in fault.subjects:
                self.count(fault)

    def count(self, fault: Fault) -> None:
        """It did something."""
        self._felt[fault.number] += 1

    def begin(self, fault: Fault) -> None:
        """Before it does anything."""
        self._before[fault.number] = self._measure(fault)

    def end(self, fault: Fault) -> None:
        """Before it is undone."""
        self._felt[fault.number] += max(0, self._measure(fault) - self._before.pop(fault.number, 0))

    def count_kinds(self) -> Counter[str]:
        """Of each kind, how many faults of those that began did something until now."""
        did = (fault for fault in self._cluster.begun if self._has_effect(fault))
        return Counter(fault.kind.value for fault in did)

    def _has_effect(self, fault: Fault) -> bool:
        is_late = fault.kind in _LISTS and _count_rounds_away(self._cluster, fault) > 0
        under_way = self._measure(fault) - self._before[fault.number] if fault.number in self._before else 0
        return is_late or self._felt[fault.number] > 0 or under_way > 0

    def _measure(self, fault: Fault) -> int:
        measure = _MEASURES.get(fault.kind)
        return 0 if measure is None else measure(self._cluster, fault)


def _list_subjects(cluster: FaultCluster, fault: Fault) -> list[SimNode]:
    return [cluster.hosts[index] for index in fault.subjects]


def _count_harm(cluster: FaultCluster, fault: Fault) -> int:
    return cluster.network.count_harm({host.ip for host in _list_subjects(cluster, fault)})


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
    if fault.kind is FaultKind.POW_MOVE_ON:
        return sum(not all(cluster.has_collateral(a, height) for a in addresses) for height in heights)
    return sum(
        not addresses <= {entry.pos for entry in state.entries}
        or not addresses.isdisjoint(list_voided(state))
        for state in states
    )


_LISTS: Final = frozenset(
    {FaultKind.POW_LEAVE, FaultKind.POW_VOID, FaultKind.POW_WORTHLESS, FaultKind.POW_MOVE_ON}
)
"""They show in the rounds that follow, be the fault over or not."""

_MEASURES: Final[Mapping[FaultKind, Callable[[FaultCluster, Fault], int]]] = {
    **dict.fromkeys(
        (
            FaultKind.PARTITION,
            FaultKind.LONG_PARTITION,
            FaultKind.ONE_WAY,
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
    FaultKind.CLONE: _count_halted,
    FaultKind.DISK_FULL: _count_refusals,
    **dict.fromkeys((FaultKind.POW_LATE, FaultKind.POW_DOWN), _count_problems),
}
