"""A ledger that somebody else wrote: computed tables are refused, and no row takes the list from the
others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.registrations.registration_text import MAX_OPENFIELD_CHARS, shorten_openfield
from hypernode.core.rules import Rule
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger import reader as ledger_reader
from hypernode.pow.ledger import rows as ledger_rows
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.index import LedgerIndex
from hypernode.pow.ledger.past_balances import read_past_balances
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.hostile_rows import (
    EXPECTED,
    HEIGHT,
    MIB,
    OWN,
    change,
    derive,
    insert,
    list_others,
    make_row,
    write_ledger,
)
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    pos,
    text_of,
    time_of,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_ledger(tmp_path)


ABSURD = [
    b"\xff\xfe",
    "x",
    "1e999",
    float("inf"),
    -float("inf"),
    2**63 - 1,
    -(2**63),
    2**62,
    None,
    1.5,
    -1,
    0,
]


@pytest.mark.parametrize("column", ["block_height", "timestamp", "amount", "fee", "reward"])
def test_no_number_of_one_row_takes_the_list_away(path: Path, column: str) -> None:
    # a reward of 1.5 is no absurd one: such a row is a block's
    values = [value for value in ABSURD if (column, value) != ("reward", 1.5)]
    insert(path, *(make_row(**{column: value}) for value in values))
    state = derive(path)
    assert list_others(state) == EXPECTED
    assert derive(path, verify=True).entries == ()  # nothing here is signed
    read_past_balances(LedgerFile(path), {OWN, FUNDER})


@pytest.mark.parametrize(
    "column", ["address", "recipient", "signature", "public_key", "block_hash", "operation", "openfield"]
)
@pytest.mark.parametrize(
    "value",
    [9 * MIB * "x", 9 * MIB * b"x", b"hypernode:register", "\0\x1b[2J", 7, None, "\n" * 10],
    ids=["text", "blob", "small", "control", "number", "null", "lines"],
)
def test_no_text_of_one_row_takes_the_list_away(path: Path, column: str, value: object) -> None:
    insert(path, make_row(**{column: value}))
    assert list_others(derive(path)) == EXPECTED
    read_past_balances(LedgerFile(path), {OWN, FUNDER})


@pytest.mark.parametrize("column", ["address", "recipient"])
def test_balances_of_a_ledger_with_indices_pass_over_what_cannot_be_read(path: Path, column: str) -> None:
    change(path, "CREATE INDEX a ON transactions(address)", "CREATE INDEX r ON transactions(recipient)")
    expected = read_past_balances(LedgerFile(path), {FUNDER}).get_total(FUNDER, FIRST + 60)
    other = {"address": "recipient", "recipient": "address"}[column]
    insert(path, make_row(**{column: 9 * MIB * "x", other: FUNDER}))
    assert read_past_balances(LedgerFile(path), {FUNDER}).get_total(FUNDER, FIRST + 60) == expected


def test_many_rows_that_are_too_large_are_no_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_reader, "MAX_UNREADABLE", 3)
    insert(path, *(make_row(address="x" * (9 * MIB)) for _ in range(3)))
    assert list_others(derive(path)) == EXPECTED
    insert(path, make_row(address="x" * (9 * MIB)))
    with pytest.raises(PowNotReady, match="more than 3 rows are too large"):
        LedgerRegistry(LedgerFile(path), NETWORK).derive_at(time_of(FIRST + 30))


@pytest.mark.parametrize("size", [MAX_OPENFIELD_CHARS + 1, 9 * MIB])
def test_an_openfield_longer_than_the_chain_allows_is_void_and_shown(path: Path, size: int) -> None:
    good = text_of(9) + ",reason="
    insert(path, make_row(openfield=good.ljust(size, "x")), make_row(block_height=HEIGHT + 1))
    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    events = registry.derive_feed(FIRST + 30)[1]
    found = [(result.ok, result.rule) for row, result in events if row.address == OWN]
    assert found == [(False, Rule.OPENFIELD), (True, None)]
    assert max(len(row.openfield) for row, _ in events) < 2_000


def test_a_long_openfield_is_looked_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def shorten(openfield: str, sender: str) -> tuple[str, str]:
        looked.append(sender)
        return shorten_openfield(openfield, sender)

    monkeypatch.setattr(ledger_rows, "shorten_openfield", shorten)
    insert(path, make_row(openfield=text_of(9) + ",reason=" + "x" * 5_000), make_row(openfield=text_of(9)))
    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    for _ in range(3):
        registry.get_status(0)
        registry.derive_feed(FIRST + 30)
    assert looked == [OWN]


def test_the_longest_openfield_of_the_chain_counts(path: Path) -> None:
    text = (text_of(9) + ",reason=").ljust(MAX_OPENFIELD_CHARS, "x")
    insert(path, make_row(openfield=text))
    assert [entry.pos for entry in derive(path).entries if entry.collateral == OWN] == [pos(9)]


@pytest.mark.parametrize("error", [OverflowError, ValueError, TypeError, KeyError, OSError, RecursionError])
def test_what_we_did_not_think_of_is_a_trouble_of_the_source(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise error("odd")

    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    registry.derive_at(time_of(FIRST + 30))
    monkeypatch.setattr(LedgerIndex, "refresh", fail)
    assert "cannot be made sense of" in registry.get_status(0).problem


@pytest.mark.parametrize("name", ["Hyperblock", "Hypoblock"])
def test_a_ledger_with_sums_in_place_of_rows_is_refused(path: Path, name: str) -> None:
    change(path, f"UPDATE transactions SET address = '{name}' WHERE rowid = 30")
    with pytest.raises(PowNotReady, match=r"a pruned ledger .* set full_ledger=True"):
        LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions(10)).derive_at(time_of(FIRST + 30))


def test_a_recipient_of_that_name_is_anybodys_joke(path: Path) -> None:
    insert(path, make_row(recipient="Hyperblock", operation=""))
    assert list_others(derive(path)) == EXPECTED


def test_a_ledger_that_begins_in_the_middle_is_refused_at_once(path: Path) -> None:
    params = replace(NETWORK, first_pow_height=FIRST - 1)
    registry = LedgerRegistry(LedgerFile(path), params)
    assert f"its first block is {FIRST}" in registry.get_status(time_of(FIRST + 60)).problem
    with pytest.raises(PowNotReady, match="a pruned ledger"):
        registry.derive_at(time_of(FIRST + 30))
    assert "a pruned ledger" in registry.get_status(time_of(FIRST + 60)).problem
