"""A fault is never nothing in the log."""

from __future__ import annotations

import pytest

from hypernode.node.base.error_text import describe_fault


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ValueError("  what it says\n"), "what it says"),
        (TimeoutError(), "no answer in time"),
        (TimeoutError("of the disk"), "of the disk"),
        (KeyError(), "KeyError"),
        (OSError(" "), "OSError"),
    ],
)
def test_what_it_says_or_what_it_is(fault: Exception, text: str) -> None:
    assert describe_fault(fault) == text
