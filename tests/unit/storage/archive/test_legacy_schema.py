"""Rows of the legacy software's tables: there and back, and what no chain has is refused in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.storage.archive.legacy_schema import (
    MAX_NUMBER,
    block_from_row,
    block_to_row,
    message_from_row,
    message_to_row,
    read_number,
)
from hypernode.storage.interface import StorageError
from tests.unit.storage.chains import GENESIS, block, message

MESSAGE = replace(message(1, params="TEST:1"), block_height=1, received=5)
BLOCK = replace(block(GENESIS, 1, 0, messages=[MESSAGE]), received_by="10.0.0.1")


def test_a_block_and_a_message_come_back() -> None:
    assert block_from_row(tuple(block_to_row(BLOCK)), tuple(BLOCK.messages)) == BLOCK
    assert message_from_row(tuple(message_to_row(MESSAGE))) == (MESSAGE, None)


@pytest.mark.parametrize("number", [123, 0.5, -1, 1e300])
def test_params_that_became_a_number_are_told_beside_the_message(number: float) -> None:
    row = list(message_to_row(MESSAGE))
    row[6] = number
    read, found = message_from_row(tuple(row))
    assert (read.params, found) == (str(number), number)


@pytest.mark.parametrize("number", [0, MAX_NUMBER])
def test_a_number_of_the_wire_is_read(number: int) -> None:
    assert read_number(number, "here") == number


@pytest.mark.parametrize("value", [-1, MAX_NUMBER + 1, 1.0, "1", None, b"1"])
def test_what_is_no_number_of_the_wire_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(StorageError, match="here: expected a number"):
        read_number(value, "here")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, "text", "expected bytes, found str"),
        (0, b"x" * 1_001, "of 1001 bytes is none"),
        (3, "x" * 1_001, "an address of 1001 characters"),
        (3, b"\xff", "expected text, found bytes"),
        (3, 7, "expected text, found int"),
        (5, "202", "expected a number, found str"),
    ],
)
def test_a_message_of_other_values_is_refused_with_its_block(place: int, value: object, words: str) -> None:
    row = list(message_to_row(MESSAGE))
    row[place] = value  # type: ignore[call-overload]
    with pytest.raises(StorageError, match=f"^a message of block 1: .*{words}"):
        message_from_row(tuple(row))


def test_text_that_was_bound_as_bytes_and_a_missing_time_are_read() -> None:
    row = list(message_to_row(MESSAGE))
    row[3], row[9] = MESSAGE.sender.encode(), None
    assert message_from_row(tuple(row))[0] == replace(MESSAGE, received=0)


def test_a_block_of_other_values_is_refused_by_its_height() -> None:
    row = list(block_to_row(BLOCK))
    row[8] = None
    with pytest.raises(StorageError, match="block 1: expected bytes, found NoneType"):
        block_from_row(tuple(row), ())
