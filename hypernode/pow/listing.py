"""The list of a round from the registry at its reference height and balances there (spec 3, who counts)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

from hypernode.core.counting import LEAST_WEIGHT, apply_collateral, is_collateral_kept
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import Colours
from hypernode.core.registrations.registry import RegistryState, compute_weight, list_voided
from hypernode.core.types import PowHeight, Registration, Round
from hypernode.ports.registrations import RegisteredList

RECENT_ROUNDS: Final = 4
"""Who counts is asked of the present round and the one before: the reference is up to three rounds back."""

FindBalances: TypeAlias = Callable[[Collection[str], PowHeight], Mapping[str, int]]
"""Balances (1e-8 BIS) of collaterals at a height; exact where one has received and sent until then."""


def is_recent(params: ChainParams, height: PowHeight, highest: PowHeight) -> bool:
    """Whether a reference height is of a round that a node may live in; nobody asks who counted in others."""
    blocks = RECENT_ROUNDS * params.round_s / params.pow_block_s
    return highest - height <= blocks + params.pow_confirmations


def make_list(
    params: ChainParams,
    round_: Round,
    height: PowHeight,
    state: RegistryState,
    colours: Colours,
    *,
    find_balances: FindBalances,
    is_recent: bool,
) -> RegisteredList:
    """registered(R) with its weights at the reference height; those are left out for a round of long ago, but
    where collaterals must stay."""
    entries, voided = state.entries, list_voided(state)
    is_kept = is_collateral_kept(params, round_)
    if not is_kept and not is_recent:
        return RegisteredList(round_, height, entries, voided, colours)
    weights = compute_weights(params, entries, height, find_balances)
    if is_kept:
        entries, weights = apply_collateral(entries, weights)
        listed = {entry.pos for entry in entries}
        voided = tuple(pos for pos in voided if pos in listed)
    return RegisteredList(round_, height, entries, voided, colours, weights)


def compute_weights(
    params: ChainParams, entries: Sequence[Registration], height: PowHeight, find_balances: FindBalances
) -> tuple[int, ...]:
    """What the balance of each entry gives at a height.  Balances are asked for only where they can matter:
    who registered with nothing does not count whatever it has now, and keeps that weight."""
    balances = find_balances({e.collateral for e in entries if e.weight >= LEAST_WEIGHT}, height)
    return tuple(
        compute_weight(params, balances[entry.collateral]) if entry.collateral in balances else entry.weight
        for entry in entries
    )
