"""What the nodes of one network agree on (spec 3, parameters; spec 4): the numbers that the rules need."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Parameters:
    """The defaults are main's; times are seconds, sizes bytes."""

    origin: int
    address_byte: int
    control: str
    """Control address of the PoS chain."""
    mixed: bool = False
    # spec 3
    slot_s: int = 180
    slots: int = 19
    closing_slots: int = 1
    tests_per_slot: int = 8
    test_types: tuple[int, ...] = (0, 1, 2, 3, 4)
    min_active: int = 10
    max_connect_to: int = 40
    reference: str = "round"
    collateral_from_round: int | None = None
    # spec 4
    future_s: int = 5
    age_s: int = 3_600
    quota: int = 300
    min_messages: int = 4
    max_messages: int = 10_000
    min_sources: int = 2
    max_bytes: int = 3 * MIB
    giant_bytes: int = 32 * MIB - 64 * 1024
    mixed_bytes: int = 100 * MIB
    keep_rounds: int = 2
    lenient_below: int = 0
    exceptions: tuple[tuple[int, bytes], ...] = ()
    # spec 6
    min_forge_sources: int = 3
    max_sealed: int = 3_000
