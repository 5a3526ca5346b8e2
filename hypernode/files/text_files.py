"""Text that people wrote: byte order marks and line ends of any editor are accepted, and what is no text is
an error.

Editors of Windows put a byte order mark before UTF-8, or write UTF-16; old ones of the Mac end lines with CR.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class TwiceSaid(ValueError):
    """An object has one name twice, so nobody knows which value holds."""


def decode_text(raw: bytes) -> str:
    """UTF-8, or what its mark says.  Raises ValueError, which says what it is instead, and quotes nothing."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _decode(raw[len(mark) :], encoding)
    return _decode(raw, "utf-8")


def _decode(raw: bytes, encoding: str) -> str:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = len(split_lines(raw[: error.start].decode(encoding, "replace")))
        words = f"line {line} is no {encoding.upper()} text: save the file as UTF-8"
        raise ValueError(words) from None
    if "\0" in text:
        raise ValueError("it has NUL characters (UTF-16 without its mark, or no text): save it as UTF-8")
    return text


def split_lines(text: str) -> list[str]:
    """Lines that end with CR LF, LF or CR."""
    return _LINE_END.split(text)


def load_json(text: str) -> object:
    """As ``json.loads``; raises TwiceSaid for a name that an object has twice, ValueError, RecursionError."""
    return json.loads(text, object_pairs_hook=_require_once)


def _require_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TwiceSaid(f"{twice[:40]!a} is there twice: take one of them out")
    return found
