"""Faults as data: what happens to which hosts, when, and for how long.

A plan follows from its seed, the number of hosts, the hours and the kinds alone.  It comes in episodes: some
faults that overlap, and then a calm of ``CALM_SLOTS`` in which the network has to come together again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from hypernode.core.lottery import Draws

CALM_SLOTS: Final = 6
"""After each episode, and at the end: agreeing takes up to three, the rest shows that work goes on."""
FIRST_SLOTS: Final = 2
"""Before the first episode."""
MIN_EPISODE_SLOTS: Final = 3
MAX_EPISODE_SLOTS: Final = 12
MAX_FAULTS: Final = 3
"""That overlap."""
MIN_LONG_SLOTS: Final = 30
MAX_LONG_SLOTS: Final = 80
"""A long partition lasts for one round and a half to four, and then some slots until the operator comes."""
CLONE_SLOTS: Final = 30
"""So long a clone lasts where there is room: with a new journal it forges from the next round on only."""
OPERATOR_SLOTS: Final = 5
LONG_ONE_IN: Final = 8
"""So rare are long partitions among the episodes, where there is room for one."""
SWARM_KINDS: Final = (3, 6)
"""Least and most kinds of a swarm."""
SWARM_FAULTS: Final = (3, 6)
"""Least and most faults of its episodes, which are short: they overlap."""
MAX_SWARM_SLOTS: Final = 6
"""Of an episode of a swarm."""
_FINE: Final = 1 << 16


class FaultKind(Enum):
    """What can befall hosts.  The value is the name on the command line."""

    CRASH = "crash"
    """The process ends; peers see resets.  It comes back with what was durable."""
    SILENT_CRASH = "silent_crash"
    """The power goes: nobody is told."""
    CRASH_IN_WRITE = "crash_in_write"
    """The process ends right before or after one of its next writes to ledger or journal."""
    CRASH_AT_AWAIT = "crash_at_await"
    """The process ends between any two of its steps."""
    POWER_CUT = "power_cut"
    """The power goes at a write, and what was not synced goes with it."""
    PAUSE = "pause"
    """The machine stands still, with its timers and its network, and goes on afterwards."""
    FREEZE = "freeze"
    """The process is stopped, while its kernel takes connections and bytes."""
    CLOCK = "clock"
    """The wall clock is some seconds wrong, and set right again."""
    CLOCK_JUMP = "clock_jump"
    """The wall clock is minutes or hours wrong, and set right again."""
    PARTITION = "partition"
    """``subjects`` are one side."""
    LONG_PARTITION = "long_partition"
    """The same for more than a round; some slots after it an operator comes.  Alone in its episode."""
    ONE_WAY = "one_way"
    """``subjects`` send, and nothing arrives."""
    SLOW = "slow"
    """Links of ``subjects`` take seconds longer."""
    SPIKES = "spikes"
    """Links of ``subjects`` have a heavy tail: now and then something takes many seconds."""
    LOSSY = "lossy"
    """Links of ``subjects`` lose, double and reorder packets."""
    NARROW = "narrow"
    """Links of ``subjects`` carry some KB a second."""
    RESETS = "resets"
    """Streams of ``subjects`` break."""
    HALF_OPEN = "half_open"
    """Streams of ``subjects`` carry nothing any more, and nobody is told."""
    DISK_FULL = "disk_full"
    OLD_LEDGER = "old_ledger"
    """The ledger of the fault's start is put back at its end, journal and wallet are not."""
    OLD_BACKUP = "old_backup"
    """Ledger and journal of the fault's start are put back at its end."""
    CLONE = "clone"
    """The same wallet runs on another host too, with a ledger and a journal of its own."""
    POW_LATE = "pow_late"
    POW_DOWN = "pow_down"
    POW_FORK = "pow_fork"
    """The companions' chain is replaced from some blocks back; registrations in them may go."""
    POW_LEAVE = "pow_leave"
    """Registrations end, and some rounds later the same hypernodes register again."""
    POW_VOID = "pow_void"
    """The control address voids hypernodes, and takes it back some rounds later."""
    LIE_HEIGHT = "lie_height"
    """Tells heights that do not exist."""
    BREAK_PROMISE = "break_promise"
    """Gives other blocks than those that it told."""
    WITHHOLD = "withhold"
    """Forges, tells its height, and gives no blocks."""
    EQUIVOCATE = "equivocate"
    """Signs two blocks for its slot, and pushes one, the other or both to each of the others."""
    GIANT = "giant"
    """Seals a giant message in its slot, and pushes the block to nobody.  By name only: it does something
    where most run legacy nodes, which take it, so that all others have to."""
    USURP = "usurp"
    """Pushes blocks for slots of others."""
    GARBAGE = "garbage"
    """Sends bytes that are no frames."""
    REPLAY = "replay"
    """Sends old blocks and messages again, and twins of messages."""
    FLOOD = "flood"
    """Opens streams and asks as fast as it can, and writes more messages than its quota."""
    POW_WORTHLESS = "pow_worthless"
    """Some registrations without collateral for each hypernode come, and leave rounds later."""
    POW_MOVE_ON = "pow_move_on"
    """The collateral of a hypernode goes from hand to hand, each of which registers, and comes back."""
    STRANGERS_STAY = "strangers_stay"
    """Hundreds of strangers want a place at ``subjects``, and hold it."""
    STRANGERS_ASK = "strangers_ask"
    """Strangers ask ``subjects`` dear questions all the time."""
    STRANGERS_UNREAD = "strangers_unread"
    """Strangers ask ``subjects`` for blocks, and read nothing."""
    PARTIAL_PARTITION = "partial_partition"
    """``subjects`` do not reach each other, while all others reach them."""
    CORRUPT = "corrupt"
    """Now and then a byte of what ``subjects`` send or are sent, in streams that stand, is another one."""
    CLOCK_DRIFT = "clock_drift"
    """The wall clocks of ``subjects`` go some percent too fast or too slow, and are set right in the end."""
    STRANGERS_CROWD = "strangers_crowd"
    """All that strangers do, at several nodes at once."""
    SLOW_DISK = "slow_disk"
    """Reads and writes of the database of ``subjects`` take up to seconds, and may be cancelled meanwhile."""
    POW_AT_REFERENCE = "pow_at_reference"
    """A hypernode leaves in the very block to which a round's list refers, and comes back in another such."""
    POW_CHURN = "pow_churn"
    """A third of the hypernodes does, all in one block."""
    POW_SPEND = "pow_spend"
    """The collateral of a hypernode is spent in such a block, and is back in another; it stays registered."""
    POW_WEIGHT = "pow_weight"
    """The collateral of a hypernode grows in such a block, in which it registers anew."""
    POW_DEEP_FORK = "pow_deep_fork"
    """A hypernode leaves in such a block, and later this block and some below it are replaced."""
    RESTART = "restart"
    """The process ends, and is back after seconds."""
    RESTART_STORM = "restart_storm"
    """The same again and again, as where an init system restarts what ends at once."""
    RESTART_IN_SIGNING = "restart_in_signing"
    """The process ends around the journal's next write, and is back after seconds, within the slot."""


LIARS: Final = frozenset(
    {
        FaultKind.LIE_HEIGHT,
        FaultKind.BREAK_PROMISE,
        FaultKind.WITHHOLD,
        FaultKind.EQUIVOCATE,
        FaultKind.GIANT,
        FaultKind.USURP,
        FaultKind.GARBAGE,
        FaultKind.REPLAY,
        FaultKind.FLOOD,
    }
)
STRANGERS: Final = frozenset(
    {
        FaultKind.STRANGERS_STAY,
        FaultKind.STRANGERS_ASK,
        FaultKind.STRANGERS_UNREAD,
        FaultKind.STRANGERS_CROWD,
    }
)
NO_EXCUSE: Final = STRANGERS | {FaultKind.POW_WORTHLESS}
"""Kinds that a network takes without noticing: it is judged as in calm."""
CUTS: Final = frozenset({FaultKind.PARTITION, FaultKind.ONE_WAY})
BEFALL_LEGACY: Final = (
    frozenset(FaultKind)
    - LIARS
    - STRANGERS
    - {FaultKind.CLONE, FaultKind.RESTART_IN_SIGNING, FaultKind.SLOW_DISK}
)
"""Kinds that may befall hosts with a legacy node.  A liar is a node of ours; what strangers do tries the
defences of ours; what a clone of a legacy node would do to others, which is to sign twice, a liar of ours
does; and a legacy node has neither a journal nor a database here."""
SINGLE: Final = frozenset(
    {
        FaultKind.CLOCK_JUMP,
        FaultKind.FLOOD,
        FaultKind.GIANT,
        FaultKind.CLONE,
        FaultKind.OLD_BACKUP,
        FaultKind.OLD_LEDGER,
        FaultKind.RESTART_IN_SIGNING,
        FaultKind.POW_FORK,
        FaultKind.POW_LEAVE,
        FaultKind.POW_VOID,
        FaultKind.POW_WORTHLESS,
        FaultKind.POW_MOVE_ON,
        FaultKind.POW_AT_REFERENCE,
        FaultKind.POW_SPEND,
        FaultKind.POW_WEIGHT,
        FaultKind.POW_DEEP_FORK,
        *(STRANGERS - {FaultKind.STRANGERS_CROWD}),
    }
)
"""Kinds that befall one host at a time."""
LENGTHENED: Final = frozenset({FaultKind.CLONE, FaultKind.POW_DEEP_FORK})
"""Kinds that last for ``CLONE_SLOTS`` where there is room."""
BY_NAME: Final = frozenset({FaultKind.GIANT})
LATER: Final = frozenset(
    {
        FaultKind.PARTIAL_PARTITION,
        FaultKind.CORRUPT,
        FaultKind.CLOCK_DRIFT,
        FaultKind.STRANGERS_CROWD,
        FaultKind.SLOW_DISK,
        FaultKind.POW_AT_REFERENCE,
        FaultKind.POW_CHURN,
        FaultKind.POW_SPEND,
        FaultKind.POW_WEIGHT,
        FaultKind.POW_DEEP_FORK,
        FaultKind.RESTART,
        FaultKind.RESTART_STORM,
        FaultKind.RESTART_IN_SIGNING,
    }
)
"""Kinds that ``all`` does not draw, so that its plans stay as they were for their seeds."""
EVERY: Final = tuple(kind for kind in FaultKind if kind not in BY_NAME)
"""What ``every`` means."""
ALL: Final = tuple(kind for kind in EVERY if kind not in LATER)
"""What ``all`` means."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``at`` is seconds after the start of the first whole round; ``amount`` from 0 to 1 says how bad it is,
    by the kind's own measure."""

    number: int
    at: float
    kind: FaultKind
    subjects: tuple[int, ...]
    duration_s: float
    amount: float

    @property
    def end(self) -> float:
        return self.at + self.duration_s

    def __str__(self) -> str:
        who = ",".join(map(str, self.subjects))
        return f"#{self.number} {self.kind.value} of {who} at {self.at:.0f} s for {self.duration_s:.0f} s"


def parse_kinds(text: str) -> tuple[FaultKind, ...]:
    """``all``, ``every``, ``none``, or names separated by commas.  Raises ValueError with what there is."""
    if text == "all":
        return ALL
    if text == "every":
        return EVERY
    if text == "none":
        return ()
    known = {kind.value: kind for kind in FaultKind}
    names = text.split(",")
    for name in names:
        if name not in known:
            raise ValueError(f"no fault {name!a}: all, every, none, or of {', '.join(known)}")
    return tuple(kind for kind in FaultKind if kind.value in names)


def draw_plan(
    seed: int,
    nodes: int,
    hours: float,
    kinds: Collection[FaultKind],
    slot_s: int = 180,
    *,
    is_swarm: bool = False,
) -> tuple[Fault, ...]:
    """The faults of a run, in order of their starts.  A swarm is of a few of the kinds, many at a time: those
    meet each other, and each the same paths of the program again and again."""
    chosen = [kind for kind in FaultKind if kind in kinds]
    draws = Draws(f"{'swarm' if is_swarm else 'faults'} {seed} {nodes}")
    if is_swarm:
        chosen = _draw_kinds(draws, chosen)
    end = hours * 3_600
    start = float(FIRST_SLOTS * slot_s)
    faults: list[Fault] = []
    ordinary = [kind for kind in chosen if kind is not FaultKind.LONG_PARTITION]
    most_slots = MAX_SWARM_SLOTS if is_swarm else MAX_EPISODE_SLOTS
    least, most = SWARM_FAULTS if is_swarm else (1, MAX_FAULTS)
    while chosen:
        if long := _draw_long(draws, chosen, nodes, start, end, slot_s):
            faults.append(long)
            start = long.end + CALM_SLOTS * slot_s
            continue
        if not ordinary:
            break
        length = slot_s * (MIN_EPISODE_SLOTS + draws.below(most_slots - MIN_EPISODE_SLOTS + 1))
        room = end - start - CALM_SLOTS * slot_s
        if room < MIN_EPISODE_SLOTS * slot_s:
            break
        length = min(length, int(room))
        count = least + draws.below(most - least + 1)
        episode = [_draw_fault(draws, ordinary, nodes, start, length) for _ in range(count)]
        last = end - CALM_SLOTS * slot_s
        episode = [_lengthen(fault, last, slot_s) for fault in episode]
        faults += sorted(episode, key=lambda fault: fault.at)
        start = max(start + length, *(fault.end for fault in episode)) + CALM_SLOTS * slot_s
    return tuple(
        Fault(number, f.at, f.kind, f.subjects, f.duration_s, f.amount) for number, f in enumerate(faults)
    )


def _draw_kinds(draws: Draws, kinds: Sequence[FaultKind]) -> list[FaultKind]:
    """Of a swarm.  A long partition, which is alone in its episode, meets nothing."""
    shuffled = [kind for kind in kinds if kind is not FaultKind.LONG_PARTITION]
    draws.shuffle(shuffled)
    least, most = SWARM_KINDS
    few = set(shuffled[: least + draws.below(most - least + 1)])
    return [kind for kind in kinds if kind in few]


def _lengthen(fault: Fault, last: float, slot_s: int) -> Fault:
    """What needs a round and more to show goes on after the rest of its episode, up to ``last``."""
    if fault.kind not in LENGTHENED:
        return fault
    return replace(fault, duration_s=max(fault.duration_s, min(CLONE_SLOTS * slot_s, last - fault.at)))


def _draw_long(
    draws: Draws, kinds: Collection[FaultKind], nodes: int, start: float, end: float, slot_s: int
) -> Fault | None:
    """A long partition in two halves now and then, and always where nothing else is drawn."""
    room = int((end - start) // slot_s) - CALM_SLOTS
    if FaultKind.LONG_PARTITION not in kinds or room < MIN_LONG_SLOTS + OPERATOR_SLOTS:
        return None
    if len(kinds) > 1 and draws.below(LONG_ONE_IN):
        return None
    most = min(MAX_LONG_SLOTS, room - OPERATOR_SLOTS)
    slots = MIN_LONG_SLOTS + draws.below(most - MIN_LONG_SLOTS + 1) + OPERATOR_SLOTS
    everybody = list(range(nodes))
    draws.shuffle(everybody)
    half = tuple(sorted(everybody[: nodes // 2]))
    return Fault(0, start, FaultKind.LONG_PARTITION, half, float(slots * slot_s), _draw_part(draws))


def _draw_fault(draws: Draws, kinds: Sequence[FaultKind], nodes: int, start: float, length: int) -> Fault:
    kind = draws.one_of(kinds)
    at = start + length * _draw_part(draws) / 2
    duration = (start + length - at) * (0.2 + 0.8 * _draw_part(draws))
    everybody = list(range(nodes))
    draws.shuffle(everybody)
    return Fault(
        0, at, kind, tuple(sorted(everybody[: _draw_count(draws, kind, nodes)])), duration, _draw_part(draws)
    )


def _draw_count(draws: Draws, kind: FaultKind, nodes: int) -> int:
    """How many hosts: of liars fewer than a fifth, of cuts up to half."""
    if kind in SINGLE:
        return 1
    if kind is FaultKind.PARTIAL_PARTITION:
        return 2 + draws.below(max(1, nodes // 2 - 1))
    if kind is FaultKind.POW_CHURN:
        return max(1, nodes // 3)
    most = nodes // 2 if kind in CUTS else nodes // 5
    return 1 + draws.below(max(1, most))


def _draw_part(draws: Draws) -> float:
    """From 0 to below 1."""
    return draws.below(_FINE) / _FINE
