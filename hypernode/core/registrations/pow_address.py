"""Addresses in a registration: of the PoW chain (sender, reward) and of the PoS chain (``pos``).

Both checks are as lenient as legacy software, on purpose: the order of everything that a round is made
of depends on every node having the same list (spec 8).  The strict check of PoS addresses, for messages
and blocks, is ``core.address``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import base58

from hypernode.core.hashing import h4
from hypernode.core.rules import Rule, Violation

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_RSA: Final = re.compile(r"[0-9a-f]{56}\n?")
_OTHER: Final = re.compile(rf"Bis1{_BASE58}{{28,52}}\n?")
_GAP_CHARS: Final = 50
"""Between the lengths of secp256k1 and of Ed25519 addresses: this one length is neither's."""
_POS_BEGIN: Final = re.compile(r"[A-Za-z0-9]{34}")
_CHECKSUM_BYTES: Final = 4
_DIGITS_AT_ONCE: Final = 128
_ALL_BASE58: Final = re.compile(f"{_BASE58}*")


def is_valid_pow_address(address: str) -> bool:
    """Whether the text has the form of a Bismuth address (spec 5: 56 lower-case hex characters, or
    ``Bis1`` and base58, 32 to 49 or 51 to 56 characters).  No checksum is looked at, and one line feed
    at the end passes and counts as a character: as legacy."""
    if _RSA.fullmatch(address):
        return True
    return _OTHER.fullmatch(address) is not None and len(address) != _GAP_CHARS


def find_pos_violation(pos: str, address_byte: int) -> Violation | None:
    """Why ``pos`` cannot be registered, or None (spec 5, rule 3): it begins with 34 letters or
    digits, and without white space at its end it is base58 with a good checksum and the network's
    byte; the payload may have another length than 20 bytes."""
    if not _POS_BEGIN.match(pos):
        return Violation(Rule.R3, "the PoS address does not begin with 34 letters or digits")
    try:
        payload = _decode_checked(pos)
    except ValueError as error:
        return Violation(Rule.R3, str(error))
    if payload[:1] != bytes([address_byte]):
        return Violation(
            Rule.R3, f"the PoS address is of another network (byte {payload[:1].hex() or 'none'})"
        )
    return None


def has_pos_checksum(pos: str) -> bool:
    """Whether a text could be registered as a PoS address on some network."""
    try:
        return bool(_decode_checked(pos))
    except ValueError:
        return False


def _decode_checked(pos: str) -> bytes:
    """The payload.  Raises ValueError with the fault in words."""
    try:
        decoded = _decode_base58(pos.rstrip())
    except ValueError:
        raise ValueError("the PoS address is not base58") from None
    payload, checksum = decoded[:-_CHECKSUM_BYTES], decoded[-_CHECKSUM_BYTES:]
    if h4(payload) != checksum:
        raise ValueError("the checksum of the PoS address is wrong")
    return payload


def _decode_base58(text: str) -> bytes:
    """As the library does, which needs the square of the length: a second for the 100,000 characters that
    anybody can write into the PoW chain.  Raises ValueError."""
    if len(text) <= _DIGITS_AT_ONCE:
        return base58.b58decode(text)
    if not _ALL_BASE58.fullmatch(text):
        raise ValueError("not base58")
    digits = text.lstrip("1")
    number = _decode_digits(digits)
    return bytes(len(text) - len(digits)) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _decode_digits(digits: str) -> int:
    """Of base 58: neighbouring pieces put together two by two, until there is one number."""
    ends = range(len(digits), 0, -_DIGITS_AT_ONCE)
    numbers: list[int] = [base58.b58decode_int(digits[max(0, end - _DIGITS_AT_ONCE) : end]) for end in ends]
    doublings = 0
    while len(numbers) > 1:
        highs, shift = [*numbers[1::2], 0][: (len(numbers) + 1) // 2], _get_shift(doublings)
        numbers = [high * shift + low for low, high in zip(numbers[::2], highs, strict=True)]
        doublings += 1
    return numbers[0] if numbers else 0


@lru_cache(maxsize=16)
def _get_shift(doublings: int) -> int:
    """What digits are worth that come before so many pieces; the longest text has 782 of them."""
    return _get_shift(doublings - 1) ** 2 if doublings else int(58**_DIGITS_AT_ONCE)
