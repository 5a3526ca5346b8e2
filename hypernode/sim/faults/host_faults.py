"""Faults of hosts: of their processes, clocks, disks and wallets."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.fault_cluster import Backup, FaultCluster, Life
from hypernode.sim.faults.liars import Liar, corrupt, misbehave
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.adapters import MemoryFiles
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.sim.memory.holding import get_holding_loop, make_context
from hypernode.storage.database import InlineDatabase

MAX_SKEW_S: Final = 20.0
MIN_SKEW_S: Final = 1.0
"""Times in messages and blocks are whole seconds."""
MAX_JUMP_S: Final = 7_200.0
MAX_CALLBACKS_PASSED: Final = 800
"""Some minutes of a node's life: one with four peers takes two steps a second."""
MAX_DISK_S: Final = 2.0
"""That a call of the database takes at most on a slow disk."""
CLOCKS: Final = frozenset({FaultKind.CLOCK, FaultKind.CLOCK_JUMP, FaultKind.CLOCK_DRIFT})
_NO_LIMIT: Final = 1 << 30

# --- up and down --------------------------------------------------------------------------------------


async def take_down(cluster: FaultCluster, fault: Fault) -> None:
    """At once; a silent one is not noticed by peers."""
    for index in fault.subjects:
        await cluster.take_down(index, silent=fault.kind is FaultKind.SILENT_CRASH)


async def bring_up(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        await cluster.bring_up(index)


async def set_traps(cluster: FaultCluster, fault: Fault) -> None:
    """Each subject ends at a write to come."""
    for index in fault.subjects:
        cluster.set_trap(index, fault.amount)


async def clear_traps(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.clear_trap(index)
        await cluster.finish_trap(index)


async def cut_power(cluster: FaultCluster, fault: Fault) -> None:
    """The same without a word to peers; afterwards it has what was synced."""
    for index in fault.subjects:
        cluster.arm_power_cut(index, fault.amount)


async def restore_power(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.disarm_power_cut(index)
        await cluster.finish_trap(index)


async def count_down(cluster: FaultCluster, fault: Fault) -> None:
    """Each subject ends between two of its steps."""
    for place, index in enumerate(fault.subjects):
        callbacks = int(fault.amount * MAX_CALLBACKS_PASSED) + place
        ip = cluster.hosts[index].ip
        get_holding_loop().hold_after(ip, callbacks, partial(cluster.spring_trap, index))


async def stop_counting(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        get_holding_loop().stop_counting(cluster.hosts[index].ip)
        await cluster.finish_trap(index)


async def freeze(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        get_holding_loop().hold(cluster.hosts[index].ip)


async def unfreeze(cluster: FaultCluster, fault: Fault) -> None:
    """Unless another fault holds it."""
    kinds = {FaultKind.FREEZE, FaultKind.PAUSE}
    others = [f for f in cluster.active.values() if f is not fault and f.kind in kinds]
    for index in fault.subjects:
        if not any(index in other.subjects for other in others):
            get_holding_loop().release(cluster.hosts[index].ip)


# --- clocks and disks ---------------------------------------------------------------------------------


def _get_step_s(fault: Fault) -> float:
    most = MAX_JUMP_S if fault.kind is FaultKind.CLOCK_JUMP else MAX_SKEW_S
    return most * (2 * fault.amount - 1)


def _step_clocks(cluster: FaultCluster, fault: Fault, direction: int) -> None:
    for index in fault.subjects:
        cluster.hosts[index].clock.step(direction * _get_step_s(fault))


async def step_clocks(cluster: FaultCluster, fault: Fault) -> None:
    _step_clocks(cluster, fault, 1)
    if abs(_get_step_s(fault)) >= MIN_SKEW_S:
        cluster.impacts.count(fault)


async def set_clocks_right(cluster: FaultCluster, fault: Fault) -> None:
    _step_clocks(cluster, fault, -1)


def _get_drift(fault: Fault) -> float:
    """Seconds that the clock gains in a second."""
    return MAX_SKEW_S * (2 * fault.amount - 1) / max(fault.duration_s, 1.0)


async def let_clocks_drift(cluster: FaultCluster, fault: Fault) -> None:
    """By the end they are up to ``MAX_SKEW_S`` wrong."""
    for index in fault.subjects:
        cluster.hosts[index].clock.drift(_get_drift(fault))


async def set_drifted_right(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        clock = cluster.hosts[index].clock
        clock.drift(0.0)
        gained_s = clock.now() - cluster.clock.now()
        others = [
            f for f in cluster.active.values() if f is not fault and f.kind in CLOCKS and index in f.subjects
        ]
        if not others:
            clock.step(-gained_s)
        if abs(gained_s) >= MIN_SKEW_S:
            cluster.impacts.count(fault)


async def slow_disks(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.make_disk_slow(index, MAX_DISK_S * fault.amount)


async def hasten_disks(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.make_disk_slow(index, 0.0)


async def _limit_disks(cluster: FaultCluster, fault: Fault, *, is_full: bool) -> None:
    """SQLite itself finds no room for another page."""
    for index in fault.subjects:
        if index in cluster.legacy_hosts:
            cluster.legacy_hosts.by_index[index].memory.chain.is_full = is_full
            continue
        host = cluster.hosts[index]
        for database in (host.ledger_db, host.journal_db):
            [(pages,)] = await database.fetch_all("PRAGMA page_count")
            limit = pages if is_full else _NO_LIMIT
            await database.fetch_all(f"PRAGMA max_page_count = {limit}")


async def fill_disks(cluster: FaultCluster, fault: Fault) -> None:
    await _limit_disks(cluster, fault, is_full=True)


async def empty_disks(cluster: FaultCluster, fault: Fault) -> None:
    await _limit_disks(cluster, fault, is_full=False)


# --- backups and clones -------------------------------------------------------------------------------


async def back_up(cluster: FaultCluster, fault: Fault) -> None:
    index = fault.subjects[0]
    host, legacy = cluster.hosts[index], cluster.legacy_hosts.by_index.get(index)
    chain = legacy.memory.chain.copy() if legacy is not None else None
    cluster.backups[fault.number] = Backup(host.ledger_db.copy(), host.journal_db.copy(), chain)


async def restore(cluster: FaultCluster, fault: Fault) -> None:
    """Put the backup in place, as an operator does: the node is down meanwhile."""
    index = fault.subjects[0]
    host, backup = cluster.hosts[index], cluster.backups.pop(fault.number)
    await cluster.take_down(index)
    if backup.legacy is not None:
        cluster.legacy_hosts.put_back(index, backup.legacy)
    host.ledger_db = backup.ledger
    if fault.kind is FaultKind.OLD_BACKUP:
        host.journal_db = backup.journal
    cluster.witness.forget(index)
    await cluster.bring_up(index)


async def start_clone(cluster: FaultCluster, fault: Fault) -> None:
    """A host more, with the same key."""
    original = cluster.hosts[fault.subjects[0]]
    number = len(cluster.hosts)
    clone = SimNode(
        index=number,
        ip=f"172.{number % 256}.0.1",
        signer=cluster.make_signer(original.index, number),
        clock=SimClock(asyncio.get_running_loop(), cluster.wall_start),
        entropy=SeededEntropy(cluster.seed, f"clone {number}"),
        ledger_db=InlineDatabase(),
        journal_db=InlineDatabase(),
        files=MemoryFiles(),
        is_journal_new=True,
    )
    cluster.hosts.append(clone)
    cluster.lives.append(Life())
    await cluster.start(number)
    clone.log.append(f"clone of {original.index} for #{fault.number}")


async def end_clone(cluster: FaultCluster, fault: Fault) -> None:
    """The operator notices, ends the clone, and starts the original again."""
    mark = f"clone of {fault.subjects[0]} for #{fault.number}"
    for host in cluster.hosts[cluster.count :]:
        if mark in host.log and host.task is not None:
            await cluster.take_down(host.index)
    await cluster.restart(fault.subjects[0])


# --- liars --------------------------------------------------------------------------------------------


async def turn(cluster: FaultCluster, fault: Fault) -> None:
    """The hosts' nodes lie from now on."""
    for index in fault.subjects:
        host = cluster.hosts[index]
        if host.node is None:
            continue
        draws = Draws(f"liar {cluster.seed} {fault.number} {index}")
        liar = Liar(host.node, draws, partial(cluster.impacts.count, fault))
        if fault.kind is FaultKind.FLOOD:
            cluster.spend_quota(host)
        corrupt(liar, fault.kind)
        task = asyncio.get_running_loop().create_task(
            misbehave(liar, fault.kind), name=f"liar {index}", context=make_context(host.ip)
        )
        cluster.lives[index].harm.append(task)


async def repent(cluster: FaultCluster, fault: Fault) -> None:
    """They start again, honest."""
    for index in fault.subjects:
        if cluster.hosts[index].task is not None:
            await cluster.restart(index)
