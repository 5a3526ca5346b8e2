"""Whether the kernel's clock is kept in step, as the kernel itself says (``adjtimex``).

Every NTP service tells it, and asking needs no rights and nobody outside.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from hypernode.core.rules import UNCHECKED, Unchecked

_UNSYNCHRONISED: Final = 0x40
"""STA_UNSYNC of ``status``."""
_ROOM: Final = 1_024
"""More than the fields that follow ``status`` take on any system."""


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``; ``modes`` of 0 changes nothing."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * _ROOM),
    ]


def is_clock_kept() -> bool | Unchecked:
    """True or False as the kernel says; UNCHECKED where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return UNCHECKED
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return UNCHECKED
    return UNCHECKED if state < 0 else not timex.status & _UNSYNCHRONISED
