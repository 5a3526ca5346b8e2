"""Which chain is better, and when a better one may replace ours (spec 4)."""

from __future__ import annotations

from typing import TypeAlias

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import ChainHeight, Round

_Order: TypeAlias = tuple[int, int, int, int, int, int, bytes]


def is_better(a: ChainHeight, b: ChainHeight) -> bool:
    """Whether chain ``a`` is better than ``b``.  Equal block hashes: the same chain, none is better."""
    return a.block_hash != b.block_hash and _order(a) > _order(b)


def is_same_height(a: ChainHeight, b: ChainHeight) -> bool:
    """Whether both end with the same block: what consensus counts (spec 6)."""
    return get_position(a) == get_position(b)


def is_promise_kept(reported: ChainHeight, measured: ChainHeight) -> bool:
    """Whether a branch came out as its peer reported it.  ``uniques`` and ``forgers`` do not count: they may
    be stale on legacy nodes."""
    return is_same_height(reported, measured) and (reported.uniques_round, reported.forgers_round) == (
        measured.uniques_round,
        measured.forgers_round,
    )


def heights_match(a: ChainHeight, b: ChainHeight) -> bool:
    """The third comparison of the vectors, legacy's name for a kept promise."""
    return is_promise_kept(a, b)


def find_replacement_violation(
    params: ChainParams, oldest_round: Round, present_round: Round, behind: int, connected: int
) -> Violation | None:
    """Why blocks from ``oldest_round`` on may not be replaced by a better branch; None when they may.

    ``connected`` peers that count are in sight, ``behind`` of them hold the other branch.  A block of the
    present round gives way to any better branch; one of a past round only to what most of them hold; one
    older than ``keep_rounds`` rounds never by itself, only by an operator's command."""
    age = present_round - oldest_round
    if age > params.keep_rounds:
        return Violation(Rule.DEPTH, f"a block of {age} rounds ago is only replaced by an operator's command")
    if age > 0 and 2 * behind <= connected:
        return Violation(
            Rule.DEPTH,
            f"only {behind} of {connected} peers that count are behind a branch that replaces a past round",
        )
    return None


def _order(height: ChainHeight) -> _Order:
    return (
        height.forgers,
        height.uniques,
        height.round,
        height.height,
        height.forgers_round,
        height.uniques_round,
        height.block_hash,
    )


def get_position(height: ChainHeight) -> tuple[int, int, int, bytes]:
    """What tells one tip from another, whatever measures are reported with it."""
    return height.height, height.round, height.sir, height.block_hash
