"""Text of a stranger made safe for a log or a terminal."""

from __future__ import annotations

from typing import Final

_FLOOR: Final = 0x20
_CEILING: Final = 0x7F
PRINTED_CHARS: Final = 200
"""Of a text that a peer sent: enough to recognise it, too little to fill a log."""


def printable(value: str | bytes, limit: int = PRINTED_CHARS) -> str:
    """Text of a stranger for a log or a terminal: visible ASCII and spaces as they are, everything else (and
    the backslash) escaped, cut after ``limit`` characters of the original."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    shown = "".join(_escape(char) for char in text[:limit])
    return f"{shown}… ({len(text)} in all)" if len(text) > limit else shown


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    return char if _FLOOR <= ord(char) < _CEILING else char.encode("unicode_escape").decode("ascii")
