"""Whole nodes on disks that lose power: what was not synced is gone, in whatever way a disk may lose it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TypeVar, cast

import apsw
import pytest

from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario
from hypernode.storage.database import InlineDatabase
from hypernode.storage.interface import Durability, Transaction
from tests.power_cut.database import ApswDatabase
from tests.power_cut.disk import Disk, PowerCut
from tests.power_cut.vfs import DiskVfs

T = TypeVar("T")
SEEDS = (1, 4)
LAZY_SEEDS = range(1, 9)
"""Where commits are not synced: not every run has a cut right after one."""
MAX_CHANGES_LOG2 = 8.0
"""A host that is to lose its power makes up to so many changes of its disk before (a block makes a dozen)."""


AT_REST = 0.5
"""Of the cuts, this part comes between two writes, when all should be synced."""


def make_scenario(seed: int) -> Scenario:
    return Scenario(seed, nodes=4, hours=1.5, kinds=(FaultKind.POWER_CUT,))


class CutDatabase(ApswDatabase):
    """At the change that the power does not live through, the host ends, and nothing comes back to it."""

    on_cut: Callable[[], None]

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        try:
            return await super().write(work, on_commit)
        except PowerCut:
            self.on_cut()
            return cast(T, await asyncio.get_running_loop().create_future())


class PoweredCluster(FaultCluster):
    """Each host has a disk."""

    pragmas: Sequence[str] | None = None
    """Of the ledger, in place of the program's own."""
    cut_count = 0
    """Of all clusters of the type, since a test set it to zero."""
    _cuts_here = 0

    def _make_host(self, index: int) -> SimNode:
        host = super()._make_host(index)
        self._plug_in(host, Disk())
        return host

    def _plug_in(self, host: SimNode, disk: Disk) -> None:
        vfs = DiskVfs(disk)
        ledger = CutDatabase(vfs, "/data/ledger.db", Durability.WAL, self.pragmas)
        journal = CutDatabase(vfs, "/poswallet.signed.db", Durability.ROLLBACK)
        for database in (ledger, journal):
            database.on_cut = lambda: self.spring_trap(host.index)
        host.ledger_db = cast(InlineDatabase, ledger)
        host.journal_db = cast(InlineDatabase, journal)
        self._disks = {**getattr(self, "_disks", {}), host.index: (disk, vfs)}

    def arm_power_cut(self, index: int, amount: float) -> None:
        self.is_trap_silent.add(index)
        if amount < AT_REST:
            self.spring_trap(index)
        else:
            self._disks[index][0].cut_in = int(2 ** ((amount - AT_REST) / (1 - AT_REST) * MAX_CHANGES_LOG2))

    def disarm_power_cut(self, index: int) -> None:
        self._disks[index][0].cut_in = None

    async def lose_unsynced(self, host: SimNode) -> None:
        disk = self._disks[host.index][0]
        for database in (host.ledger_db, host.journal_db):
            with contextlib.suppress(PowerCut, apsw.Error):
                await database.close()
        type(self).cut_count += 1
        self._cuts_here += 1
        self._plug_in(host, disk.survive(Random(f"{self.seed} {host.index} {self._cuts_here}")))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_keeps_all_it_acknowledged_through_power_cuts(seed: int) -> None:
    PoweredCluster.cut_count = 0
    report = play(make_scenario(seed), cluster_type=PoweredCluster)
    assert report.failure is None, report.failure
    assert PoweredCluster.cut_count >= 3
    assert report.filled >= 0.7 * report.slots


class LazyCluster(PoweredCluster):
    """Commits that are not synced."""

    pragmas = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")


def test_weaker_settings_lose_what_was_acknowledged() -> None:
    """Else the test above could not fail."""
    failures = (play(make_scenario(seed), cluster_type=LazyCluster).failure for seed in LAZY_SEEDS)
    failure = next((failure for failure in failures if failure is not None), None)
    assert failure is not None
    assert failure.name == "nothing_acknowledged_is_lost"
