"""Values out of a node's status, which another program sent: a field may be missing, or of another type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LARGEST: Final = 2**53
"""The largest whole number that every reader of JSON can hold; larger ones are not used."""


def get_value(value: object, *names: str) -> object:
    """What stands under ``names``, one inside the other; None where one of them is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def get_text(value: object, *names: str) -> str:
    """The text under ``names``; empty for anything else."""
    found = get_value(value, *names)
    return found if isinstance(found, str) else ""
