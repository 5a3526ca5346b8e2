"""Plays one cell: a network of real nodes on virtual time under a constant fault, and its outcome."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.core.params.chain_params import MAIN_SLOT_S
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Round, Slot
from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.fault_actions import begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import FIRST_ROUND, FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.study.cells import Cell
from hypernode.study.outages import list_outages
from hypernode.study.outcome import SAMPLE_S, Outcome, Parents, Tally
from hypernode.study.plot import Plot, choose_plotters

CLUSTER_LEAD_SLOTS: Final = 2
"""How long before the first whole round a cluster begins to live."""
PLOT_LEAD_SLOTS: Final = 6
"""The same where a plot is to find a chain."""
LIES: Final = (
    FaultKind.WITHHOLD,
    FaultKind.EQUIVOCATE,
    FaultKind.LIE_HEIGHT,
    FaultKind.BREAK_PROMISE,
    FaultKind.USURP,
    FaultKind.GARBAGE,
    FaultKind.REPLAY,
)
"""One after the other: what each liar does."""

Act = Callable[[], Awaitable[None]]


def play_cell(cell: Cell) -> Outcome:
    """Play it from its seed on virtual time."""
    return run(_Run(cell).run(), loop_type=HoldingLoop)


@dataclass(slots=True)
class _SlotSeen:
    """A slot that is over: whether its juror was honest and up for all of it."""

    round: Round
    sir: Slot
    is_fillable: bool


@dataclass(slots=True)
class _Seen:
    slots: list[_SlotSeen] = field(default_factory=list)
    up_since: dict[int, float] = field(default_factory=dict)
    """Loop time since when a host runs."""
    split: set[int] = field(default_factory=set)
    halted: set[int] = field(default_factory=set)
    is_struck: bool = False


class _Run:
    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._draws = Draws(f"study {cell.seed} {cell.nodes}")
        self._liars = self._draw_liars()
        self._seen = _Seen()
        self._parents = Parents()
        self._tally = Tally(self._parents)
        self._plot: Plot | None = None
        self._lead_slots = PLOT_LEAD_SLOTS if cell.plot else CLUSTER_LEAD_SLOTS
        self._length_s = self._lead_slots * MAIN_SLOT_S + cell.hours * 3_600

    async def run(self) -> Outcome:
        cell = self._cell
        cluster = self._cluster = FaultCluster(cell.nodes, cell.seed, cell.make_network())
        cluster.network = MemoryNetwork(cell.seed, LinkQuality(loss_chance=cell.loss))
        for clock in (cluster.clock, *(host.clock for host in cluster.hosts)):
            clock.step(-(self._lead_slots - CLUSTER_LEAD_SLOTS) * MAIN_SLOT_S)
        cluster.witness.on_block = self._parents.note
        self._begin = cluster.clock.now()
        await cluster.start_all()
        self._seen.up_since = dict.fromkeys(range(cell.nodes), asyncio.get_running_loop().time())
        await self._begin_lies()
        await self._live()
        outcome = self._count()
        await cluster.end_all()
        await cluster.stop_all()
        return outcome

    def _draw_liars(self) -> frozenset[int]:
        order = list(range(self._cell.nodes))
        self._draws.shuffle(order)
        return frozenset(order[: round(self._cell.liars * self._cell.nodes)])

    # --- faults ---------------------------------------------------------------------------------------

    async def _begin_lies(self) -> None:
        """From the first moment to the last."""
        for number, host in enumerate(sorted(self._liars)):
            kind = LIES[number % len(LIES)]
            await begin_fault(self._cluster, Fault(number, 0.0, kind, (host,), self._length_s, 0.5))

    def _list_acts(self) -> list[tuple[float, int, Act]]:
        """(seconds after the start, order, what is done), the looks at all tips last."""
        acts: list[tuple[float, int, Act]] = []
        for number, (host, begin, end) in enumerate(list_outages(self._cell, self._length_s), start=1_000):
            kind = FaultKind.SILENT_CRASH if number % 2 else FaultKind.CRASH
            fault = Fault(number, begin, kind, (host,), end - begin, 0.5)
            acts += [(begin, 1, partial(self._go_down, fault)), (end, 0, partial(self._come_up, fault))]
        slot_s = float(self._cluster.params.slot_s)
        first_round = self._lead_slots * slot_s
        if self._cell.plot:
            acts.append((first_round - 2 * slot_s + SAMPLE_S, 2, self._conspire))
            acts.append((first_round - self._cell.strike_s, 2, self._strike))
        looks = int(self._length_s // SAMPLE_S)
        acts += [(n * SAMPLE_S, 3, self._look) for n in range(1, looks + 1)]
        slots = int(self._length_s // slot_s)
        acts += [(n * slot_s - 1.0, 4, self._end_slot) for n in range(1, slots + 1)]
        return sorted(acts, key=lambda act: act[:2])

    async def _live(self) -> None:
        for at, _, act in self._list_acts():
            if at > self._length_s:
                break
            await asyncio.sleep(max(0.0, self._begin + at - self._cluster.clock.now()))
            await act()

    async def _go_down(self, fault: Fault) -> None:
        await begin_fault(self._cluster, fault)
        self._seen.up_since.pop(fault.subjects[0], None)

    async def _come_up(self, fault: Fault) -> None:
        await end_fault(self._cluster, fault)
        self._seen.up_since[fault.subjects[0]] = asyncio.get_running_loop().time()

    async def _conspire(self) -> None:
        """Who has the last slot of this round is one of the plotters."""
        host = self._find_common_host()
        plan = host.node.node_state.plan if host is not None and host.node is not None else None
        if plan is None:
            return
        address = plan.jurors[-1].address
        juror = next(host.index for host in self._cluster.hosts if host.signer.address == address)
        self._liars = choose_plotters(self._cluster, juror, self._cell.plot, self._draws)
        self._plot = Plot(self._cluster, self._liars, juror, self._draws)
        self._plot.join()

    async def _strike(self) -> None:
        if self._plot is not None:
            self._seen.is_struck = await self._plot.strike()

    # --- looking --------------------------------------------------------------------------------------

    def _list_honest(self) -> list[SimNode]:
        """Those that run, and have run for a slot."""
        settled = asyncio.get_running_loop().time() - self._cluster.params.slot_s
        return [
            host
            for host in self._cluster.hosts
            if host.index not in self._liars
            and host.node is not None
            and self._seen.up_since.get(host.index, math.inf) <= settled
        ]

    def _find_common_host(self) -> SimNode | None:
        """One of those with the tip that most hold."""
        honest = self._list_honest()
        counts = Counter(host.height.block_hash for host in honest)
        return max(honest, key=lambda host: (counts[host.height.block_hash], -host.index), default=None)

    def _is_measured(self) -> bool:
        """From the first whole round on; a plot from when it strikes."""
        early_s = self._cell.strike_s if self._cell.plot else 0.0
        return self._cluster.clock.now() >= self._cluster.begin_time - early_s

    async def _look(self) -> None:
        if not self._is_measured():
            return
        honest = self._list_honest()
        self._tally.add({host.index: host.height.block_hash for host in honest})
        for host in honest:
            if host.node is not None and host.node.partitions.words:
                self._seen.split.add(host.index)
            if host.node is not None and host.node.node_state.halted:
                self._seen.halted.add(host.index)

    async def _end_slot(self) -> None:
        """Who was the juror of the slot that ends, by those who agree."""
        if not self._is_measured():
            return
        host, params = self._find_common_host(), self._cluster.params
        round_, sir = compute_round_slot(params, self._cluster.clock.now())
        if sir >= params.slots or round_ < FIRST_ROUND:
            return
        address = host.node.node_state.get_juror() if host is not None and host.node is not None else None
        juror = next((host.index for host in self._cluster.hosts if host.signer.address == address), -1)
        since = self._seen.up_since.get(juror, math.inf)
        is_up = since <= asyncio.get_running_loop().time() - params.slot_s
        self._seen.slots.append(_SlotSeen(round_, sir, is_up and juror not in self._liars))

    # --- counting -------------------------------------------------------------------------------------

    def _count(self) -> Outcome:
        cluster, tally, seen = self._cluster, self._tally, self._seen
        host = self._find_common_host()
        tip = host.height.block_hash if host is not None else b""
        chain = self._parents.walk(tip)
        hours = max(1e-9, cluster.clock.now() - cluster.begin_time) / 3_600
        honest = cluster.count - len(self._liars)
        changes = [change for change in cluster.witness.reorganisations if change.index not in self._liars]
        filled = self._find_filled(chain)
        return Outcome(
            slots=len(seen.slots),
            filled=sum((slot.round, slot.sir) in filled for slot in seen.slots),
            fillable=sum(slot.is_fillable for slot in seen.slots),
            fillable_filled=sum(slot.is_fillable and (slot.round, slot.sir) in filled for slot in seen.slots),
            agree=tally.agreed / max(1, tally.samples),
            agree_most=tally.agreed_most / max(1, tally.samples),
            settle_median_s=tally.apart.middle,
            settle_longest_s=tally.apart.longest,
            most_longest_s=tally.most_apart.longest,
            fork_longest_s=tally.forked.longest,
            fork_depth=tally.fork_depth,
            changes=len(changes) / hours / max(1, honest),
            change_depth=max((change.before.height - change.common for change in changes), default=0),
            lost=self._parents.count() - len(chain),
            largest=tally.compute_largest(),
            split=len(seen.split),
            halted=len(seen.halted),
            struck=seen.is_struck,
            virtual_s=asyncio.get_running_loop().time(),
            trace=cluster.trace,
        )

    def _find_filled(self, chain: list[bytes]) -> set[tuple[Round, Slot]]:
        """Slots of the chain's blocks."""
        return self._cluster.witness.signatures.find_slots(set(chain))
