"""From the program's values to the oracle's, for the tests that hold one against the other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hypernode.core.chain_params import ChainParams
from hypernode.core.types import Registration
from tests.oracle import keys
from tests.oracle.parameters import Parameters


def to_parameters(network: ChainParams) -> Parameters:
    """What the rules need of a network."""
    return Parameters(
        origin=network.origin_of_time,
        address_byte=network.address_byte,
        control=network.control_pos,
        mixed=network.mixed,
        slot_s=network.slot_s,
        slots=network.slots,
        closing_slots=network.closing_slots,
        tests_per_slot=network.tests_per_slot,
        test_types=network.test_kinds,
        min_active=network.min_active,
        max_connect_to=network.max_connect_to,
        reference=network.reference,
        collateral_from_round=network.collateral_from_round,
        future_s=network.future_allowed_s,
        age_s=network.message_age_s,
        quota=network.sender_quota,
        min_messages=network.min_block_messages,
        max_messages=network.max_block_messages,
        min_sources=network.min_block_sources,
        max_bytes=network.max_block_bytes,
        giant_bytes=network.giant_block_bytes,
        mixed_bytes=network.mixed_block_bytes,
        keep_rounds=network.keep_rounds,
        lenient_below=network.lenient_below,
        exceptions=network.exceptions,
        min_forge_sources=network.min_forge_sources,
        max_sealed=network.max_txs_per_block,
    )


def to_pairs(listed: Iterable[Registration]) -> list[tuple[str, int]]:
    """(PoS address, weight), in list order."""
    return [(entry.pos, entry.weight) for entry in listed]


# python-ecdsa is slow, and the same messages are drawn many times
SIGNATURES = keys.Signatures(lru_cache(8_192)(keys.is_signed), lru_cache(1_024)(keys.recover))
