"""Gives freed memory back to the system (spec 2, budgets).

glibc takes large pieces from the system one by one and gives them back when they are freed, but only until
one was: then it takes those of that size from its heap, where what is small and stays keeps what is large and
went.  One message of 30 MB, parsed and gone, would leave a node four times as large for good.  What is
smaller, and free on the heaps after much traffic, is given back from time to time; and when much that was
held for others is let go, which no traffic shows: who reads nothing moves no byte when it leaves.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

MMAP_BYTES: Final = 1024 * 1024
"""A piece of more is always one of its own."""
ARENAS: Final = 2
"""Heaps for all threads: each keeps what is left over in it, and ours wait for each other anyway."""
LOOK_S: Final = 2.0
"""What is free goes back so soon."""
MUCH_BYTES: Final = 4 * 1024 * 1024
"""Traffic since the last time, or less held for others than then or since, that makes it worth some
milliseconds."""
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def hold_little() -> bool:
    """To be called before any thread runs.  False where the C library has no such switch."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES) and mallopt(_M_ARENA_MAX, ARENAS))


def find_trim() -> Callable[[], object] | None:
    """What gives free memory back, which takes some milliseconds; None where the C library has nothing of the
    kind."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return None if trim is None else partial(trim, 0)


class CountsMoved(Protocol):
    """Counts the bytes that went over all connections so far."""

    @property
    def bytes_moved(self) -> int: ...


class CountsHeld(Protocol):
    """Counts the bytes of questions and answers that are held now."""

    @property
    def bytes_held(self) -> int: ...


async def give_back_memory(trim: Callable[[], object], traffic: CountsMoved, holder: CountsHeld) -> None:
    """Until it is cancelled: after much traffic, or when much is held no more, and once again when it has
    become quiet.  In a thread, while the loop goes on."""
    seen, most, is_due = 0, 0, False
    while True:
        await asyncio.sleep(LOOK_S)
        moved, held = traffic.bytes_moved, holder.bytes_held
        most = max(most, held)
        is_much = moved - seen >= MUCH_BYTES or most - held >= MUCH_BYTES
        if is_much or is_due:
            await asyncio.to_thread(trim)
            seen, most = moved, held
        is_due = is_much
