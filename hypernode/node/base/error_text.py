"""A fault as text for the log, never an empty one."""

from __future__ import annotations


def describe_fault(fault: BaseException) -> str:
    """The text of a fault; a time-out, which has none of its own, in words."""
    text = str(fault).strip()
    if text:
        return text
    return "no answer in time" if isinstance(fault, TimeoutError) else type(fault).__name__
