"""A cluster to which faults happen: what is known of them, and hosts that go down and come up.

Some of its hosts may run a legacy node (``sim.legacy.hosts``): it is not judged by the rules for honest nodes
of ours, and cron starts it again when it stopped itself.

What each kind of fault does is in ``sim.faults.fault_actions``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final, cast

from hypernode.core.counting import LEAST_WEIGHT
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import compute_weight
from hypernode.core.timeline import compute_reference_time, compute_round_slot, compute_round_start
from hypernode.core.types import PowHeight, Round
from hypernode.ports.chain import Ledger
from hypernode.ports.journal import Journal
from hypernode.ports.registrations import PowSource
from hypernode.ports.signing import Signer
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource, derive_collateral
from hypernode.sim.cluster import Cluster, SimNode
from hypernode.sim.faults.impact_counter import CRASHES, TRAPS, ImpactCounter
from hypernode.sim.faults.plan import NO_EXCUSE, Fault, FaultKind
from hypernode.sim.faults.registrations import list_worthless_rows, make_ghosts
from hypernode.sim.legacy.chain import Cut, LegacyChain
from hypernode.sim.legacy.hosts import LegacyHosts, LegacyPorts
from hypernode.sim.memory.holding import NOWHERE, get_holding_loop
from hypernode.sim.memory.slow_database import SlowDatabase
from hypernode.sim.signatures import WatchedSigner
from hypernode.sim.witness import WatchedJournal, WatchedLedger, Witness
from hypernode.storage.database import InlineDatabase

MAX_WRITES_PASSED: Final = 4
"""Points before and after writes: a node passes two in a slot, and two more where it forges."""
MAX_BLOCKS_PASSED: Final = 4
"""By a legacy node, which writes nothing else."""
CRON_S: Final = 60.0
"""How often cron starts a node that is not there (spec 6, under supervision)."""
FIRST_ROUND: Final = 3
"""The first whole round of a cluster's life."""


@dataclass(slots=True)
class Backup:
    """Copies of a host's files, or of those of its legacy node."""

    ledger: InlineDatabase
    journal: InlineDatabase
    legacy: LegacyChain | None = None


@dataclass(slots=True)
class Life:
    """What goes on for a host beside its node."""

    harm: list[asyncio.Task[None]] = field(default_factory=list)
    down: int = 0
    """Faults that keep it down."""


class FaultCluster(Cluster):
    """Use as a Cluster, on a ``HoldingLoop``.

    ``list_trusted`` tells of whom good behaviour is expected; ``was_under`` what explains a bad one.  The
    first ``legacy`` hosts run a legacy node; ``worthless`` registrations without collateral are on the list
    beside those of the hosts."""

    def __init__(
        self, count: int, seed: int, params: ChainParams, legacy: int = 0, worthless: int = 0
    ) -> None:
        self.script = PowScript.of(params, [(h.pos, h.ip, h.port, h.weight) for h in params.hypernodes])
        if worthless:
            ghosts = make_ghosts(params, "worthless", worthless)
            self.script.add(list_worthless_rows(self.script, ghosts, params.first_pow_height + 2))
        self.witness = Witness()
        self.pow_sources: dict[int, ScriptedPowSource] = {}
        super().__init__(count, seed, params=params)
        self.count = count
        self.active: dict[int, Fault] = {}
        self.begun: list[Fault] = []
        """All that were, and are."""
        ports = LegacyPorts(
            params, self.network, self.clock, self._verifier, self._connect, self._make_pow_source
        )
        self.legacy_hosts = LegacyHosts(ports, self.hosts, range(legacy))
        self.ended: dict[int, float] = {}
        """When what a fault did was undone (unix s), by its number."""
        self._owners = {host.signer.address: host.index for host in self.hosts}
        self.crowds: dict[int, list[asyncio.Task[None]]] = {}
        """Of strangers, by the fault's number."""
        self.strangers = 0
        """Connections of strangers that stand, as far as they know."""
        self.leaving: dict[int, PowHeight] = {}
        """In which block of the companions' chain somebody leaves, by the fault's number."""
        self.moved: set[str] = set()
        """Addresses whose collateral was moved on at some time."""
        self.gone: set[int] = set()
        """Hosts that were off the list, or voided, at some time."""
        self._spent: dict[str, Round] = {}
        """Addresses that spent their quota, and the last round for which that counts."""
        self.failures: list[str] = []
        """What asyncio was told that nobody caught."""
        self.lives = [Life() for _ in range(count)]
        self.cuts: Counter[tuple[str, str]] = Counter()
        """Ways that are closed, and how many faults keep them so."""
        self.healing: dict[int, asyncio.Task[None]] = {}
        """Of long partitions, by the fault's number."""
        self.restarts: dict[int, asyncio.Task[None]] = {}
        """What ends nodes and starts them again, by the fault's number."""
        self.backups: dict[int, Backup] = {}
        self._cron: asyncio.Task[None] | None = None
        self._traps: set[asyncio.Task[None]] = set()
        self.is_trap_silent: set[int] = set()
        """Hosts that lose their power when their trap springs."""
        self.on_trap: dict[int, Callable[[int], Coroutine[Any, Any, None]]] = {}
        """What happens to hosts when their trap springs, where that is not to end until the fault is over."""
        self.impacts = ImpactCounter(self.active)
        self.witness.on_trap = self.spring_trap
        self.witness.on_refusal = lambda index: self.impacts.note_host(index, FaultKind.DISK_FULL)
        self.witness.now = self.clock.now
        self.witness.find_giver = self._find_giver
        asyncio.get_running_loop().set_exception_handler(self._note_failure)

    def _make_host(self, index: int) -> SimNode:
        host = super()._make_host(index)
        host.ledger_db, host.journal_db = SlowDatabase(), SlowDatabase()
        return host

    @property
    def begin_time(self) -> float:
        """Unix s: where the faults' times are counted from."""
        return float(compute_round_start(self.params, FIRST_ROUND))

    def is_excused(self, index: int) -> bool:
        """Whether something befalls a host that excuses it."""
        return any(index in fault.subjects for fault in self.active.values() if fault.kind not in NO_EXCUSE)

    @property
    def is_calm(self) -> bool:
        """Whether no fault is at work but what a network takes without noticing."""
        return all(fault.kind in NO_EXCUSE for fault in self.active.values())

    def was_under(self, address: str, kinds: Collection[FaultKind], at: float) -> bool:
        """Whether such a fault befell the owner of a key at a time (unix s): from its begin until it was
        undone, and no longer."""
        since = at - self.begin_time
        return any(
            fault.kind in kinds
            and self._owners.get(address) in fault.subjects
            and fault.at <= since <= max(fault.end, self.ended.get(fault.number, 0.0) - self.begin_time)
            for fault in self.begun
        )

    def list_trusted(self) -> list[SimNode]:
        """Hosts that run, and that no fault befalls at present."""
        return [
            host
            for host in self.hosts[: self.count]
            if host.node is not None and not self.is_excused(host.index) and self.is_listed(host)
        ]

    def is_listed(self, host: SimNode) -> bool:
        """Whether it is registered, and counts, for this round and the one before: others hear it, and it had
        the time to hear them again."""
        round_, _ = compute_round_slot(self.params, self.clock.now())
        heights = (
            self.script.height_at(compute_reference_time(self.params, r)) for r in (round_ - 1, round_)
        )
        address = host.signer.address
        return all(
            any(entry.pos == address for entry in self.script.derive_state(height).entries)
            and (address not in self.moved or self.has_collateral(address, height))
            for height in heights
        )

    def has_collateral(self, address: str, height: PowHeight) -> bool:
        """Whether a hypernode's collateral is still there at a height of the companions' chain."""
        collateral = derive_collateral(address)
        balance = self.script.find_balances([collateral], height)[collateral]
        return compute_weight(self.params, balance) >= LEAST_WEIGHT

    def spend_quota(self, host: SimNode) -> None:
        """It writes more messages than others take from it in this round, its own words among them."""
        self._spent[host.signer.address] = compute_round_slot(self.params, self.clock.now())[0] + 1

    def has_quota(self, address: str) -> bool:
        """Whether others take its messages: from the round after the one after on, they do."""
        return self._spent.get(address, -1) < compute_round_slot(self.params, self.clock.now())[0]

    # --- ports --------------------------------------------------------------------------------------

    def make_signer(self, owner: int, index: int) -> Signer:
        signer = super().make_signer(owner, index)
        return WatchedSigner(signer, index, self.witness.signatures, self.clock.now)

    async def _open_ledger(self, host: SimNode) -> Ledger:
        ledger = await super()._open_ledger(host)
        self.witness.note_opened(host.index, ledger.get_height())
        watched = WatchedLedger(
            ledger,
            host.index,
            self.witness,
            lambda: compute_round_slot(self.params, host.clock.now()),
            host.clock.now,
        )
        return cast(Ledger, watched)

    async def _open_journal(self, host: SimNode) -> Journal:
        return cast(Journal, WatchedJournal(await super()._open_journal(host), host.index, self.witness))

    def _make_pow_source(self, host: SimNode) -> PowSource:
        known = self.pow_sources.get(host.index)
        if known is None:
            known = self.pow_sources[host.index] = ScriptedPowSource(self.script, self.clock.now)
        return known

    async def end_all(self) -> None:
        """Stop whatever goes on beside the nodes, and let all go on that are held."""
        if self._cron is not None:
            self._cron.cancel()
            await asyncio.gather(self._cron, return_exceptions=True)
        for host in self.hosts:
            get_holding_loop().release(host.ip)
        beside = [*self.healing.values(), *self.restarts.values()]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for life in self.lives:
            await self.stop_harm(life)
        crowds = [task for tasks in self.crowds.values() for task in tasks]
        for task in crowds:
            task.cancel()
        await asyncio.gather(*crowds, return_exceptions=True)

    # --- up and down --------------------------------------------------------------------------------

    async def start_all(self) -> None:
        for host in self.hosts:
            await self._start_any(host.index)
        if self.legacy_hosts.by_index:
            work = self._run_cron()
            self._cron = asyncio.get_running_loop().create_task(work, name="cron", context=NOWHERE.copy())

    async def stop_all(self) -> None:
        """Stop every node, and raise what broke one."""
        await self.legacy_hosts.stop_all()
        await super().stop_all()

    async def _start_any(self, index: int) -> None:
        """Start what the host runs."""
        if index in self.legacy_hosts:
            self.legacy_hosts.start(index)
        else:
            await self.start(index)

    async def _run_cron(self) -> None:
        """Legacy nodes that stopped themselves start again, on hosts that are up."""
        while True:
            await asyncio.sleep(CRON_S)
            self.legacy_hosts.start_stopped(self._is_up)

    def _is_up(self, index: int) -> bool:
        return not self.lives[index].down and not get_holding_loop().is_held(self.hosts[index].ip)

    def _has_node(self, index: int) -> bool:
        legacy = self.legacy_hosts.by_index.get(index)
        return (self.hosts[index] if legacy is None else legacy).task is not None

    async def take_down(self, index: int, *, silent: bool = False) -> None:
        """End a host's node, or with ``silent`` the host; ``bring_up`` undoes it."""
        life, host = self.lives[index], self.hosts[index]
        life.down += 1
        if not self._has_node(index):
            return
        self.impacts.note_host(index, *CRASHES)
        # What was held could not even be cancelled.
        get_holding_loop().release(host.ip)
        await self.stop_harm(life)
        if index in self.legacy_hosts:
            await self.legacy_hosts.crash(index, silent=silent)
            return
        self.network.crash(host.ip, silent=silent)
        await self._end(host)
        self.witness.abandon_writes(index)
        for database in (host.ledger_db, host.journal_db):
            if isinstance(database, SlowDatabase):
                database.abandon()

    async def bring_up(self, index: int) -> None:
        """Start a host's node again, once nothing keeps it down."""
        life = self.lives[index]
        life.down -= 1
        if life.down == 0 and not self._has_node(index):
            await self._start_any(index)

    async def restart(self, index: int) -> None:
        """Take a host down and bring it up."""
        await self.take_down(index)
        await self.bring_up(index)

    def spring_trap(self, index: int) -> None:
        """A host ends in the middle of what it does; not from within, as a cancelled task cannot wait."""
        self.impacts.note_host(index, *TRAPS)
        other = self.on_trap.get(index)
        work = other(index) if other else self._end_in_trap(index, silent=index in self.is_trap_silent)
        task = asyncio.get_running_loop().create_task(work, name=f"trap {index}", context=NOWHERE.copy())
        self._traps.add(task)

    async def _end_in_trap(self, index: int, *, silent: bool) -> None:
        await self.take_down(index, silent=silent)
        if silent:
            await self.lose_unsynced(self.hosts[index])

    def make_disk_slow(self, index: int, max_delay_s: float) -> None:
        """What its databases are asked takes so long at most; 0: as before."""
        host = self.hosts[index]
        self.witness.slow.discard(index)
        if max_delay_s:
            self.witness.slow.add(index)
        for number, database in enumerate((host.ledger_db, host.journal_db)):
            if isinstance(database, SlowDatabase):
                database.random = Random(f"disk {self.seed} {index} {number} {database.slowed}")
                database.max_delay_s = max_delay_s

    def set_trap(self, index: int, amount: float) -> None:
        """A host ends at a write to come; the larger the amount (0 to 1), the later."""
        if index not in self.legacy_hosts:
            self.witness.armed[index] = int(amount * MAX_WRITES_PASSED)
            return
        blocks, share = divmod(amount * MAX_BLOCKS_PASSED, 1)
        chain = self.legacy_hosts.by_index[index].memory.chain
        chain.cut = Cut(int(blocks), share, partial(self.spring_trap, index))

    def clear_trap(self, index: int) -> None:
        """It sprang, or never will."""
        self.witness.armed.pop(index, None)
        if index in self.legacy_hosts:
            self.legacy_hosts.by_index[index].memory.chain.cut = None

    def arm_power_cut(self, index: int, amount: float) -> None:
        """The power goes at a write to come; the larger the amount (0 to 1), the later."""
        self.is_trap_silent.add(index)
        self.set_trap(index, amount)

    def disarm_power_cut(self, index: int) -> None:
        """It went, or stays."""
        self.clear_trap(index)

    async def lose_unsynced(self, host: SimNode) -> None:
        """What a power cut takes from a host that is down.  In memory every commit counts as synced, which
        the settings of the files make true on a disk (tests.power_cut)."""

    async def finish_trap(self, index: int) -> None:
        """Bring the host up if its trap sprang."""
        self.is_trap_silent.discard(index)
        sprung = [task for task in self._traps if task.get_name() == f"trap {index}"]
        for task in sprung:
            await task
            self._traps.discard(task)
            if index not in self.on_trap:
                await self.bring_up(index)

    async def stop_harm(self, life: Life) -> None:
        """End what a liar does beside its node."""
        tasks, life.harm = life.harm, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _find_giver(self, index: int) -> int | None:
        ip = self.network.trace.last_giver.get(self.hosts[index].ip)
        return next((host.index for host in self.hosts if host.ip == ip), None)

    def _note_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")
