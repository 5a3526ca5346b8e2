"""All that a run follows from: a ``Scenario``.  ``sim.play`` plays it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.colours import RAINBOW
from hypernode.core.registrations.rainbow import apply_rainbow
from hypernode.sim.cluster import make_network
from hypernode.sim.faults.plan import ALL, BEFALL_LEGACY, EVERY, Fault, FaultKind, draw_plan

MAIN_WEIGHTS: Final = (1, 3, 2, 1, 1)
"""Of the hypernodes on the list, in turn: on main most have 1."""
MAIN_SUBNET_HOSTS: Final = 3
"""On main some providers have many hypernodes in one /16."""
MIN_MAIN_NODES: Final = 12
"""A fifth that is away leaves no fewer than main's ``min_active``, which is 10 (of fewer nobody is left out
of a list), and a half more /16s than one branch needs."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What is left of a fault of the plan: its number, how long it lasts at most (s), and whom of those that
    were drawn it befalls."""

    number: int
    duration_s: int
    subjects: tuple[int, ...]

    def apply(self, fault: Fault) -> Fault:
        return replace(
            fault,
            duration_s=min(fault.duration_s, float(self.duration_s)),
            subjects=tuple(n for n in fault.subjects if n in self.subjects),
        )

    def __str__(self) -> str:
        return f"{self.number}:{self.duration_s}:{'+'.join(map(str, self.subjects))}"

    @classmethod
    def parse(cls, text: str) -> Limit:
        """What ``str`` gives.  Raises ValueError."""
        number, duration_s, subjects = text.split(":")
        return cls(int(number), int(duration_s), tuple(int(index) for index in subjects.split("+")))


@dataclass(frozen=True, slots=True)
class Scenario:
    """``nodes`` run, the first ``legacy`` of them a legacy node, the others ours; ``registered`` are on the
    list (0: no others), and those that do not run never answer; ``worthless`` more are registered without
    collateral.
    ``has_main_numbers``: peers, active hypernodes and /16s that a node needs are those of main, several hosts
    share a /16, and weights are 1 to 3; that takes ``MIN_MAIN_NODES``.  ``is_swarm``: the plan is of a few of
    the kinds, many at a time.
    ``tuned``: parameters other than main's, as in a rainbow; ``has_quick_signer``: see
    ``sim.memory.quick_signing``.  ``plan_nodes``: for how many hosts the plan was
    drawn (0: for ``nodes``); ``keep``: the numbers of its faults that happen (None: all); ``limits``: what
    is left of single ones; ``until_s``: where to stop, in seconds after the first whole round."""

    seed: int
    nodes: int = 20
    hours: float = 2.0
    kinds: tuple[FaultKind, ...] = ALL
    connect: int = 40
    slot_s: int = 180
    plan_nodes: int = 0
    keep: tuple[int, ...] | None = None
    limits: tuple[Limit, ...] = ()
    until_s: float | None = None
    registered: int = 0
    tuned: str = ""
    has_quick_signer: bool = False
    legacy: int = 0
    worthless: int = 0
    has_main_numbers: bool = False
    is_swarm: bool = False

    def make_plan(self) -> tuple[Fault, ...]:
        """The faults that happen, with the hosts that there are, and that they can befall."""
        drawn = draw_plan(
            *(self.seed, self.plan_nodes or self.nodes, self.hours, self.kinds, self.slot_s),
            is_swarm=self.is_swarm,
        )
        limits = {limit.number: limit for limit in self.limits}
        kept = [
            limits[fault.number].apply(fault) if fault.number in limits else fault
            for fault in drawn
            if self.keep is None or fault.number in self.keep
        ]
        present = (
            replace(fault, subjects=tuple(n for n in fault.subjects if self._can_befall(fault.kind, n)))
            for fault in kept
        )
        return tuple(fault for fault in present if fault.subjects)

    def _can_befall(self, kind: FaultKind, index: int) -> bool:
        return index < self.nodes and (index >= self.legacy or kind in BEFALL_LEGACY)

    def make_network(self) -> ChainParams:
        """Main's rules and times but for what is tuned, on a list of its own; with legacy nodes main's mercy
        too."""
        main = mainnet()
        count = max(self.nodes, self.registered)
        params = make_network(count, self.seed, self.slot_s)
        if self.has_main_numbers:
            params = replace(
                make_network(count, self.seed, self.slot_s, MAIN_WEIGHTS, MAIN_SUBNET_HOSTS),
                min_subnets=main.min_subnets,
                min_connections=main.min_connections,
            )
        params = replace(
            params,
            mixed=self.legacy > 0,
            # of ours both kinds: those whose collaterals must stay, and those with a list as legacy has it
            collateral_from_round=0 if self.seed % 2 and not self.legacy else None,
            default_tunables=replace(params.default_tunables, max_connect_to=self.connect),
            min_active=main.min_active if self.has_main_numbers or self.nodes >= 2 * main.min_active else 2,
            pow_block_s=main.pow_block_s,
            pow_confirmations=main.pow_confirmations,
            pow_synced_s=main.pow_synced_s,
        )
        tuned = apply_rainbow(params, params.default_tunables, ((RAINBOW, self.tuned),)).tunables
        return replace(params, default_tunables=tuned)

    @property
    def length_s(self) -> float:
        whole = self.hours * 3_600
        return whole if self.until_s is None else min(whole, self.until_s)

    def play_until(self, at_s: float) -> Scenario:
        """The same, played no further than needed to see what broke then; what broke at the stop, which comes
        after the whole length, needs all of it."""
        return replace(self, until_s=float(ceil(at_s + 1))) if at_s < self.length_s else self

    def to_arguments(self) -> str:
        """The command line that plays it."""
        parts = [f"--nodes {self.nodes}", f"--hours {self.hours:g}", f"--seed {self.seed}"]
        names = ",".join(kind.value for kind in self.kinds)
        named = {ALL: "all", EVERY: "every"}.get(self.kinds, names or "none")
        parts.append(f"--faults {named}")
        if self.connect != Scenario.__dataclass_fields__["connect"].default:
            parts.append(f"--connect {self.connect}")
        if self.legacy:
            parts.append(f"--legacy {self.legacy}")
        if self.worthless:
            parts.append(f"--worthless {self.worthless}")
        if self.is_swarm:
            parts.append("--swarm")
        if self.has_main_numbers:
            parts.append("--main-numbers")
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
        if self.limits:
            parts.append(f"--limit {','.join(map(str, self.limits))}")
        if self.until_s is not None:
            parts.append(f"--until {self.until_s:.0f}")
        return " ".join(parts)
