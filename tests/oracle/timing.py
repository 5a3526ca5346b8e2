"""Spec 3 (time) and spec 5 (height at a time): round and slot of a time, and what the list goes by."""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle.parameters import Parameters


def measure_round(p: Parameters) -> int:
    """Seconds of a round."""
    return p.slot_s * (p.slots + p.closing_slots)


def begin_round(p: Parameters, round_: int) -> int:
    return p.origin + round_ * measure_round(p)


def begin_slot(p: Parameters, round_: int, sir: int) -> int:
    return begin_round(p, round_) + sir * p.slot_s


def place(p: Parameters, t: float) -> tuple[int, int]:
    """Round and slot of a time; a slot of ``p.slots`` or more is a closing one."""
    # by the definition of a floor, from a first guess that may be one off
    round_ = int((t - p.origin) / measure_round(p))
    while begin_round(p, round_) > t:
        round_ -= 1
    while begin_round(p, round_ + 1) <= t:
        round_ += 1
    sir = 0
    while begin_slot(p, round_, sir + 1) <= t:
        sir += 1
    return round_, sir


def refer(p: Parameters, round_: int) -> int:
    """The time that the PoW list of a round is of."""
    start = begin_round(p, round_)
    return start - measure_round(p) if p.reference == "round" else 3_600 * ((start - 2_400) // 3_600)


def find_pow_height(blocks: Sequence[tuple[int, float]], t: float, *, behind: int = 20) -> int | None:
    """Height at a time: the highest of (height, timestamp) with timestamp <= t.  None where there is none,
    and while the ledger does not go more than ``behind`` blocks beyond it."""
    before = [height for height, timestamp in blocks if timestamp <= t]
    if not before or max(height for height, _ in blocks) - max(before) <= behind:
        return None
    return max(before)
