"""What the invariants of a simulation look at, and remember from one look to the next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypernode.core.types import Height, Message, Round, Slot
from hypernode.sim.archive import Archive, Filed
from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.witness import StoredBlock


@dataclass(frozen=True, slots=True)
class TipBefore:
    """A host's tip at a check, the present round then, and how often an operator had come."""

    tip: Filed
    round: Round
    operator: int


@dataclass(frozen=True, slots=True)
class NotedMessage:
    """A message of a mempool, and the height of the best chain when it was noted there."""

    message: Message
    height: Height


@dataclass(slots=True)
class Seen:
    """A message that was in a mempool or in a block."""

    message: Message
    was_sealed: bool = False


@dataclass(slots=True)
class Watch:
    """What the checks remember from one slot to the next.  ``calm_since``: loop time; None under a fault."""

    cluster: FaultCluster
    archive: Archive
    calm_since: float | None = 0.0
    tips: dict[int, Filed] = field(default_factory=dict)
    """Of the hosts that run, at the present check."""
    noted_messages: dict[bytes, NotedMessage] = field(default_factory=dict)
    """Of mempools in calm, by id."""
    stored: list[StoredBlock] = field(default_factory=list)
    """What hosts stored since the last check, whether it is in their chains still or not."""
    tips_before: dict[int, TipBefore] = field(default_factory=dict)
    """At the check before."""
    seen_declared: int = 0
    """Reorganisations that an earlier check saw."""
    sized_in_round: Round = -1
    """When it was counted what the nodes hold."""
    calm_slots: list[tuple[int, Slot]] = field(default_factory=list)
    """Slots of the present calm, without its first ``FILLED_SLOTS``."""
    jurors: dict[tuple[Round, Slot], str] = field(default_factory=dict)
    """Of the slots that were checked, by the list of a trusted host."""
    seen_reorganisations: int = 0
    seen_traps: int = 0
    """Of legacy nodes."""
    seen: dict[bytes, Seen] = field(default_factory=dict)
    """Messages of the last rounds, by the id under which they came up first."""
    new_messages: list[Message] = field(default_factory=list)
    """Those that came up since the check before."""
    final_rounds: dict[int, Round] = field(default_factory=dict)
    """The last round of each host's duty log that was checked."""
    lives: dict[int, tuple[int, Filed]] = field(default_factory=dict)
    """Which node a trusted host ran at the check before, and its tip then."""

    def __post_init__(self) -> None:
        self.cluster.witness.on_stored = self.stored.append

    @property
    def calm_s(self) -> float:
        """0 while a fault is at work."""
        now = asyncio.get_running_loop().time()
        return 0.0 if self.calm_since is None else now - self.calm_since

    @property
    def slot_s(self) -> int:
        return self.cluster.params.slot_s

    def note_juror(self) -> None:
        """Who holds the present slot."""
        for host in self.cluster.list_trusted():
            if host.node is not None and (juror := host.node.node_state.get_juror()) is not None:
                self.jurors[host.node.node_state.get_round_slot()] = juror
                return

    def list_running(self) -> list[SimNode]:
        return [host for host in self.cluster.hosts if host.node is not None]


def is_halted(host: SimNode) -> bool:
    return host.node is not None and bool(host.node.node_state.halted)
