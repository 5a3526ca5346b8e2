"""What each kind of fault does: a table of how it begins and how it ends, and those of links and companions.

``begin_fault`` and ``end_fault`` at its times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from hypernode.sim.cluster import SimNode
from hypernode.sim.faults import host_faults as hosts
from hypernode.sim.faults import registry_faults as registry
from hypernode.sim.faults import restarts
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.fault_impact import begin_measuring, end_measuring
from hypernode.sim.faults.long_partition import schedule_healing, take_one_side
from hypernode.sim.faults.plan import LIARS, STRANGERS, Fault, FaultKind
from hypernode.sim.faults.strangers import Strangers, attack
from hypernode.sim.memory.holding import NOWHERE
from hypernode.sim.memory.link import LinkQuality

MAX_EXTRA_S: Final = 3.0
MAX_SPIKES_S: Final = 0.3
"""In the middle: one chunk in a hundred takes thirty seconds then."""
MAX_DOUBLED: Final = 0.5
"""Part of the chunks that a narrow link carries twice."""
MAX_LOSS: Final = 0.3
"""Of packets; beyond that TCP hardly gets on."""
MAX_CORRUPT: Final = 0.02
"""Of chunks; a node gets some hundred in an hour from each peer."""
MAX_REORDER_S: Final = 1.0
MIN_BYTES_PER_S: Final = 1_000.0
MAX_BYTES_PER_S: Final = 20_000.0

Act = Callable[[FaultCluster, Fault], Awaitable[None]]


async def _do_nothing(cluster: FaultCluster, fault: Fault) -> None:
    """It is over by itself."""


@dataclass(frozen=True, slots=True)
class FaultAction:
    """What happens first, and what undoes it."""

    begin: Act
    end: Act = _do_nothing


async def begin_fault(cluster: FaultCluster, fault: Fault) -> None:
    """What happens first."""
    cluster.active[fault.number] = fault
    cluster.begun.append(fault)
    cluster.network.record(f"begin {fault}")
    begin_measuring(cluster, fault)
    await FAULT_ACTIONS[fault.kind].begin(cluster, fault)


async def end_fault(cluster: FaultCluster, fault: Fault) -> None:
    """Undo it: from now on the hosts can come together again."""
    cluster.network.record(f"end {fault}")
    end_measuring(cluster, fault)
    await FAULT_ACTIONS[fault.kind].end(cluster, fault)
    cluster.ended[fault.number] = cluster.clock.now()
    del cluster.active[fault.number]


# --- links --------------------------------------------------------------------------------------------


def _list_pairs(cluster: FaultCluster, fault: Fault) -> Iterator[tuple[SimNode, SimNode]]:
    """Each subject with each host that is none."""
    for index in fault.subjects:
        for host in cluster.hosts:
            if host.index not in fault.subjects:
                yield cluster.hosts[index], host


def _list_ways(cluster: FaultCluster, fault: Fault) -> list[tuple[str, str]]:
    """Between subjects and others, both ways."""
    pairs = [(here.ip, there.ip) for here, there in _list_pairs(cluster, fault)]
    return [*pairs, *((there, here) for here, there in pairs)]


def _list_cuts(cluster: FaultCluster, fault: Fault) -> list[tuple[str, str]]:
    """Ways that the fault closes."""
    if fault.kind is FaultKind.PAUSE:
        ips = [cluster.hosts[index].ip for index in fault.subjects]
        everybody = [host.ip for host in cluster.hosts]
        ways = [(ip, other) for ip in ips for other in everybody if ip != other]
        return list(dict.fromkeys([*ways, *((target, source) for source, target in ways)]))
    if fault.kind is FaultKind.PARTIAL_PARTITION:
        ips = [cluster.hosts[index].ip for index in fault.subjects]
        return [(ip, other) for ip in ips for other in ips if ip != other]
    ways = _list_ways(cluster, fault)
    return ways[: len(ways) // 2] if fault.kind is FaultKind.ONE_WAY else ways


async def _cut(cluster: FaultCluster, fault: Fault) -> None:
    for source, target in _list_cuts(cluster, fault):
        cluster.cuts[source, target] += 1
        cluster.network.block(source, target)


def join(cluster: FaultCluster, fault: Fault) -> None:
    """The ways that a fault closed are free again, but for those that another one keeps closed."""
    for source, target in _list_cuts(cluster, fault):
        if not cluster.cuts[source, target]:
            continue  # a clone that came later
        cluster.cuts[source, target] -= 1
        if not cluster.cuts[source, target]:
            cluster.network.unblock(source, target)


async def _join(cluster: FaultCluster, fault: Fault) -> None:
    join(cluster, fault)


async def _part_for_long(cluster: FaultCluster, fault: Fault) -> None:
    await _cut(cluster, fault)
    await schedule_healing(cluster, fault, partial(join, cluster, fault))


async def _pause(cluster: FaultCluster, fault: Fault) -> None:
    await _cut(cluster, fault)
    await hosts.freeze(cluster, fault)


async def _resume(cluster: FaultCluster, fault: Fault) -> None:
    await hosts.unfreeze(cluster, fault)
    join(cluster, fault)


async def _slow_down(cluster: FaultCluster, fault: Fault) -> None:
    for source, target in _list_ways(cluster, fault):
        cluster.network.slow_down(source, target, MAX_EXTRA_S * fault.amount)


async def _speed_up(cluster: FaultCluster, fault: Fault) -> None:
    for source, target in _list_ways(cluster, fault):
        cluster.network.slow_down(source, target, 0.0)


def _spoil(good: LinkQuality, fault: Fault) -> LinkQuality:
    """What becomes of a link."""
    if fault.kind is FaultKind.NARROW:
        bytes_per_s = MIN_BYTES_PER_S + (MAX_BYTES_PER_S - MIN_BYTES_PER_S) * (1 - fault.amount)
        # Who waits long for a receipt sends again what has arrived: it takes room where there is little.
        return replace(good, bytes_per_s=bytes_per_s, double_chance=MAX_DOUBLED * fault.amount)
    if fault.kind is FaultKind.SPIKES:
        return replace(good, tail_s=MAX_SPIKES_S * fault.amount)
    if fault.kind is FaultKind.CORRUPT:
        return replace(good, corrupt_chance=MAX_CORRUPT * fault.amount)
    loss = MAX_LOSS * fault.amount
    return replace(good, loss_chance=loss, jitter_s=MAX_REORDER_S * fault.amount)


async def _spoil_links(cluster: FaultCluster, fault: Fault) -> None:
    bad = _spoil(cluster.network.quality, fault)
    for source, target in _list_ways(cluster, fault):
        cluster.network.set_quality(source, target, bad)


async def _mend_links(cluster: FaultCluster, fault: Fault) -> None:
    for source, target in _list_ways(cluster, fault):
        cluster.network.set_quality(source, target, cluster.network.quality)


async def _reset_streams(cluster: FaultCluster, fault: Fault) -> None:
    for here, there in _list_pairs(cluster, fault):
        cluster.network.reset_streams(here.ip, there.ip)


async def _stall_streams(cluster: FaultCluster, fault: Fault) -> None:
    for here, there in _list_pairs(cluster, fault):
        cluster.network.stall_streams(here.ip, there.ip)


# --- strangers ----------------------------------------------------------------------------------------


async def _let_strangers_come(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        strangers = Strangers(cluster, fault, cluster.hosts[index])
        task = asyncio.get_running_loop().create_task(
            attack(strangers), name=f"strangers {fault.number}", context=NOWHERE.copy()
        )
        cluster.crowds.setdefault(fault.number, []).append(task)


async def _send_strangers_away(cluster: FaultCluster, fault: Fault) -> None:
    tasks = cluster.crowds.pop(fault.number, [])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# --- the table ----------------------------------------------------------------------------------------

_CRASHES: Final = FaultAction(hosts.take_down, hosts.bring_up)
_TRAPS: Final = FaultAction(hosts.set_traps, hosts.clear_traps)
_CLOCKS: Final = FaultAction(hosts.step_clocks, hosts.set_clocks_right)
_BACKUPS: Final = FaultAction(hosts.back_up, hosts.restore)
_CUTS: Final = FaultAction(_cut, _join)
_LINKS: Final = FaultAction(_spoil_links, _mend_links)
_LISTS: Final = FaultAction(registry.change_lists)

FAULT_ACTIONS: Final[Mapping[FaultKind, FaultAction]] = {
    FaultKind.CRASH: _CRASHES,
    FaultKind.SILENT_CRASH: _CRASHES,
    FaultKind.CRASH_IN_WRITE: _TRAPS,
    FaultKind.CRASH_AT_AWAIT: FaultAction(hosts.count_down, hosts.stop_counting),
    FaultKind.POWER_CUT: FaultAction(hosts.cut_power, hosts.restore_power),
    FaultKind.PAUSE: FaultAction(_pause, _resume),
    FaultKind.FREEZE: FaultAction(hosts.freeze, hosts.unfreeze),
    FaultKind.CLOCK: _CLOCKS,
    FaultKind.CLOCK_JUMP: _CLOCKS,
    FaultKind.PARTITION: _CUTS,
    FaultKind.LONG_PARTITION: FaultAction(_part_for_long, take_one_side),
    FaultKind.ONE_WAY: _CUTS,
    FaultKind.PARTIAL_PARTITION: _CUTS,
    FaultKind.CORRUPT: _LINKS,
    FaultKind.CLOCK_DRIFT: FaultAction(hosts.let_clocks_drift, hosts.set_drifted_right),
    FaultKind.SLOW_DISK: FaultAction(hosts.slow_disks, hosts.hasten_disks),
    FaultKind.SLOW: FaultAction(_slow_down, _speed_up),
    FaultKind.SPIKES: _LINKS,
    FaultKind.LOSSY: _LINKS,
    FaultKind.NARROW: _LINKS,
    FaultKind.RESETS: FaultAction(_reset_streams),
    FaultKind.HALF_OPEN: FaultAction(_stall_streams),
    FaultKind.DISK_FULL: FaultAction(hosts.fill_disks, hosts.empty_disks),
    FaultKind.OLD_LEDGER: _BACKUPS,
    FaultKind.OLD_BACKUP: _BACKUPS,
    FaultKind.CLONE: FaultAction(hosts.start_clone, hosts.end_clone),
    FaultKind.POW_LATE: FaultAction(registry.delay_companions, registry.hasten_companions),
    FaultKind.POW_DOWN: FaultAction(registry.stall_companions, registry.wake_companions),
    FaultKind.POW_FORK: FaultAction(registry.fork_companions),
    FaultKind.POW_LEAVE: _LISTS,
    FaultKind.POW_VOID: _LISTS,
    FaultKind.POW_WORTHLESS: FaultAction(registry.register_worthless),
    FaultKind.POW_MOVE_ON: FaultAction(registry.move_on),
    FaultKind.POW_AT_REFERENCE: _LISTS,
    FaultKind.POW_CHURN: _LISTS,
    FaultKind.POW_SPEND: FaultAction(registry.spend),
    FaultKind.POW_WEIGHT: FaultAction(registry.add_weight),
    FaultKind.POW_DEEP_FORK: FaultAction(registry.prepare_deep_fork, registry.fork_deep),
    FaultKind.RESTART: FaultAction(restarts.restart_once, restarts.wait_for_restarts),
    FaultKind.RESTART_STORM: FaultAction(restarts.begin_storm, restarts.wait_for_restarts),
    FaultKind.RESTART_IN_SIGNING: FaultAction(restarts.arm_in_signing, restarts.disarm_in_signing),
    **dict.fromkeys(STRANGERS, FaultAction(_let_strangers_come, _send_strangers_away)),
    **dict.fromkeys(LIARS, FaultAction(hosts.turn, hosts.repent)),
}
