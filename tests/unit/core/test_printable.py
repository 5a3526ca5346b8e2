"""Text of strangers: nothing of it reaches a terminal as it came, and not too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.printable import PRINTED_CHARS, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b~", "a b~"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r", "a\\nb\\r"),
        ("\\n", "\\\\n"),
        ("\x7f\x80", "\\x7f\\x80"),
        ("\u202e\U0001f600", "\\u202e\\U0001f600"),
        (b"\x00\xffok", "\\x00\\xffok"),
    ],
)
def test_all_but_visible_ascii_is_escaped(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_it_is_cut_right_over_its_limit() -> None:
    assert printable("x" * PRINTED_CHARS) == "x" * PRINTED_CHARS
    assert printable("x" * (PRINTED_CHARS + 1)) == "x" * PRINTED_CHARS + f"… ({PRINTED_CHARS + 1} in all)"
    assert printable("abc", 2) == "ab… (3 in all)"


@given(st.text(max_size=50) | st.binary(max_size=50))
def test_nothing_else_is_ever_shown_and_no_two_texts_look_alike(text: str | bytes) -> None:
    shown = printable(text)
    assert all(" " <= char < "\x7f" for char in shown)
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    assert printable(plain) == shown
    if "\\" not in plain and plain.isascii() and plain.isprintable():
        assert shown == plain
