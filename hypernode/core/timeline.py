"""Time to round and slot, and back (spec 3, time).  Times are unix seconds."""

from __future__ import annotations

from typing import Final

from hypernode.core.chain_params import ChainParams
from hypernode.core.types import Round, Slot, Timestamp

_LEGACY_BACK_S: Final = 2_400
_LEGACY_ROUND_S: Final = 3_600


def compute_round_slot(network: ChainParams, t: float) -> tuple[Round, Slot]:
    """Round and slot in round of time ``t``; a slot of ``network.slots`` or above is a closing one.
    Before the origin of time rounds are negative."""
    since = t - network.origin_of_time
    round_ = int(since // network.round_s)
    return round_, int((since - round_ * network.round_s) // network.slot_s)


def compute_round_start(network: ChainParams, round_: Round) -> Timestamp:
    """When a round begins."""
    return network.origin_of_time + round_ * network.round_s


def compute_slot_start(network: ChainParams, round_: Round, sir: Slot) -> Timestamp:
    """When a slot begins."""
    return compute_round_start(network, round_) + sir * network.slot_s


def has_begun(network: ChainParams, round_: Round, sir: Slot, now: float) -> bool:
    """Whether a slot has begun, as far as a block may be ahead of the clock."""
    return compute_slot_start(network, round_, sir) <= now + network.future_allowed_s


def compute_reference_time(network: ChainParams, round_: Round) -> Timestamp:
    """The time up to which the PoW ledger counts for the round's list: one round before its start, or what
    legacy nodes compute, which on main is the same and on short rounds is not."""
    start = compute_round_start(network, round_)
    if network.reference == "legacy":
        return (start - _LEGACY_BACK_S) // _LEGACY_ROUND_S * _LEGACY_ROUND_S
    return start - network.round_s
