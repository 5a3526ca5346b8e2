"""Numbers and spans of time in words, for findings."""

from __future__ import annotations


def format_age(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h``, ``4 days``: the largest unit of which there are two."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def count(number: int, what: str) -> str:
    """``1 chain``, ``2 chains``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
