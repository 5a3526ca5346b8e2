"""A fault as text for the log, never an empty one."""

from __future__ import annotations


def describe_fault(fault: BaseException) -> str:
    """What it says; a time-out, which says nothing by itself, in words."""
    text = str(fault).strip()
    if text:
        return text
    return "no answer in time" if isinstance(fault, TimeoutError) else type(fault).__name__
