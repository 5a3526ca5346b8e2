"""``play`` runs a scenario on virtual time: faults and checks in the order of their times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from hypernode.pow.scripted_source import PowScript, ScriptedPowSource
from hypernode.sim.archive import Archive
from hypernode.sim.faults.aiming import aim
from hypernode.sim.faults.fault_actions import begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import NO_EXCUSE, Fault
from hypernode.sim.invariants.in_calm import AGREE_SLOTS, look_at_agreement
from hypernode.sim.invariants.of_storage import chains_pass_a_check
from hypernode.sim.invariants.table import Check, check_all, check_stopped
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import Stuck, run
from hypernode.sim.memory.quick_signing import quick_signing
from hypernode.sim.report import Report, describe
from hypernode.sim.scenario import Scenario

CHECK_BEFORE_END_S: Final = 2.0
"""Before the end of each slot: its block was sent 13 s ago at the latest."""
AFTER_END_S: Final = 5.0
"""Undoing a fault takes its time too."""
LOOK_EVERY_S: Final = 10.0
"""While it is not known yet how long agreeing takes."""
MAX_ACT_S: Final = 600.0
"""For a fault to begin or end, and for all nodes to stop: what takes longer waits for ever."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Seconds of the run that are over, of how many; blocks of the best chain; faults at work."""

    at_s: float
    length_s: float
    height: int
    active: int


OnProgress = Callable[[Progress], None]
Act = Callable[[], Awaitable[None]]


def play(
    scenario: Scenario,
    on_progress: OnProgress = lambda progress: None,
    cluster_type: type[FaultCluster] = FaultCluster,
    further: Sequence[Check] = (),
) -> Report:
    """Run it on virtual time.  What broke it is in the report: an invariant, or any other error.

    ``further`` checks come after the invariants at the end of every slot: those of who plays, who may know
    the rules from elsewhere than the program does."""
    playing = _Play(scenario, on_progress, cluster_type, further)
    with quick_signing() if scenario.has_quick_signer else nullcontext():
        try:
            return run(playing.run(), loop_type=HoldingLoop, on_stuck=playing.give_up)
        except Stuck:
            # In the clearing up: what broke the run before that is known.
            if playing.report.failure is None:
                raise
            return playing.report


class _Play:
    def __init__(
        self,
        scenario: Scenario,
        on_progress: OnProgress,
        cluster_type: type[FaultCluster],
        further: Sequence[Check],
    ) -> None:
        self._scenario = scenario
        self._further = further
        self._cluster_type = cluster_type
        self._on_progress = on_progress
        self.report = Report(scenario)
        self._healed_at: float | None = None
        """Loop time of the end of the last episode, until all agree."""
        self._doing = ""
        """What the play is at, for people."""
        self._concerned: tuple[int, ...] = ()
        """The hosts that it is about."""

    async def run(self) -> Report:
        scenario = self._scenario
        params = scenario.make_network()
        self._cluster = cluster = self._cluster_type(
            scenario.nodes, scenario.seed, params, scenario.legacy, scenario.worthless
        )
        self._watch = Watch(cluster, _make_archive(cluster))
        try:
            await self._play_all()
        except Exception as error:
            self._note_failure(error)
            # What is wrong is known.
            with suppress(Exception):
                async with _taking_no_longer():
                    await _abandon(cluster)
        return self._close()

    def give_up(self, problem: Stuck) -> Report:
        """The loop found that nothing can go on."""
        self._note_failure(problem)
        return self._close()

    def _note_failure(self, error: Exception) -> None:
        """Unless something else broke before."""
        if self.report.failure is None:
            self.report.failure = describe(self._cluster, error, self._doing, self._concerned)

    def _close(self) -> Report:
        if self._healed_at is not None:
            self.report.cut_short += 1
        self.report.count(self._cluster, self._watch)
        self.report.virtual_s = self._cluster.clock.monotonic()
        return self.report

    async def _play_all(self) -> None:
        cluster = self._cluster
        self._note_doing("at the start")
        await cluster.start_all()
        await self._play_plan(cluster, self._watch)
        self._note_doing("at the stop")
        async with _taking_no_longer():
            await chains_pass_a_check(self._watch)
            await cluster.end_all()
            await cluster.stop_all()
        await check_stopped()

    def _note_doing(self, doing: str, concerned: tuple[int, ...] = ()) -> None:
        self._doing, self._concerned = doing, concerned

    async def _play_plan(self, cluster: FaultCluster, watch: Watch) -> None:
        """Faults and checks, in the order of their times."""
        for at, _, act in self._list_acts(cluster, watch):
            if at <= self._scenario.length_s:
                self._note_doing(f"on the way to {at:.0f} s")
                await self._sleep_until(cluster, cluster.begin_time + at)
                async with _taking_no_longer():
                    await act()
        await self._sleep_until(cluster, cluster.begin_time + self._scenario.length_s)

    def _list_acts(self, cluster: FaultCluster, watch: Watch) -> list[tuple[float, int, Act]]:
        """What is done when; of one moment, what ends comes before what begins, and checks come last."""
        acts: list[tuple[float, int, Act]] = []
        for fault in self._scenario.make_plan():
            acts.append((fault.at, 1, partial(self._begin, cluster, watch, fault)))
            acts.append((fault.end, 0, partial(self._end, cluster, watch, fault)))
            look_at = fault.end + AGREE_SLOTS * self._scenario.slot_s + AFTER_END_S
            acts.append((look_at, 2, partial(look_at_agreement, watch)))
        slot_s = self._scenario.slot_s
        for slot in range(-2, int((self._scenario.length_s + CHECK_BEFORE_END_S) // slot_s)):
            at = (slot + 1) * slot_s - CHECK_BEFORE_END_S
            acts.append((at, 2, partial(self._check, cluster, watch, at)))
        return sorted(acts, key=lambda act: act[:2])

    async def _check(self, cluster: FaultCluster, watch: Watch, at: float) -> None:
        self._note_doing("at a check")
        await check_all(watch, self._further)
        watch.note_juror()
        height = max((tip.header.height for tip in watch.tips.values()), default=0)
        self._on_progress(Progress(at, self._scenario.length_s, height, len(cluster.active)))

    async def _begin(self, cluster: FaultCluster, watch: Watch, fault: Fault) -> None:
        self._note_doing(f"when {fault} began", fault.subjects)
        if fault.kind not in NO_EXCUSE:
            self.report.cut_short += self._healed_at is not None
            watch.calm_since, self._healed_at = None, None
        self.report.faults[fault.kind.value] += 1
        await begin_fault(cluster, aim(cluster, fault))

    async def _end(self, cluster: FaultCluster, watch: Watch, fault: Fault) -> None:
        self._note_doing(f"when {fault} ended", fault.subjects)
        await end_fault(cluster, cluster.active[fault.number])
        if fault.kind not in NO_EXCUSE and cluster.is_calm:
            watch.calm_since = self._healed_at = asyncio.get_running_loop().time()

    async def _sleep_until(self, cluster: FaultCluster, wall: float) -> None:
        """Look every few seconds whether all agree, as long as that is asked."""
        while (left := wall - cluster.clock.now()) > 0:
            if self._healed_at is None:
                await asyncio.sleep(left)
                continue
            await asyncio.sleep(min(left, LOOK_EVERY_S))
            tips = {
                host.height.block_hash
                for host in cluster.list_trusted()
                if not host.node or not host.node.node_state.halted
            }
            if len(tips) <= 1:
                self.report.agreed_after_s.append(asyncio.get_running_loop().time() - self._healed_at)
                self._healed_at = None


def _make_archive(cluster: FaultCluster) -> Archive:
    """It sees the companions' chain at once, and as it was."""

    def look_at(script: PowScript) -> ScriptedPowSource:
        return ScriptedPowSource(script, cluster.clock.now)

    return Archive(
        cluster.params, look_at(cluster.script), lambda: [look_at(former) for former in cluster.script.former]
    )


@asynccontextmanager
async def _taking_no_longer() -> AsyncIterator[None]:
    """Raises Stuck for what takes more than ``MAX_ACT_S``."""
    try:
        async with asyncio.timeout(MAX_ACT_S) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Stuck(f"not over after {MAX_ACT_S:.0f} s") from error


async def _abandon(cluster: FaultCluster) -> None:
    """End everything at once: what is wrong is known."""
    await cluster.end_all()
    await cluster.legacy_hosts.crash_all()
    for host in cluster.hosts:
        if host.task is not None:
            cluster.network.crash(host.ip)
            host.task.cancel()
            await asyncio.gather(host.task, return_exceptions=True)
            host.node = host.task = None
