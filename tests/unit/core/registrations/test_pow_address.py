"""Addresses in a registration, as lenient as legacy software, and long ones in little time."""

from __future__ import annotations

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.hashing import h4
from hypernode.core.registrations.pow_address import _decode_base58, find_pos_violation, is_valid_pow_address
from hypernode.core.registrations.registration_text import (
    MAX_OPENFIELD_CHARS,
)


@pytest.mark.parametrize("length", range(28, 61))
def test_lengths_of_addresses_that_are_not_rsa(length: int) -> None:
    expected = 32 <= length <= 56 and length != 50
    assert is_valid_pow_address("Bis1" + "z" * (length - 4)) is expected


def test_one_line_feed_passes_and_counts_as_a_character() -> None:
    assert is_valid_pow_address("a" * 56 + "\n")
    assert not is_valid_pow_address("a" * 56 + "\n\n")
    assert not is_valid_pow_address("Bis1" + "z" * 45 + "\n")
    assert is_valid_pow_address("Bis1" + "z" * 46 + "\n")


DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@given(st.text(DIGITS, max_size=50), st.integers(1, 60), st.integers(0, 300))
def test_long_base58_is_what_the_library_says(text: str, times: int, zeros: int) -> None:
    long = "1" * zeros + text * times
    assert _decode_base58(long) == base58.b58decode(long)


@pytest.mark.parametrize("bad", [" ", "0", "l", "\n", "é"])
def test_long_base58_with_anything_else_in_it_is_none(bad: str) -> None:
    for at in (0, 100, 299):
        text = "z" * at + bad + "z" * (300 - at)
        with pytest.raises(ValueError, match="not base58"):
            _decode_base58(text)


def test_the_longest_address_is_decoded_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = b"\x19" + b"\x01" * 73_000
    text = base58.b58encode(payload[:200] + h4(payload[:200])).decode()
    assert find_pos_violation(text, 0x19) is None
    longest: list[int] = []

    def decode(digits: str) -> int:
        longest.append(len(digits))
        return 0

    monkeypatch.setattr(base58, "b58decode_int", decode)
    find_pos_violation("z" * MAX_OPENFIELD_CHARS, 0x19)
    assert max(longest) <= 128
