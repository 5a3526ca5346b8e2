"""Values out of a status that another program sent."""

from __future__ import annotations

import pytest

from hypernode.health.status_values import get_text, get_value

STATUS = {"peers": {"told": {"a": 1}, "state": "SYNCING"}, "height": 7}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), STATUS),
        (("height",), 7),
        (("peers", "told", "a"), 1),
        (("peers", "told", "b"), None),
        (("height", "a"), None),
        (("none", "a", "b"), None),
    ],
)
def test_a_value_is_found_by_its_names(names: tuple[str, ...], found: object) -> None:
    assert get_value(STATUS, *names) == found


@pytest.mark.parametrize(
    ("names", "text"), [(("peers", "state"), "SYNCING"), (("height",), ""), (("peers",), ""), (("none",), "")]
)
def test_only_a_text_is_a_text(names: tuple[str, ...], text: str) -> None:
    assert get_text(STATUS, *names) == text


@pytest.mark.parametrize("status", [None, 5, "height", ["height"]])
def test_what_is_no_object_has_no_values(status: object) -> None:
    assert get_value(status, "height") is None
    assert get_text(status, "height") == ""
