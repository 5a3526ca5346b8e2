"""One run of a troubled network: a ``Scenario`` is all that it follows from, a ``Report`` what came out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from hypernode.core.colours import RAINBOW
from hypernode.core.network import Network
from hypernode.core.params import mainnet
from hypernode.core.rainbow import apply_rainbow
from hypernode.core.timeline import compute_slot_start
from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.archive import Archive
from hypernode.sim.cluster import make_network
from hypernode.sim.faults import ALL, BEFALL_LEGACY, Fault, FaultKind, draw_plan
from hypernode.sim.holding import HoldingLoop
from hypernode.sim.invariants import check_all, check_stopped
from hypernode.sim.loop import run
from hypernode.sim.quick_signing import quick_signing
from hypernode.sim.troubled import FIRST_ROUND, TroubledCluster
from hypernode.sim.troubles import begin_fault, end_fault
from hypernode.sim.watch import InvariantFailed, Watch

CHECK_BEFORE_END_S: Final = 2.0
"""Before the end of each slot: its block was sent 13 s ago at the latest."""
LOOK_EVERY_S: Final = 10.0
"""While it is not known yet how long agreeing takes."""
LOG_LINES: Final = 12
EVENTS: Final = 5
"""On the network, of each host that a failure is about."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """``nodes`` run, the first ``legacy`` of them a legacy node, the others ours; ``registered`` are on the
    list (0: no others), and those that do not run never answer.
    ``tuned``: parameters other than main's, as in a rainbow; ``has_quick_signer``: see
    ``sim.quick_signing``.  ``plan_nodes``: for how many hosts the plan was
    drawn (0: for ``nodes``); ``keep``: the numbers of its faults that happen (None: all); ``until_s``: where
    to stop, in seconds after the first whole round."""

    seed: int
    nodes: int = 20
    hours: float = 2.0
    kinds: tuple[FaultKind, ...] = ALL
    connect: int = 40
    slot_s: int = 180
    plan_nodes: int = 0
    keep: tuple[int, ...] | None = None
    until_s: float | None = None
    registered: int = 0
    tuned: str = ""
    has_quick_signer: bool = False
    legacy: int = 0

    def make_plan(self) -> tuple[Fault, ...]:
        """The faults that happen, with the hosts that there are, and that they can befall."""
        drawn = draw_plan(self.seed, self.plan_nodes or self.nodes, self.hours, self.kinds, self.slot_s)
        kept = [fault for fault in drawn if self.keep is None or fault.number in self.keep]
        present = (
            replace(fault, subjects=tuple(n for n in fault.subjects if self._can_befall(fault.kind, n)))
            for fault in kept
        )
        return tuple(fault for fault in present if fault.subjects)

    def _can_befall(self, kind: FaultKind, index: int) -> bool:
        return index < self.nodes and (index >= self.legacy or kind in BEFALL_LEGACY)

    def make_network(self) -> Network:
        """Main's rules and times but for what is tuned, on a list of its own; with legacy nodes main's mercy
        too."""
        main = mainnet()
        network = replace(
            make_network(max(self.nodes, self.registered), self.seed, self.slot_s),
            mixed=self.legacy > 0,
            max_connect_to=self.connect,
            min_active=main.min_active if self.nodes >= 2 * main.min_active else 2,
            pow_block_s=main.pow_block_s,
            pow_confirmations=main.pow_confirmations,
            pow_synced_s=main.pow_synced_s,
        )
        return apply_rainbow(network, ((RAINBOW, self.tuned),)).network

    @property
    def length_s(self) -> float:
        whole = self.hours * 3_600
        return whole if self.until_s is None else min(whole, self.until_s)

    def to_arguments(self) -> str:
        """The command line that plays it."""
        parts = [f"--nodes {self.nodes}", f"--hours {self.hours:g}", f"--seed {self.seed}"]
        names = ",".join(kind.value for kind in self.kinds)
        parts.append(f"--faults {'all' if self.kinds == ALL else names or 'none'}")
        if self.connect != Scenario.__dataclass_fields__["connect"].default:
            parts.append(f"--connect {self.connect}")
        if self.legacy:
            parts.append(f"--legacy {self.legacy}")
        if self.registered:
            parts.append(f"--registered {self.registered}")
        if self.tuned:
            parts.append(f"--tune '{self.tuned}'")
        if self.has_quick_signer:
            parts.append("--quick-signer")
        if self.plan_nodes:
            parts.append(f"--plan-nodes {self.plan_nodes}")
        if self.keep is not None:
            parts.append(f"--keep {','.join(map(str, self.keep)) or 'none'}")
        if self.until_s is not None:
            parts.append(f"--until {self.until_s:.0f}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Failure:
    """A broken invariant, seconds after the first whole round, and the last words of the hosts."""

    name: str
    detail: str
    at_s: float
    hosts: tuple[int, ...]
    last_words: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """What a run was like."""

    scenario: Scenario
    faults: Counter[str] = field(default_factory=Counter)
    slots: int = 0
    filled: int = 0
    agreed_after_s: list[float] = field(default_factory=list)
    """After the end of each episode: how long until all trusted hosts had one tip."""
    reorganisations: int = 0
    legacy_restarts: int = 0
    """How often a legacy node stopped itself, and was started again."""
    legacy_along: int = 0
    """Legacy nodes that ended on our best chain, at most a block behind."""
    stored: int = 0
    events: int = 0
    trace: str = ""
    virtual_s: float = 0.0
    failure: Failure | None = None


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
    cluster_type: type[TroubledCluster] = TroubledCluster,
) -> Report:
    """Run it on virtual time.  Broken invariants are in the report; nothing else is caught."""
    with quick_signing() if scenario.has_quick_signer else nullcontext():
        return run(_Play(scenario, on_progress, cluster_type).run(), loop_type=HoldingLoop)


class _Play:
    def __init__(
        self, scenario: Scenario, on_progress: OnProgress, cluster_type: type[TroubledCluster]
    ) -> None:
        self._scenario = scenario
        self._cluster_type = cluster_type
        self._on_progress = on_progress
        self._report = Report(scenario)
        self._healed_at: float | None = None
        """Loop time of the end of the last episode, until all agree."""

    async def run(self) -> Report:
        scenario = self._scenario
        params = scenario.make_network()
        cluster = self._cluster_type(scenario.nodes, scenario.seed, params, scenario.legacy)
        watch = Watch(cluster, Archive(cluster.params, ScriptedPowSource(cluster.script, cluster.clock.now)))
        loop = asyncio.get_running_loop()
        try:
            await cluster.start_all()
            await self._play_plan(cluster, watch)
            await cluster.end_all()
            await cluster.stop_all()
            await check_stopped()
        except InvariantFailed as broken:
            self._report.failure = _describe(cluster, broken)
            await _abandon(cluster)
        self._count(cluster, watch)
        self._report.virtual_s = loop.time()
        return self._report

    async def _play_plan(self, cluster: TroubledCluster, watch: Watch) -> None:
        """Faults and checks, in the order of their times."""
        for at, _, act in self._list_acts(cluster, watch):
            if at <= self._scenario.length_s:
                await self._sleep_until(cluster, cluster.begin_time + at)
                await act()
        await self._sleep_until(cluster, cluster.begin_time + self._scenario.length_s)

    def _list_acts(self, cluster: TroubledCluster, watch: Watch) -> list[tuple[float, int, Act]]:
        """What is done when; of one moment, what ends comes before what begins, and checks come last."""
        acts: list[tuple[float, int, Act]] = []
        for fault in self._scenario.make_plan():
            acts.append((fault.at, 1, partial(self._begin, cluster, watch, fault)))
            acts.append((fault.end, 0, partial(self._end, cluster, watch, fault)))
        slot_s = self._scenario.slot_s
        for slot in range(-2, int((self._scenario.length_s + CHECK_BEFORE_END_S) // slot_s)):
            at = (slot + 1) * slot_s - CHECK_BEFORE_END_S
            acts.append((at, 2, partial(self._check, cluster, watch, at)))
        return sorted(acts, key=lambda act: act[:2])

    async def _check(self, cluster: TroubledCluster, watch: Watch, at: float) -> None:
        await check_all(watch)
        height = max((tip.header.height for tip in watch.tips.values()), default=0)
        self._on_progress(Progress(at, self._scenario.length_s, height, len(cluster.active)))

    async def _begin(self, cluster: TroubledCluster, watch: Watch, fault: Fault) -> None:
        watch.calm_since, self._healed_at = None, None
        self._report.faults[fault.kind.value] += 1
        await begin_fault(cluster, fault)

    async def _end(self, cluster: TroubledCluster, watch: Watch, fault: Fault) -> None:
        await end_fault(cluster, fault)
        if not cluster.active:
            watch.calm_since = self._healed_at = asyncio.get_running_loop().time()

    async def _sleep_until(self, cluster: TroubledCluster, wall: float) -> None:
        """Look every few seconds whether all agree, as long as that is asked."""
        while (left := wall - cluster.clock.now()) > 0:
            if self._healed_at is None:
                await asyncio.sleep(left)
                continue
            await asyncio.sleep(min(left, LOOK_EVERY_S))
            tips = {
                host.height.block_hash
                for host in cluster.list_trusted()
                if not host.node or not host.node.present.halted
            }
            if len(tips) <= 1:
                self._report.agreed_after_s.append(asyncio.get_running_loop().time() - self._healed_at)
                self._healed_at = None

    def _count(self, cluster: TroubledCluster, watch: Watch) -> None:
        report, params = self._report, cluster.params
        report.trace = cluster.trace
        report.events = cluster.network.trace.count
        report.stored = cluster.witness.stored
        report.legacy_restarts = cluster.legacy_hosts.restarts
        report.reorganisations = len(cluster.witness.reorganisations)
        now = cluster.clock.now()
        if not watch.tips:
            return
        best = max(watch.tips.values(), key=lambda filed: filed.header.height)
        filled = {(filed.header.round, filed.header.sir) for filed in best.walk()}
        last = {filed.header.block_hash for filed, _ in zip(best.walk(), range(2), strict=False)}
        chains = [legacy.memory.chain for legacy in cluster.legacy_hosts.by_index.values()]
        report.legacy_along = sum(chain.tip.block_hash in last for chain in chains)
        round_ = FIRST_ROUND
        while compute_slot_start(params, round_, 0) < now:
            over = [s for s in range(params.slots) if compute_slot_start(params, round_, s + 1) <= now + 3]
            report.slots += len(over)
            report.filled += sum((round_, sir) in filled for sir in over)
            round_ += 1


def _describe(cluster: TroubledCluster, broken: InvariantFailed) -> Failure:
    words = []
    for index in broken.hosts[:4]:
        host = cluster.hosts[index]
        words += [f"node {index}: {line}" for line in host.log[-LOG_LINES:]]
        words += [
            f"node {index} on the network: {line}"
            for line in cluster.network.trace.list_last(host.ip, EVENTS)
        ]
    at_s = cluster.clock.now() - cluster.begin_time
    return Failure(broken.name, broken.detail, at_s, broken.hosts, tuple(words))


async def _abandon(cluster: TroubledCluster) -> None:
    """End everything at once: what is wrong is known."""
    await cluster.end_all()
    await cluster.legacy_hosts.crash_all()
    for host in cluster.hosts:
        if host.task is not None:
            cluster.network.crash(host.ip)
            host.task.cancel()
            await asyncio.gather(host.task, return_exceptions=True)
            host.node = host.task = None
