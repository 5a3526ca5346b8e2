"""What ends a run: a broken invariant, and any other error in words."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import PurePath


class InvariantFailed(AssertionError):
    """``name`` of the invariant, what was seen, and the hosts that it is about."""

    def __init__(self, name: str, detail: str, hosts: Sequence[int] = ()) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail
        self.hosts = tuple(hosts)


def describe_error(error: BaseException) -> str:
    """What it is and where it was raised; of a group, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    where = (
        f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}, {frames[-1].name}" if frames else ""
    )
    return f"{type(error).__name__}: {error}{where}"
