"""Where the parts' events come together: each is passed to who acts on it, and wakes the owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hypernode.core.errors import InvariantBroken
from hypernode.core.kinds import CONFIG
from hypernode.core.packed_messages import select_kind
from hypernode.core.types import Block, Equivocation, Height
from hypernode.node.base.background import Background
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.base.tip_signal import TipSignal
from hypernode.node.duty.double_sign_guard import DoubleSignGuard
from hypernode.node.duty.evidence import EvidenceWatch
from hypernode.node.duty.reporter import Reporter
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.node.owner.fault_notes import FaultNotes
from hypernode.ports.storage_faults import StorageFault


@dataclass(slots=True)
class EventHub(NodeEvents):
    """Needs nothing that tells of events: it is made before them, so no circle has to be closed later."""

    wake: Callable[[], None]
    tip: TipSignal
    background: Background
    faults: FaultNotes
    configs: ConfigWatch
    double_sign_guard: DoubleSignGuard
    evidence: EvidenceWatch
    reporter: Reporter
    warn: Callable[[str], None]

    def on_tip(self) -> None:
        self.tip.note_change()
        self.wake()

    def on_block(self, block: Block) -> None:
        self.configs.note(select_kind(block.messages, CONFIG))

    async def on_own_block(self, block: Block) -> None:
        await self.double_sign_guard.on_own_block(block)

    def on_evidence(self, evidence: Equivocation) -> None:
        self.evidence.note(evidence)
        self.background.start(partial(self._publish, evidence), name="publish equivocation")

    async def _publish(self, evidence: Equivocation) -> None:
        try:
            await self.reporter.publish_equivocation(evidence)
        except (StorageFault, InvariantBroken) as fault:
            self.faults.note(fault)

    def on_cut(self, first: Height, last: Height, name: str, why: str) -> None:
        self.warn(f"blocks {first} to {last} of ours go {why}, and are kept in {name}")

    def on_height(self) -> None:
        self.wake()

    def on_storage_fault(self, fault: StorageFault) -> None:
        self.faults.storage_watch.note(fault)
        self.wake()

    def on_bug(self, bug: InvariantBroken) -> None:
        self.faults.note_bug(bug)
