"""Spec 4 (which chain is better): what peers say of chains, and when a branch may take the place of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.oracle.parameters import Parameters

ORDER = ("forgers", "uniques", "round", "height", "forgers_round", "uniques_round", "block_hash")
PROMISED = ("height", "round", "sir", "block_hash", "uniques_round", "forgers_round")
SAME = ("height", "round", "sir", "block_hash")


def is_first_better(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Larger is better, key by key; the same hash is the same chain."""
    if a["block_hash"] == b["block_hash"]:
        return False
    for key in ORDER:
        if a[key] != b[key]:
            return bool(a[key] > b[key])
    return False


def is_promise_kept(told: dict[str, Any], measured: dict[str, Any]) -> bool:
    """Whether a branch came out as its peer told; uniques and forgers may be stale on legacy nodes."""
    return all(told[key] == measured[key] for key in PROMISED)


def is_same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two nodes are at one block, as far as consensus goes (spec 6)."""
    return all(a[key] == b[key] for key in SAME)


def is_majority(behind: int, in_sight: int) -> bool:
    """Of the registered that we are connected to: more than half."""
    return 2 * behind > in_sight


def find_replaced(ours: Sequence[Any], theirs: Sequence[Any]) -> list[Any]:
    """Blocks of our chain that the other has not."""
    kept = {b.block_hash for b in theirs}
    return [b for b in ours if b.block_hash not in kept]


def is_too_old(p: Parameters, round_: int, now: int) -> bool:
    """A block of that round is never replaced by itself in round ``now``: the other chain is a SPLIT."""
    return now - round_ > p.keep_rounds


def may_replace(
    p: Parameters, replaced: Sequence[int], now: int, *, is_better: bool, most_hold: bool
) -> bool:
    """Whether blocks of ours, of the rounds ``replaced``, may go for another branch in round ``now`` without
    an operator; a branch that only adds to ours replaces none.  ``is_better`` by our own measures of both."""
    if not is_better or any(is_too_old(p, round_, now) for round_ in replaced):
        return False
    return most_hold or all(round_ == now for round_ in replaced)
