"""Values of a companion's ledger as Python has them; SQLite keeps any kind in any column."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from hypernode.core.registrations.registry import COIN
from hypernode.pow.ledger.sql import MAX_COINS

Row: TypeAlias = tuple[Any, ...]

MAX_TIME: Final = 2**40
"""Unix seconds: 35,000 years."""


def to_units(value: object) -> int:
    """1e-8 BIS of a NUMERIC column, which holds an INTEGER when the value is whole, else a REAL;
    anything else counts nothing, as in SQLite's sums, and neither does what nobody can have."""
    if not isinstance(value, int | float) or not -MAX_COINS <= value <= MAX_COINS:
        return 0
    return value * COIN if isinstance(value, int) else round(value * COIN)


def to_text(value: object) -> str:
    """Text of a TEXT column; NULL is empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def to_number(value: object) -> float:
    """A timestamp; what is no number, or beyond any time, is 0."""
    return value if isinstance(value, int | float) and abs(value) <= MAX_TIME else 0.0
