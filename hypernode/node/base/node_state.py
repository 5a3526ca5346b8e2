"""What the node knows of the present moment, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypernode.core.counting import NOBODY, Counted
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.timeline import compute_round_slot, compute_slot_start
from hypernode.core.types import Equivocation, Round, RoundPlan, Slot
from hypernode.machine.consensus import Consensus
from hypernode.ports.clock import Clock
from hypernode.ports.registrations import PowStatus


@dataclass(slots=True)
class NodeState:
    """The node at this moment.  ``plan`` may be of an earlier round while a new one is derived."""

    params: ChainParams
    clock: Clock
    start_time: float
    halted: str = ""
    """Why an operator is needed; empty in a healthy node."""
    plan: RoundPlan | None = None
    previous_plan: RoundPlan | None = None
    derived_at: float = 0.0
    """When the node derived the round, unix s."""
    counted: Counted = NOBODY
    """Who counts of the plan's registered, and of those of the round before."""
    connect_to: tuple[str, ...] = ()
    """PoS addresses of the round's outgoing connections, in order."""
    pow_status: PowStatus | None = None
    consensus: Consensus | None = None
    evidence: list[Equivocation] = field(default_factory=list)
    forge_from_round: Round = 0
    clock_offset_s: float | Unchecked = UNCHECKED
    """How far our clock is ahead of the others'; UNCHECKED while too few told."""

    def get_round_slot(self) -> tuple[Round, Slot]:
        return compute_round_slot(self.params, self.clock.now())

    def get_juror(self) -> str | None:
        """Whom we take for the juror of the present slot; None in the closing slot, and without a plan."""
        round_, sir = self.get_round_slot()
        return self.plan.juror_of(sir) if self.plan is not None and self.plan.round == round_ else None

    def get_slot_times(self) -> tuple[float, float]:
        """Start and end of the present slot, unix s."""
        round_, sir = self.get_round_slot()
        start = compute_slot_start(self.params, round_, sir)
        return float(start), float(start + self.params.slot_s)

    def get_offer_time(self) -> float:
        """Unix s by which messages are offered.  If our clock is ahead of the others', it is theirs: what we
        write now would come from their future."""
        ahead_s = 0.0 if self.clock_offset_s is UNCHECKED else self.clock_offset_s
        return self.clock.now() - max(0.0, ahead_s)

    def halt(self, reason: str) -> None:
        """Halt the node: an operator is needed, and why."""
        self.halted = reason

    def forbid_forging_before(self, round_: Round) -> None:
        """Forge no block before this round."""
        self.forge_from_round = round_

    def note_companion(self, status: PowStatus) -> None:
        """The companion's latest status."""
        self.pow_status = status

    def note_consensus(self, consensus: Consensus) -> None:
        """How many agree with us now."""
        self.consensus = consensus

    def note_clock_offset(self, offset_s: float | Unchecked) -> None:
        """By how many seconds our clock is ahead of the others' now."""
        self.clock_offset_s = offset_s

    def set_evidence(self, cases: Iterable[Equivocation]) -> None:
        """The evidence that is shown and reported from now on."""
        self.evidence = list(cases)

    def set_plan(self, plan: RoundPlan, counted: Counted, connect_to: tuple[str, ...]) -> None:
        """Take the lists of the present round, derived just now."""
        if self.plan is not None and self.plan.round == plan.round - 1:
            self.previous_plan = self.plan
        self.plan = plan
        self.derived_at = self.clock.now()
        self.counted = counted
        self.connect_to = connect_to
