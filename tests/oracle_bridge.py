"""From the program's values to the oracle's, for the tests that hold one against the other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Registration
from tests.oracle import keys
from tests.oracle.parameters import Parameters


def to_parameters(params: ChainParams) -> Parameters:
    """What the rules need of a network."""
    return Parameters(
        origin=params.origin_of_time,
        address_byte=params.address_byte,
        control=params.control_pos,
        mixed=params.mixed,
        slot_s=params.slot_s,
        slots=params.slots,
        closing_slots=params.closing_slots,
        tests_per_slot=params.default_tunables.tests_per_slot,
        test_types=params.test_kinds,
        min_active=params.min_active,
        max_connect_to=params.default_tunables.max_connect_to,
        reference=params.reference,
        collateral_from_round=params.collateral_from_round,
        future_s=params.future_allowed_s,
        age_s=params.message_age_s,
        quota=params.sender_quota,
        min_messages=params.min_block_messages,
        max_messages=params.max_block_messages,
        min_sources=params.min_block_sources,
        max_bytes=params.max_block_bytes,
        giant_bytes=params.giant_block_bytes,
        mixed_bytes=params.mixed_block_bytes,
        keep_rounds=params.keep_rounds,
        lenient_below=params.lenient_below,
        exceptions=params.exceptions,
        min_forge_sources=params.min_forge_sources,
        max_sealed=params.default_tunables.max_txs_per_block,
    )


def to_pairs(listed: Iterable[Registration]) -> list[tuple[str, int]]:
    """(PoS address, weight), in list order."""
    return [(entry.pos, entry.weight) for entry in listed]


# python-ecdsa is slow, and the same messages are drawn many times
SIGNATURES = keys.Signatures(lru_cache(8_192)(keys.is_signed), lru_cache(1_024)(keys.recover))
