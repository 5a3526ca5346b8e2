"""Whom to hold it against that a branch did not come as it was told: one rule for every download.

* Who gives an answer that breaks a rule of the network or a promise *lied*; who closes, or says nothing,
  *failed*.  Both are reported; who lied is asked last for a while.
* Nothing is held against a holder that nobody vouches for: it may only have the IP of the one it is named by.
* Nobody is blamed where a branch may not replace ours, is held by too few, or is no better by our own count,
  and none for what our companion cannot say.
* A block that breaks a rule is its giver's lie.  One that merely does not follow the one before, which came
  from somebody else, is the lie of the one of the two that most other holders do not agree with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hypernode.core.errors import Reject
from hypernode.machine.peers import PeerView
from hypernode.machine.sync_memory import BAN_S


class Conduct(Enum):
    """What a holder did that did not give us what it told."""

    LIED = "lied"
    FAILED = "failed"


def judge_failure(failure: Exception) -> Conduct:
    """What the failure of a question says about the peer that was asked."""
    return Conduct.LIED if isinstance(failure, Reject) else Conduct.FAILED


def is_held_against(holder: PeerView) -> bool:
    """Whether a peer may be blamed for what came from its IP: its key or its endpoint vouches for it."""
    return holder.is_vouched


def compute_pause_s(conducts: Iterable[Conduct], retry_s: float) -> float:
    """For how many seconds a tip is ignored that none of its holders gave: for long where all of them lied;
    one that lied among others that cannot be reached now must not cost us the branch."""
    seen = list(conducts)
    return BAN_S if seen and all(conduct is Conduct.LIED for conduct in seen) else retry_s


@dataclass(frozen=True, slots=True)
class BadBlock:
    """A block of a download that breaks a rule.

    ``votes``: how many more holders have the block below it, as we have it, than deny it; at least one where
    nothing else can be at fault.  ``is_below_given``: some holder gave the block below, which else is ours.
    ``may_part_lower``: it is the first one, and another holder told a lower common block."""

    votes: int
    is_below_given: bool
    may_part_lower: bool


class Culprit(Enum):
    """Who is at fault for a bad block."""

    GIVER = "who gave it"
    GIVER_OF_BELOW = "who gave the block below it, which is ours by now: the download ends"
    COMMON_BLOCK = "what was taken for the last common block is none: the download ends"
    UNKNOWN = "as many say this as that: its giver is asked for no more, and not blamed"


def find_culprit(bad: BadBlock) -> Culprit:
    """Who is at fault, by the votes of the other holders."""
    if bad.votes > 0:
        return Culprit.GIVER
    if bad.votes < 0 and bad.is_below_given:
        return Culprit.GIVER_OF_BELOW
    if bad.votes < 0 or (not bad.is_below_given and bad.may_part_lower):
        return Culprit.COMMON_BLOCK
    return Culprit.UNKNOWN
