"""What became of a slot of ours, and what stood in the way (spec 10, 2).  Pure, over what was noted during
the slot.

The owner of the node notes an obstacle with each of its looks; it stands until the next look.  What counts
is the forging window: the reason of a miss is the obstacle at the last look within it, and the others are
told with the seconds for which they stood in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Height, Round, Slot
from hypernode.machine.decide import (
    CatchUp,
    Decision,
    DeriveRound,
    DropPremature,
    Follow,
    Forge,
    GoOn,
    LookInto,
    NodeView,
    Rest,
    SyncRound,
)
from hypernode.machine.peers import get_best
from hypernode.machine.reasons import Obstacle, Reason

_SHOWN_S: Final = 0.1
"""What stood for less than that is not told beside the reason."""


class Outcome(Enum):
    """What became of it.  The value is what logs and other programs are told."""

    FORGED = "forged"
    REPLACED = "replaced"
    MISSED = "missed"
    TAKEN = "taken"
    REDRAWN = "redrawn"


@dataclass(frozen=True, slots=True)
class Look:
    """What stood against forging from ``at`` (unix s) on; None if nothing did."""

    at: float
    obstacle: Obstacle | None


@dataclass(frozen=True, slots=True)
class Miss:
    """Why there is no block of ours; ``also``: what else stood in the window, with its seconds, the
    longest first."""

    obstacle: Obstacle
    also: tuple[tuple[Reason, float], ...] = ()


@dataclass(frozen=True, slots=True)
class SlotAccount:
    """One slot of ours after its end.  ``height``, ``block_hash`` and ``forger`` are of the block that it has
    in our chain, if any; ``miss`` is there unless it is ours."""

    round: Round
    sir: Slot
    outcome: Outcome
    height: Height = 0
    block_hash: bytes = b""
    forger: str = ""
    miss: Miss | None = None


def find_obstacle(view: NodeView, decision: Decision) -> Obstacle | None:
    """What keeps us from forging while this decision is in force."""
    match decision:
        case Rest():
            return decision.obstacle
        case Forge():
            return None
        case DeriveRound():
            return Obstacle(Reason.ROUND_NOT_DERIVED, f"the lists of round {view.round} are being derived")
        case DropPremature():
            return Obstacle(Reason.CLOCK_OFF, "our last block is of a slot that had not begun")
        case SyncRound() | CatchUp() | Follow() | LookInto() | GoOn():
            best = get_best(peer.reported for peer in view.peers) if view.peers else view.own
            figures = f"block {view.own.height}, {best.height} told by peers"
            return Obstacle(Reason.CATCHING_UP, figures)
    assert_never(decision)


def account_for_slot(
    params: ChainParams,
    slot: tuple[Round, Slot],
    looks: Sequence[Look],
    block: Block | None,
    *,
    own: str,
    forged: bool,
    started: float,
) -> SlotAccount:
    """``looks``: by time, with the last one from before the slot if there is one; ``block``: what our chain
    has for the slot; ``forged``: we stored a block of ours in it;
    ``started``: when the process did (unix s)."""
    round_, sir = slot
    if block is not None and block.forger == own:
        return SlotAccount(round_, sir, Outcome.FORGED, block.height, block.block_hash, own)
    miss = find_miss(params, slot, looks, started=started)
    outcome = Outcome.REPLACED if forged else Outcome.MISSED if block is None else Outcome.TAKEN
    if block is None:
        return SlotAccount(round_, sir, outcome, miss=miss)
    return SlotAccount(round_, sir, outcome, block.height, block.block_hash, block.forger, miss)


def find_miss(
    params: ChainParams, slot: tuple[Round, Slot], looks: Sequence[Look], *, started: float
) -> Miss:
    """Why a slot was missed: the obstacle at the last look within the forging window, and the others with
    their seconds."""
    start = compute_slot_start(params, *slot)
    opens = start + params.delays.earliest_forging_s
    closes = start + params.slot_s - params.delays.latest_forging_s
    stood: dict[Reason, float] = {}
    last: Obstacle | None = None
    ends = [look.at for look in looks[1:]] + [closes]
    for look, end in zip(looks, ends, strict=False):
        seconds = min(end, closes) - max(look.at, opens)
        if look.obstacle is None or look.at > closes or end < opens:
            continue
        last = look.obstacle
        stood[last.reason] = stood.get(last.reason, 0.0) + max(0.0, seconds)
    if last is None:
        last = _name_absence(looks, closes, started)
    also = [(r, round(s, 1)) for r, s in stood.items() if r is not last.reason and s >= _SHOWN_S]
    return Miss(last, tuple(sorted(also, key=lambda stood: (-stood[1], stood[0].value))))


def _name_absence(looks: Sequence[Look], closes: float, started: float) -> Obstacle:
    """The reason if nothing stood in the way at any look within the window."""
    if started > closes:
        return Obstacle(Reason.STARTING, f"started {started - closes:.0f} s after the forging window")
    late = next((look for look in looks if look.at > closes), None)
    if late is not None:
        words = f"not looked at until {late.at - closes:.1f} s after the forging window"
        return Obstacle(Reason.TOO_LATE, words)
    return Obstacle(Reason.TOO_LATE, "the node did not come to it within the forging window")
