"""Time to round and slot, and back (spec 3, time).  Times are unix seconds."""

from __future__ import annotations

from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Round, Slot, Timestamp

_LEGACY_BACK_S: Final = 2_400
_LEGACY_ROUND_S: Final = 3_600


def compute_round_slot(params: ChainParams, t: float) -> tuple[Round, Slot]:
    """Round and slot in round of time ``t``; a slot of ``network.slots`` or above is a closing one.
    Before the origin of time rounds are negative."""
    since = t - params.origin_of_time
    round_ = int(since // params.round_s)
    return round_, int((since - round_ * params.round_s) // params.slot_s)


def compute_round_start(params: ChainParams, round_: Round) -> Timestamp:
    """When a round begins."""
    return params.origin_of_time + round_ * params.round_s


def compute_slot_start(params: ChainParams, round_: Round, sir: Slot) -> Timestamp:
    """When a slot begins."""
    return compute_round_start(params, round_) + sir * params.slot_s


def has_begun(params: ChainParams, round_: Round, sir: Slot, now: float) -> bool:
    """Whether a slot has begun, with the tolerance that a block may be ahead of the clock."""
    return compute_slot_start(params, round_, sir) <= now + params.future_allowed_s


def compute_reference_time(params: ChainParams, round_: Round) -> Timestamp:
    """The time up to which the PoW ledger counts for the round's list: one round before its start, or what
    legacy nodes compute, which on main is the same and on short rounds is not."""
    start = compute_round_start(params, round_)
    if params.reference == "legacy":
        return (start - _LEGACY_BACK_S) // _LEGACY_ROUND_S * _LEGACY_ROUND_S
    return start - params.round_s
