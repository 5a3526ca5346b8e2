"""A cluster to which faults happen: it does what a ``Fault`` says, and undoes it when the fault is over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from hypernode.core.lottery import Draws
from hypernode.core.network import Network
from hypernode.core.timeline import compute_round_slot, compute_round_start
from hypernode.ports import Journal, Ledger, PowSource
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource
from hypernode.sim.adapters import MemoryFiles
from hypernode.sim.clock import SimClock
from hypernode.sim.cluster import Cluster, Host
from hypernode.sim.entropy import SeededEntropy
from hypernode.sim.faults import LIARS, Fault, FaultKind
from hypernode.sim.liars import Liar, corrupt, misbehave
from hypernode.sim.witness import WatchedJournal, WatchedLedger, Witness
from hypernode.storage.database import InlineDatabase

FIRST_ROUND: Final = 3
"""The first whole round of a cluster's life."""
MAX_SKEW_S: Final = 20.0
MAX_EXTRA_S: Final = 3.0
MAX_POW_FORK: Final = 15
"""Blocks of the companions' chain that are replaced."""
MAX_POW_LAG_S: Final = 3_000.0
MIN_POW_LAG_S: Final = 1_000.0
MAX_WRITES_PASSED: Final = 8
_NO_LIMIT: Final = 1 << 30


@dataclass(slots=True)
class Backup:
    """Copies of a host's files."""

    ledger: InlineDatabase
    journal: InlineDatabase


@dataclass(slots=True)
class _Life:
    """What goes on for a host beside its node."""

    harm: list[asyncio.Task[None]] = field(default_factory=list)
    down: int = 0
    """Faults that keep it down."""


class TroubledCluster(Cluster):
    """Use as a Cluster; ``begin`` and ``end`` a fault at its times.

    ``trusted`` tells of whom good behaviour is expected; ``excused`` holds addresses that signed twice by a
    fault's own doing."""

    def __init__(self, count: int, seed: int, params: Network) -> None:
        self.script = PowScript.of(params, [(h.pos, h.ip, h.port, h.weight) for h in params.hypernodes])
        self.witness = Witness()
        self.pow_sources: dict[int, ScriptedPowSource] = {}
        super().__init__(count, seed, params=params)
        self.count = count
        self.active: dict[int, Fault] = {}
        self.excused: set[str] = set()
        self.old_journals: set[int] = set()
        """Hosts whose journal was put back by an operator, or is a clone's: it need not know all."""
        self.failures: list[str] = []
        """What asyncio was told that nobody caught."""
        self._lives = [_Life() for _ in range(count)]
        self._cuts: Counter[tuple[str, str]] = Counter()
        self._backups: dict[int, Backup] = {}
        self._traps: set[asyncio.Task[None]] = set()
        self.witness.on_trap = self._spring_trap
        self.witness.now = self.clock.now
        asyncio.get_running_loop().set_exception_handler(self._note_failure)

    @property
    def begin_time(self) -> float:
        """Unix s: where the faults' times are counted from."""
        return float(compute_round_start(self.params, FIRST_ROUND))

    def is_troubled(self, index: int) -> bool:
        return any(index in fault.subjects for fault in self.active.values())

    def list_trusted(self) -> list[Host]:
        """Hosts that run, and that no fault befalls at present."""
        return [
            host
            for host in self.hosts[: self.count]
            if host.node is not None and not self.is_troubled(host.index)
        ]

    # --- ports --------------------------------------------------------------------------------------

    async def _open_ledger(self, host: Host) -> Ledger:
        ledger = await super()._open_ledger(host)
        watched = WatchedLedger(
            ledger, host.index, self.witness, lambda: compute_round_slot(self.params, host.clock.now())[0]
        )
        return cast(Ledger, watched)

    async def _open_journal(self, host: Host) -> Journal:
        return cast(Journal, WatchedJournal(await super()._open_journal(host), host.index, self.witness))

    def _make_pow_source(self, host: Host) -> PowSource:
        known = self.pow_sources.get(host.index)
        if known is None:
            known = self.pow_sources[host.index] = ScriptedPowSource(self.script, self.clock.now)
        return known

    # --- faults -------------------------------------------------------------------------------------

    async def begin(self, fault: Fault) -> None:
        """What happens first."""
        self.active[fault.number] = fault
        self.network.record(f"begin {fault}")
        match fault.kind:
            case FaultKind.CRASH | FaultKind.SILENT_CRASH:
                for index in fault.subjects:
                    await self._take_down(index, silent=fault.kind is FaultKind.SILENT_CRASH)
            case FaultKind.CRASH_IN_WRITE:
                for index in fault.subjects:
                    self.witness.armed[index] = int(fault.amount * MAX_WRITES_PASSED)
            case FaultKind.CLOCK:
                self._step_clocks(fault, 1)
            case FaultKind.SLOW:
                self._slow_down(fault, MAX_EXTRA_S * fault.amount)
            case FaultKind.RESETS | FaultKind.HALF_OPEN:
                self._spoil_streams(fault)
            case FaultKind.DISK_FULL:
                for index in fault.subjects:
                    await self._limit_disk(index, is_full=True)
            case FaultKind.OLD_LEDGER | FaultKind.OLD_BACKUP:
                host = self.hosts[fault.subjects[0]]
                self._backups[fault.number] = Backup(host.ledger_db.copy(), host.journal_db.copy())
            case FaultKind.CLONE:
                await self._start_clone(fault)
            case FaultKind.POW_LATE | FaultKind.POW_DOWN:
                self._spoil_companions(fault, is_over=False)
            case FaultKind.POW_FORK:
                height = self.script.height_at(self.clock.now()) - 1 - int(fault.amount * MAX_POW_FORK)
                self.script.fork(height, drop_rows=False)
            case FaultKind.PAUSE | FaultKind.PARTITION | FaultKind.ONE_WAY:
                for source, target in self._list_cuts(fault):
                    self._cuts[source, target] += 1
                    self.network.block(source, target)
            case _:
                for index in fault.subjects:
                    self._turn(index, fault)

    async def end(self, fault: Fault) -> None:
        """Undo it: from now on the hosts can come together again."""
        self.network.record(f"end {fault}")
        match fault.kind:
            case FaultKind.CRASH | FaultKind.SILENT_CRASH:
                for index in fault.subjects:
                    await self._bring_up(index)
            case FaultKind.CRASH_IN_WRITE:
                for index in fault.subjects:
                    self.witness.armed.pop(index, None)
                    await self._finish_trap(index)
            case FaultKind.CLOCK:
                self._step_clocks(fault, -1)
            case FaultKind.SLOW:
                self._slow_down(fault, 0.0)
            case FaultKind.DISK_FULL:
                for index in fault.subjects:
                    await self._limit_disk(index, is_full=False)
            case FaultKind.OLD_LEDGER | FaultKind.OLD_BACKUP:
                await self._restore(fault)
            case FaultKind.CLONE:
                await self._end_clone(fault)
            case FaultKind.POW_LATE | FaultKind.POW_DOWN:
                self._spoil_companions(fault, is_over=True)
            case FaultKind.PAUSE | FaultKind.PARTITION | FaultKind.ONE_WAY:
                for source, target in self._list_cuts(fault):
                    self._cuts[source, target] -= 1
                    if not self._cuts[source, target]:
                        self.network.unblock(source, target)
            case kind if kind in LIARS:
                for index in fault.subjects:
                    await self._repent(index)
        del self.active[fault.number]

    async def end_all(self) -> None:
        """Stop whatever goes on beside the nodes."""
        for life in self._lives:
            await self._stop_harm(life)

    # --- up and down --------------------------------------------------------------------------------

    async def _take_down(self, index: int, *, silent: bool = False) -> None:
        life, host = self._lives[index], self.hosts[index]
        life.down += 1
        if host.task is None:
            return
        await self._stop_harm(life)
        self.network.crash(host.ip, silent=silent)
        await self._end(host)

    async def _bring_up(self, index: int) -> None:
        life = self._lives[index]
        life.down -= 1
        if life.down == 0 and self.hosts[index].task is None:
            await self.start(index)

    async def _restart(self, index: int) -> None:
        await self._take_down(index)
        await self._bring_up(index)

    def _spring_trap(self, index: int) -> None:
        """A host ends in the middle of its write; not from within, as a cancelled task cannot wait."""
        name = f"trap {index}"
        task = asyncio.get_running_loop().create_task(self._take_down(index), name=name)
        self._traps.add(task)

    async def _finish_trap(self, index: int) -> None:
        sprung = [task for task in self._traps if task.get_name() == f"trap {index}"]
        for task in sprung:
            await task
            self._traps.discard(task)
            await self._bring_up(index)

    # --- the rest -----------------------------------------------------------------------------------

    def _step_clocks(self, fault: Fault, direction: int) -> None:
        for index in fault.subjects:
            self.hosts[index].clock.step(direction * MAX_SKEW_S * (2 * fault.amount - 1))

    def _list_pairs(self, fault: Fault) -> Iterator[tuple[Host, Host]]:
        """Each subject with each host that is none."""
        for index in fault.subjects:
            for host in self.hosts:
                if host.index not in fault.subjects:
                    yield self.hosts[index], host

    def _list_cuts(self, fault: Fault) -> list[tuple[str, str]]:
        """Ways that the fault closes."""
        if fault.kind is FaultKind.PAUSE:
            ips = [self.hosts[index].ip for index in fault.subjects]
            everybody = [host.ip for host in self.hosts]
            ways = [(ip, other) for ip in ips for other in everybody if ip != other]
            return list(dict.fromkeys([*ways, *((target, source) for source, target in ways)]))
        pairs = [(here.ip, there.ip) for here, there in self._list_pairs(fault)]
        return pairs if fault.kind is FaultKind.ONE_WAY else [*pairs, *((b, a) for a, b in pairs)]

    def _slow_down(self, fault: Fault, extra_s: float) -> None:
        for here, there in self._list_pairs(fault):
            self.network.slow_down(here.ip, there.ip, extra_s)
            self.network.slow_down(there.ip, here.ip, extra_s)

    def _spoil_streams(self, fault: Fault) -> None:
        for here, there in self._list_pairs(fault):
            if fault.kind is FaultKind.RESETS:
                self.network.reset_streams(here.ip, there.ip)
            else:
                self.network.stall_streams(here.ip, there.ip)

    async def _limit_disk(self, index: int, *, is_full: bool) -> None:
        """SQLite itself finds no room for another page."""
        host = self.hosts[index]
        for database in (host.ledger_db, host.journal_db):
            [(pages,)] = await database.fetch_all("PRAGMA page_count")
            limit = pages if is_full else _NO_LIMIT
            await database.fetch_all(f"PRAGMA max_page_count = {limit}")

    def _spoil_companions(self, fault: Fault, *, is_over: bool) -> None:
        for index in fault.subjects:
            source = self.pow_sources[index]
            if fault.kind is FaultKind.POW_DOWN:
                source.is_down = not is_over
            else:
                lag = MIN_POW_LAG_S + (MAX_POW_LAG_S - MIN_POW_LAG_S) * fault.amount
                source.lag_s = 0.0 if is_over else lag

    async def _restore(self, fault: Fault) -> None:
        """Put the backup in place, as an operator does: the node is down meanwhile."""
        index = fault.subjects[0]
        host, backup = self.hosts[index], self._backups.pop(fault.number)
        await self._take_down(index)
        host.ledger_db = backup.ledger
        if fault.kind is FaultKind.OLD_BACKUP:
            host.journal_db = backup.journal
            self.old_journals.add(index)
        self.witness.forget(index)
        await self._bring_up(index)

    async def _start_clone(self, fault: Fault) -> None:
        """A host more, with the same key."""
        original = self.hosts[fault.subjects[0]]
        number = len(self.hosts)
        self.excused.add(original.signer.address)
        self.old_journals.update((original.index, number))
        loop = asyncio.get_running_loop()
        clone = Host(
            index=number,
            ip=f"172.{number % 256}.0.1",
            signer=original.signer,
            clock=SimClock(loop, self._wall_start),
            entropy=SeededEntropy(self.seed, f"clone {number}"),
            ledger_db=InlineDatabase(),
            journal_db=InlineDatabase(),
            files=MemoryFiles(),
            is_journal_new=True,
        )
        self.hosts.append(clone)
        self._lives.append(_Life())
        await self.start(number)
        clone.log.append(f"clone of {original.index} for #{fault.number}")

    async def _end_clone(self, fault: Fault) -> None:
        """The operator notices, ends the clone, and starts the original again."""
        mark = f"clone of {fault.subjects[0]} for #{fault.number}"
        for host in self.hosts[self.count :]:
            if mark in host.log and host.task is not None:
                await self._take_down(host.index)
        await self._restart(fault.subjects[0])

    def _turn(self, index: int, fault: Fault) -> None:
        """The host's node lies from now on."""
        host = self.hosts[index]
        if fault.kind is FaultKind.EQUIVOCATE:
            self.excused.add(host.signer.address)
        if host.node is None:
            return
        liar = Liar(host.node, Draws(f"liar {self.seed} {fault.number} {index}"))
        corrupt(liar, fault.kind)
        task = asyncio.create_task(misbehave(liar, fault.kind), name=f"liar {index}")
        self._lives[index].harm.append(task)

    async def _repent(self, index: int) -> None:
        if self.hosts[index].task is not None:
            await self._restart(index)

    async def _stop_harm(self, life: _Life) -> None:
        tasks, life.harm = life.harm, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")


def list_addresses(hosts: Collection[Host]) -> set[str]:
    """Of their wallets."""
    return {host.signer.address for host in hosts}
