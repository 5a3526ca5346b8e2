"""Texts that a legacy database took for numbers come back by their signature."""

from __future__ import annotations

import sqlite3

import pytest

from hypernode.core.numeric_params import list_texts, restore_params
from hypernode.core.types import Message
from tests.unit.core.builders import MIXED, make_message


def make(params: str) -> Message:
    return make_message(MIXED, params=params)


def through_sqlite(text: str) -> object:
    """What a column of type STRING gives back."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t(params STRING)")
    connection.execute("INSERT INTO t VALUES(?)", (text,))
    [(value,)] = connection.execute("SELECT params FROM t").fetchall()
    connection.close()
    return value


TEXTS = (
    *("0", "1", "123", "0123", "00000000000000000123", "+5", "-5", "-0", "000", "+0123"),
    *(
        " 123",
        " 1e3",
        "123 ",
        " 123 ",
        "\t7",
        "7\n",
        "1.0",
        "1.",
        "1.000",
        "123.00",
        ".5",
        "0.5",
        "0.50",
        "-.5",
    ),
    *("1e3", "1E3", "1e+3", "1e03", "1.0e3", "1.5e3", "15e2", "1e-3", "1.5", "1.25000", "3.14159", "1e20"),
    *("9223372036854775807", "1600000000", "12345678901234567"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_restored_by_its_signature(text: str) -> None:
    value = through_sqlite(text)
    assert isinstance(value, int | float)
    assert restore_params(make(text), value, allow_long_ids=False) == text


@pytest.mark.parametrize("value", [0, 7, -7, 123, 1000, 1.5, -0.25, 1e20, 9223372036854775807])
def test_every_candidate_reads_as_the_number_and_there_are_not_too_many(value: float) -> None:
    texts = list(list_texts(value))
    assert len(texts) == len(set(texts)) < 3_500
    for text in texts:
        assert through_sqlite(text) == value, text


@pytest.mark.parametrize("text", ["12345678901234567890123", "1" + "0" * 40 + "7"])
def test_text_that_lost_digits_is_told_to_be_lost(text: str) -> None:
    value = through_sqlite(text)
    assert isinstance(value, float)
    assert restore_params(make(text), value, allow_long_ids=False) is None


def test_signature_of_something_else_restores_nothing() -> None:
    assert restore_params(make("abc"), 123, allow_long_ids=True) is None
