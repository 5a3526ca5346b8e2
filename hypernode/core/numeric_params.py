"""Params that a legacy database turned into a number (spec 4, storage): which text was signed?

``params STRING`` has numeric affinity in SQLite: ``0123`` comes back as 123, ``1e3`` as 1000.  The signature
says which of the texts that read as the number it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.message import encode_signed_buffer
from hypernode.core.signing import is_valid_signature
from hypernode.core.types import Message

_MAX_WIDTH: Final = 24
"""Digits that zeros in front pad a number to; wider ones lose digits in SQLite anyway."""
_MAX_DECIMALS: Final = 20
_FLOAT_DIGITS: Final = 17
_EXACT: Final = 2**53
"""Whole numbers below this are exact as floating point numbers."""
_SPACES: Final = ("", " ", "  ", "\t", "\n")
_EXPONENT_SIGNS: Final = ("e", "E", "e+", "E+")


def list_texts(value: int | float) -> Iterator[str]:
    """Texts that SQLite would turn into ``value``, likely ones first; each once."""
    seen: set[str] = set()
    for text in _list_all(value):
        if text not in seen:
            seen.add(text)
            yield text


def restore_params(message: Message, value: int | float, *, allow_long_ids: bool) -> str | None:
    """The params of ``message`` that its signature fits; None if no text that we try does."""
    for text in list_texts(value):
        try:
            buffer = encode_signed_buffer(replace(message, params=text))
        except Reject:
            return None
        if is_valid_signature(message.pubkey, message.txid, buffer, allow_long_ids=allow_long_ids):
            return text
    return None


def _list_all(value: int | float) -> Iterator[str]:
    bare = list(_list_unsigned(abs(value)))
    signs = ("-",) if value < 0 else ("", "+", "-") if value == 0 else ("", "+")
    for sign in signs:
        yield from (sign + text for text in bare)
    for before, after, sign in product(("", " "), ("", " "), signs):
        yield from (before + sign + text + after for text in bare)
    # other white space around what is written most plainly
    for before, after, sign in product(_SPACES, _SPACES, signs):
        yield from (before + sign + text + after for text in bare[:8])


def _list_unsigned(value: int | float) -> Iterator[str]:
    if isinstance(value, int):
        yield from _list_whole(value)
        return
    yield repr(value)
    if value.is_integer():
        yield from _list_whole(int(value))
    for text in (f"{value:.{n}f}" for n in range(1, _MAX_DECIMALS)):
        if float(text) == value:
            yield from (text, text[1:]) if value < 1 else (text,)
    for text in (f"{value:.{n}e}" for n in range(_FLOAT_DIGITS)):
        mantissa, _, exponent = text.partition("e")
        if float(text) == value:
            plain = f"{mantissa}e{int(exponent)}"
            yield from (text, text.upper(), plain, plain.upper())


def _list_whole(value: int) -> Iterator[str]:
    digits = str(value)
    yield digits
    yield from ("0" * zeros + digits for zeros in range(1, _MAX_WIDTH - len(digits) + 1))
    if value >= _EXACT:
        return  # with a point or an exponent it would have become another number
    yield from (f"{digits}.{'0' * zeros}" for zeros in range(_MAX_DECIMALS))
    for shift in range(min(len(digits), _MAX_WIDTH)):
        head, tail = digits[: len(digits) - shift], digits[len(digits) - shift :]
        mantissas = [f"{head}.{tail}".rstrip("0"), f"{head}.{tail}"]
        if not tail.strip("0"):
            mantissas = [head, f"{head}.", f"{head}.0"]
        for mantissa, sign in product(mantissas, _EXPONENT_SIGNS):
            yield from (f"{mantissa}{sign}{shift}", f"{mantissa}{sign}{shift:02d}")
