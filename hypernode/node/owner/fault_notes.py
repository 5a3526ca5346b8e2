"""What a decision or a procedure ended by: shown, said in the log, and kept with our slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypernode.core.errors import InvariantBroken
from hypernode.machine.state import State
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.node.owner.halting import Halting
from hypernode.node.owner.storage_watch import StorageWatch
from hypernode.ports.registrations import PowNotReady
from hypernode.ports.storage_faults import StorageBroken, StorageFault

FAULTS: Final = (PowNotReady, StorageFault, InvariantBroken)
"""What a procedure may end by; whatever else it raises ends the process."""


@dataclass(frozen=True, slots=True)
class FaultNotes:
    """Keeps what ended a decision or a procedure (``FAULTS``)."""

    activities: ActivityTracker
    companion: CompanionWatch
    storage_watch: StorageWatch
    slot_log: SlotLog
    halting: Halting

    def note(self, fault: Exception) -> None:
        """What stands in our way, or a fault of ours, in the shown state with its reason."""
        self.slot_log.note_fault(fault)
        match fault:
            case PowNotReady():
                self.companion.note(fault)
                self.activities.note_fault(State.POW_NOT_SYNC, str(fault))
            case StorageBroken():
                # once: to halt wakes the owner, who would meet it again at once, and again
                if not self.halting.node_state.halted:
                    self.halting.halt(str(fault))
                self.activities.note_fault(State.HALTED, self.halting.node_state.halted)
            case StorageFault():
                self.storage_watch.note(fault)
                self.activities.note_fault(State.HALTED, str(fault))
            case InvariantBroken():
                self.note_bug(fault)

    def note_bug(self, bug: InvariantBroken) -> None:
        """A fault of ours, wherever it shows."""
        self.halting.halt(f"a bug of ours: {bug}")
