"""What a running node knows of itself, judged (spec 10, 1): facts in, findings out.

The node gathers ``DutyFacts`` once a second.  Each function below judges one subject; ``judge`` has them all,
in the order in which an operator reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from hypernode.core.counting import Uncounted
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.types import Height, Round, Slot
from hypernode.health.files import DiskFacts, judge_disk
from hypernode.health.findings import Finding, error, note, ok, warning
from hypernode.health.host import ClockFacts, judge_clock
from hypernode.health.words import count, format_age

SILENT_SLOTS: Final = 3
"""Without a block of anybody: the network, or our sight of it, stands still (spec 10, 8)."""
LEAST_REPORTS: Final = 3
"""So many others say that a session with us failed: it is us."""
SLOW_LOOP_S: Final = 1.0
"""A loop that is late by this much is late with forging."""
LOW_SCORE_ROUNDS: Final = 3
MISSED_IN_A_ROW: Final = 2
MISSED_OF: Final = 4
"""Half of at least so many of ours within a day."""
_LOG: Final = "look into logs/pos_app.log"


class Listing(Enum):
    """Where our registration stands in the present round."""

    UNKNOWN = "not known: the lists are not derived"
    ABSENT = "not registered"
    LATER = "counts from a coming round on"
    LISTED = "registered"


class CompanionState(Enum):
    """How the companion stands to us."""

    IN_SYNC = "in sync"
    CATCHING_UP = "catching up"
    """Late, and its height grows."""
    LATE = "late"
    UNREADABLE = "cannot be read"
    ELSEWHERE = "on another chain"


@dataclass(frozen=True, slots=True)
class RegistrationState:
    """Our entry: ``from_round`` where it counts later; ``uncounted`` why it does not count now;
    ``is_silent``: the chain has no message of ours in the round before."""

    listing: Listing = Listing.UNKNOWN
    from_round: Round = 0
    weight: int = 0
    is_voided: bool = False
    is_silent: bool = False
    uncounted: Uncounted | None = None


@dataclass(frozen=True, slots=True)
class CompanionView:
    """``words``: what the source says is wrong; ``age_s``: of its last block."""

    state: CompanionState = CompanionState.IN_SYNC
    height: Height = 0
    age_s: float = 0.0
    words: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotCounts:
    """Final slots of ours in the last 24 hours; ``missed_in_a_row``: the newest that are over, also before
    they are final; ``last``: the newest without a block of ours, in words, empty where there was none."""

    won: int = 0
    forged: int = 0
    missed_in_a_row: int = 0
    last: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """Of the last whole rounds: in how many in a row our score was under half of the median."""

    ours: float = 0.0
    median: float = 0.0
    low_rounds: int = 0


@dataclass(frozen=True, slots=True)
class DutyFacts:
    """The node at one moment.  Times are unix s, spans s.

    ``consensus``: percent of who counts on our tip, ``needed``: more than that is asked for; ``target``: the
    height that is being caught up to, None where it is not; ``seconds_left`` of that; ``next_slot``: of ours,
    with seconds until it begins; ``storage``: what the disk refuses, in words; ``reports``: how many others
    said 101 of us in this round; ``own_double``: how often two blocks of one slot had our signature."""

    now: float
    slot_s: int
    round: Round
    started: float
    registration: RegistrationState = RegistrationState()
    companion: CompanionView = CompanionView()
    connected: int = 0
    needed_connections: int = 1
    silent: bool = False
    consensus: int | None = None
    needed: int = 0
    height: Height = 0
    tip_age_s: float = 0.0
    target: Height | None = None
    seconds_left: float | None = None
    forge_from_round: Round = 0
    next_round_s: float = 0.0
    round_s: int = 3_600
    next_slot: tuple[Slot, float] | None = None
    halted: str = ""
    split: str = ""
    storage: str = ""
    own_double: int = 0
    reports: int = 0
    slots: SlotCounts = SlotCounts()
    score: Score = Score()
    clock_offset_s: float | Unchecked = UNCHECKED
    loop_lag_s: float = 0.0
    disk: DiskFacts | None = None
    differing: int = 0
    heard: int = 0

    @property
    def uptime_s(self) -> float:
        return self.now - self.started


def judge(facts: DutyFacts) -> list[Finding]:
    """All findings of the running node; the first ones explain the later."""
    return [
        *_judge_halt(facts),
        *_judge_storage(facts),
        *_judge_key(facts),
        *_judge_split(facts),
        *_judge_registration(facts),
        *_judge_companion(facts),
        *_judge_connections(facts),
        *_judge_progress(facts),
        *_judge_consensus(facts),
        *_judge_tip(facts),
        *_judge_clock(facts),
        *_judge_slots(facts),
        *_judge_others(facts),
        *_judge_host(facts),
    ]


def _judge_halt(facts: DutyFacts) -> list[Finding]:
    if not facts.halted:
        return []
    return [error("halted", facts.halted, "Do what the reason says; then start it again")]


def _judge_storage(facts: DutyFacts) -> list[Finding]:
    if not facts.storage:
        return []
    return [error("disk-full", facts.storage, "Make room or mend the disk: the node goes on by itself then")]


def _judge_key(facts: DutyFacts) -> list[Finding]:
    if not facts.own_double:
        return []
    found = f"two blocks for one slot were signed with our key {count(facts.own_double, 'time')}"
    remedy = "The wallet is in use on another host: stop that one"
    return [error("key-elsewhere", found, remedy, facts.own_double)]


def _judge_split(facts: DutyFacts) -> list[Finding]:
    if not facts.split:
        return []
    remedy = (
        "Ask the others which chain they hold; python -m hypernode ledger follow HEIGHT HASH takes another"
    )
    return [error("split", facts.split, remedy)]


def _judge_registration(facts: DutyFacts) -> list[Finding]:
    entry = facts.registration
    match entry.listing:
        case Listing.UNKNOWN:
            return [note("round-not-derived", f"the lists of round {facts.round} are not derived yet")]
        case Listing.ABSENT:
            found = "no hypernode is registered with this wallet"
            return [error("not-registered", found, "python -m hypernode register prints what to send")]
        case Listing.LATER:
            found = f"registered: counts from round {entry.from_round} on, now is {facts.round}"
            return [note("registered-later", found, value=entry.from_round)]
    return [_judge_entry(entry)]


def _judge_entry(entry: RegistrationState) -> Finding:
    if entry.is_voided:
        remedy = "Ask those who keep the network what for (hn_reg_feed.py shows the reason)"
        return error("voided", "the control address has voided it: no slots, no tests, no forging", remedy)
    if entry.uncounted is not None:
        found = f"registered with weight {entry.weight}, and it does not count: {entry.uncounted.value}"
        return error("collateral-low", found, "Bring the collateral's balance back", entry.weight)
    if entry.is_silent:
        found = "inactive in this round: the chain has no message of it in the round before"
        remedy = "Keep the node running and connected: it is active again after a round"
        return warning("inactive", found, remedy)
    return ok("registration", f"registered, weight {entry.weight}, counted", entry.weight)


def _judge_companion(facts: DutyFacts) -> list[Finding]:
    companion = facts.companion
    age = format_age(companion.age_s)
    remedy = "Bring the Bismuth node in order: without it in sync nothing is forged"
    match companion.state:
        case CompanionState.IN_SYNC:
            found = f"companion in sync, block {companion.height}, {age} old"
            findings = [ok("companion", found, companion.age_s)]
        case CompanionState.CATCHING_UP:
            found = f"the companion catches up: block {companion.height}, {age} old"
            findings = [note("companion-catching-up", found, value=companion.age_s)]
        case CompanionState.ELSEWHERE:
            findings = [error("companion-elsewhere", companion.words, remedy)]
        case CompanionState.LATE:
            found = f"the companion stands still at block {companion.height}, {age} old ({companion.words})"
            findings = [error("companion-late", found, remedy, companion.age_s)]
        case CompanionState.UNREADABLE:
            found = f"the companion cannot be read: {companion.words}"
            findings = [error("companion-late", found, remedy)]
    return [*findings, *(note("companion-remark", remark) for remark in companion.remarks)]


def _judge_connections(facts: DutyFacts) -> list[Finding]:
    connected, needed = facts.connected, facts.needed_connections
    found = f"connected with {count(connected, 'hypernode')}, {needed} are needed"
    remedy = "Look at firewall, port and the host's line; hn_check.py looks at all of them"
    if connected < needed and facts.uptime_s < facts.slot_s:
        return [note("starting", f"started {format_age(facts.uptime_s)} ago; {found}", value=facts.uptime_s)]
    if not connected:
        return [warning("no-connections", "no connection to any hypernode", remedy, 0)]
    if connected < needed:
        return [warning("few-connections", found, remedy, connected)]
    if facts.silent:
        found = f"connected with {count(connected, 'hypernode')}, and all of them are silent"
        return [warning("peers-silent", found, "Look at this host's line and load", connected)]
    return [ok("state", f"connected with {count(connected, 'hypernode')}", connected)]


def _judge_progress(facts: DutyFacts) -> list[Finding]:
    """What it waits for by itself."""
    findings = []
    if facts.target is not None:
        left = "" if facts.seconds_left is None else f", {format_age(facts.seconds_left)} left"
        found = f"catching up: block {facts.height} of {facts.target}{left}"
        findings.append(note("catching-up", found, value=max(0, facts.target - facts.height)))
    if facts.forge_from_round > facts.round:
        found = (
            f"does not forge before round {facts.forge_from_round}, in {format_age(facts.next_round_s)}: it "
            "cannot know what it signed before"
        )
        findings.append(note("restart-rule", found, value=round(facts.next_round_s)))
    return findings


def _judge_consensus(facts: DutyFacts) -> list[Finding]:
    if facts.consensus is None or facts.target is not None or facts.connected < facts.needed_connections:
        return []
    found = f"{facts.consensus} % of those that count are seen on our tip"
    if facts.consensus > facts.needed:
        return [ok("consensus", found, facts.consensus)]
    remedy = "Wait for the next blocks; if it stays so, look at peers and firewall"
    found = f"{found}, over {facts.needed} are needed to forge"
    return [warning("no-consensus", found, remedy, facts.consensus)]


def _judge_tip(facts: DutyFacts) -> list[Finding]:
    found = f"last block {facts.height}, {format_age(facts.tip_age_s)} ago"
    # a node that has just started, or is alone, has not heard yet of the blocks that there are
    is_deaf = facts.uptime_s < facts.slot_s or not facts.connected or facts.target is not None
    if facts.tip_age_s < SILENT_SLOTS * facts.slot_s or is_deaf or facts.slot_s == 0:
        return [ok("tip", found, facts.tip_age_s)]
    found = f"no block of anybody for {format_age(facts.tip_age_s)}; the last is {facts.height}"
    return [warning("net-silent", found, f"Ask others whether theirs goes on; {_LOG}", facts.tip_age_s)]


def _judge_clock(facts: DutyFacts) -> list[Finding]:
    if facts.clock_offset_s is UNCHECKED:
        return []
    value = facts.clock_offset_s
    judged = judge_clock(ClockFacts(value, is_kept=True))
    return [replace(finding, value=value) for finding in judged[:1]]


def _judge_slots(facts: DutyFacts) -> list[Finding]:
    slots = facts.slots
    missed = slots.won - slots.forged
    if slots.missed_in_a_row >= MISSED_IN_A_ROW:
        found = f"our last {slots.missed_in_a_row} slots have no block of ours; the last: {slots.last}"
        remedy = "python -m hypernode duty shows the reasons"
        return [warning("slots-missed", found, remedy, slots.missed_in_a_row)]
    if slots.won >= MISSED_OF and 2 * missed >= slots.won:
        found = f"{missed} of {slots.won} slots of ours in 24 h have no block of ours; the last: {slots.last}"
        return [warning("slots-missed", found, "python -m hypernode duty shows the reasons", missed)]
    if slots.missed_in_a_row:
        found = f"our last slot has no block of ours: {slots.last}"
        return [warning("slot-missed", found, "python -m hypernode duty shows the reasons", 1)]
    if facts.next_slot is None:
        return [ok("slots", f"forged {slots.forged} of {slots.won} in 24 h; none to come in this round")]
    sir, seconds = facts.next_slot
    found = f"forged {slots.forged} of {slots.won} in 24 h; our next slot: {sir}, in {format_age(seconds)}"
    return [ok("slots", found, slots.forged)]


def _judge_others(facts: DutyFacts) -> list[Finding]:
    """What other hypernodes say, and do otherwise."""
    findings = []
    if facts.reports >= LEAST_REPORTS:
        found = f"{facts.reports} others said in this round that a session with us failed"
        findings.append(warning("reported", found, f"Look at port, load and line; {_LOG}", facts.reports))
    if facts.score.low_rounds >= LOW_SCORE_ROUNDS:
        found = f"score {facts.score.ours:.1f}, under half of the median {facts.score.median:.1f}"
        remedy = "python -m hypernode duty shows which tests fail"
        findings.append(warning("score-low", found, remedy, facts.score.ours))
    if facts.differing:
        found = f"{facts.differing} of {facts.heard} hypernodes run with other tunable parameters"
        is_us = 2 * facts.differing > facts.heard
        remedy = "Compare: hn_client.py --action getconfig, and what config.txt sets"
        made = warning("tunables-differ", found, remedy) if is_us else note("tunables-differ", found)
        findings.append(replace(made, value=facts.differing))
    return findings


def _judge_host(facts: DutyFacts) -> list[Finding]:
    findings = []
    if facts.disk is not None:
        findings += [replace(finding, value=facts.disk.free_bytes) for finding in judge_disk(facts.disk)]
    if facts.loop_lag_s > SLOW_LOOP_S:
        found = f"the node is {facts.loop_lag_s:.1f} s late with what it does"
        findings.append(warning("loop-slow", found, "Look at the load of this host", facts.loop_lag_s))
    return findings


def find_waiting_end(facts: DutyFacts) -> float | None:
    """Unix s by which a waiting node does its duty again; None where nobody can tell."""
    ends = []
    if facts.target is not None:
        if facts.seconds_left is None:
            return None
        ends.append(facts.now + facts.seconds_left)
    if facts.connected < facts.needed_connections and facts.uptime_s < facts.slot_s:
        ends.append(facts.started + facts.slot_s)
    if facts.forge_from_round > facts.round:
        ends.append(facts.now + facts.next_round_s)
    if facts.registration.listing is Listing.LATER:
        rounds = max(1, facts.registration.from_round - facts.round)
        ends.append(facts.now + facts.next_round_s + (rounds - 1) * facts.round_s)
    return max(ends, default=None)


def summarise(facts: DutyFacts) -> str:
    """One line on a node in which nothing is wrong."""
    entry = facts.registration
    words = f"registered, weight {entry.weight}, counted"
    if facts.next_slot is None:
        return f"{words}; no slot of ours to come in this round"
    sir, seconds = facts.next_slot
    return f"{words}; our next slot: {sir}, in {format_age(seconds)}"
