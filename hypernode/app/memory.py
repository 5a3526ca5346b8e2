"""What is freed goes back to the system (spec 2, budgets).

glibc takes large pieces from the system one by one and gives them back when they are freed, but only until
one was: then it takes those of that size from its heap, where what is small and stays keeps what is large and
went.  One message of 30 MB, parsed and gone, would leave a node four times as large for good.
"""

from __future__ import annotations

import ctypes
from typing import Final

MMAP_BYTES: Final = 1024 * 1024
"""A piece of more is always one of its own."""
ARENAS: Final = 2
"""Heaps for all threads: each keeps what is left over in it, and ours wait for each other anyway."""
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def hold_little() -> bool:
    """To be called before any thread runs.  False where the C library has no such switch."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES) and mallopt(_M_ARENA_MAX, ARENAS))
