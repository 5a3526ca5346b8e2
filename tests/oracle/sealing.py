"""Spec 6 (forging): which messages a juror takes, what it seals, and who fills a slot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tests.oracle.encoding import encode_block
from tests.oracle.parameters import Parameters


def is_enough(p: Parameters, messages: Sequence[Any]) -> bool:
    """At least 4 messages from 3 senders."""
    return len(messages) >= p.min_messages and len({m.sender for m in messages}) >= p.min_forge_sources


def is_fitting(p: Parameters, m: Any, timestamp: int) -> bool:
    """Rule 9 for one message of a block of that time."""
    return bool(timestamp - p.age_s - p.slot_s <= m.timestamp <= timestamp + p.future_s)


def faults_of_selection(p: Parameters, pool: Sequence[Any], taken: Sequence[Any], timestamp: int) -> set[str]:
    """At most MAX_TXS_PER_BLOCK, as many as there are, spread over senders, of each the newest.  For pools
    that rule 14 leaves whole."""
    fitting = [m for m in pool if is_fitting(p, m, timestamp)]
    faults = set()
    ids = [m.txid for m in taken]
    if len(set(ids)) < len(ids) or not set(ids) <= {m.txid for m in fitting}:
        faults.add("not of the pool")
    if len(taken) != min(len(fitting), p.max_sealed):
        faults.add("number")
    if [m.timestamp for m in taken] != sorted(m.timestamp for m in taken):
        faults.add("order")
    left = [m for m in fitting if m.txid not in set(ids)]
    for sender, count in Counter(m.sender for m in left).items():
        mine = [m.timestamp for m in taken if m.sender == sender]
        # somebody with messages left has no fewer in the block than anybody, but for the last turn
        if any(other > len(mine) + 1 for other in Counter(m.sender for m in taken).values()):
            faults.add("spread")
        newest_left = max(m.timestamp for m in left if m.sender == sender)
        if count and mine and min(mine) < newest_left:
            faults.add("newest")
    return faults


def faults_of_seal(p: Parameters, b: Any) -> set[str]:
    """What binds what we forge, besides the rules of blocks."""
    faults = set()
    if not is_enough(p, b.messages):
        faults.add("too few")
    if len(b.messages) > p.max_sealed:
        faults.add("too many")
    if len(encode_block(b)) > p.max_bytes:
        faults.add("too large")
    return faults


def count_fillers(elapsed: Fraction, counted: int, needed: int) -> int:
    """How many send again at a part of the slot (decision 0024): from a quarter on twice as many as a block
    needs, after each further eighth twice as many as before, from three quarters on everybody."""
    if elapsed < Fraction(1, 4):
        return 0
    if elapsed >= Fraction(3, 4):
        return counted
    eighths = int((elapsed - Fraction(1, 4)) / Fraction(1, 8))
    return min(counted, 2 * needed * (1 << eighths))
