"""Whether a devnet did what it is there for: one chain, with a block in nearly every slot.

Judged is from the first whole slot after all nodes left START.  Closing slots have no juror and do not
count; nor do the slots of a node while it was down because somebody killed it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_slot, compute_slot_start
from hypernode.core.types import Round, Slot

MIN_SHARE: Final = 0.8
"""Share of the slots that must have a block."""
MAX_MISSING_SHOWN: Final = 20

SlotKey = tuple[Round, Slot]


@dataclass(frozen=True, slots=True)
class NodeEnd:
    """A node at the end.  ``is_down``: it was killed and is not back; ``fault``: words for what it did
    wrong, empty when nothing; ``block_hash`` is hex, empty when it did not answer."""

    name: str
    address: str
    height: int = 0
    block_hash: str = ""
    state: str = ""
    is_down: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Downtime:
    """A killed node from its end until it had left START again (unix s); None: it is down still."""

    address: str
    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What was seen of a run.  ``started``: when all nodes had left START, None if they never had;
    ``blocks``: slots with a block in the chain; ``jurors``: addresses by slot, for each round known."""

    nodes: Sequence[NodeEnd]
    started: float | None
    ended: float
    blocks: Collection[SlotKey]
    jurors: Mapping[Round, Sequence[str]] = field(default_factory=dict)
    downtimes: Sequence[Downtime] = ()
    faults: Sequence[str] = ()
    """Words for what else went wrong (the companion)."""


@dataclass(frozen=True, slots=True)
class DevnetResult:
    """``problems`` are words, none when all is well; ``down`` names nodes that were killed and stayed so."""

    problems: tuple[str, ...]
    slots: int
    sealed: int
    missing: tuple[SlotKey, ...]
    down: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not self.problems


def judge(params: ChainParams, course: Course) -> DevnetResult:
    """The verdict on a run."""
    counted = list(_list_counted_slots(params, course))
    sealed = set(course.blocks)
    missing = tuple(slot for slot in counted if slot not in sealed)
    problems = [*_find_faults(course), *_find_split(course.nodes)]
    if course.started is None:
        waiting = [node.name for node in course.nodes if node.state == "START"]
        problems.append(
            f"not all nodes left START: {', '.join(waiting) or 'none did while it was looked at'}"
        )
    elif not counted:
        problems.append("no whole slot to judge")
    elif len(counted) - len(missing) < MIN_SHARE * len(counted):
        problems.append(_describe_missing(course, counted, missing))
    return DevnetResult(
        problems=tuple(problems),
        slots=len(counted),
        sealed=len(counted) - len(missing),
        missing=missing,
        down=tuple(node.name for node in course.nodes if node.is_down),
    )


def _list_counted_slots(params: ChainParams, course: Course) -> Iterator[SlotKey]:
    """Whole slots with a juror from ``started`` to ``ended``, those of killed nodes left out."""
    if course.started is None:
        return
    round_, sir = compute_round_slot(params, course.started)
    start = compute_slot_start(params, round_, sir)
    if start < course.started:
        start += params.slot_s
    while start + params.slot_s <= course.ended:
        round_, sir = compute_round_slot(params, start)
        if sir < params.slots and not _was_juror_down(params, course, round_, sir, start):
            yield round_, sir
        start += params.slot_s


def _was_juror_down(params: ChainParams, course: Course, round_: Round, sir: Slot, start: int) -> bool:
    jurors = course.jurors.get(round_, ())
    if sir >= len(jurors):
        return False
    return any(
        down.address == jurors[sir]
        and down.since < start + params.slot_s
        and (down.until is None or down.until > start)
        for down in course.downtimes
    )


def _find_faults(course: Course) -> Iterator[str]:
    yield from course.faults
    for node in course.nodes:
        if node.fault:
            yield f"{node.name}: {node.fault}"
        elif not node.is_down and not node.block_hash:
            yield f"{node.name}: does not answer"


def _find_split(nodes: Sequence[NodeEnd]) -> Iterator[str]:
    """One line with who is where, unless all that are up are on one block."""
    tips: dict[tuple[int, str], list[str]] = {}
    for node in nodes:
        if not node.is_down and node.block_hash:
            tips.setdefault((node.height, node.block_hash), []).append(f"{node.name} ({node.state})")
    if len(tips) > 1:
        ends = "; ".join(
            f"height {height} {block_hash[:12]}: {', '.join(names)}"
            for (height, block_hash), names in sorted(tips.items(), reverse=True)
        )
        yield f"{len(tips)} chains: {ends}"
    elif not tips:
        yield "no node answers"


def _describe_missing(course: Course, counted: Sequence[SlotKey], missing: Sequence[SlotKey]) -> str:
    names = {node.address: node.name for node in course.nodes}
    shown = []
    for round_, sir in missing[:MAX_MISSING_SHOWN]:
        jurors = course.jurors.get(round_, ())
        juror = jurors[sir] if sir < len(jurors) else "juror unknown"
        shown.append(f"{round_}/{sir} ({names.get(juror, juror)})")
    more = "" if len(missing) <= MAX_MISSING_SHOWN else f" and {len(missing) - MAX_MISSING_SHOWN} more"
    return (
        f"a block in {len(counted) - len(missing)} of {len(counted)} slots, fewer than {MIN_SHARE:.0%};"
        f" none in {', '.join(shown)}{more}"
    )
