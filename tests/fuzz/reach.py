"""Which lines an input reaches: to keep of a corpus only what reaches something that nothing shorter does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

Step = tuple[CodeType, int, int]
"""From a line to a line of a function."""


def minimise(run: Callable[[bytes], None], inputs: Iterable[bytes]) -> list[bytes]:
    """The inputs, shortest first, that take a step in our code which those before did not."""
    known: set[Step] = set()
    kept = []
    for item in sorted(set(inputs), key=lambda item: (len(item), item)):
        steps = trace(run, item)
        if not steps <= known:
            known |= steps
            kept.append(item)
    return kept


def trace(run: Callable[[bytes], None], item: bytes) -> set[Step]:
    """The steps that an input takes in ``hypernode``."""
    steps: set[Step] = set()
    last: dict[FrameType, int] = {}

    def on_line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            steps.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        return on_line

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        return on_line if "hypernode" in frame.f_globals.get("__name__", "") else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        run(item)
    finally:
        sys.settrace(before)
    return steps
