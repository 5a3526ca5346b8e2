"""The judge of registration vectors agrees on all of them, and is not blind."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypernode.devnet.pow_ledger import LedgerWriter, open_ledger
from hypernode.vectors import registrations
from hypernode.vectors.outcome import Agree, Differs
from hypernode.vectors.registrations import run_case

DOCUMENT = json.loads(
    (Path(__file__).parents[2] / "vectors" / "registrations.json").read_text(encoding="utf-8")
)


COLUMNS = ("block_height", "timestamp", "address", "recipient", "reward", "operation", "openfield")


def one_of(kind: str) -> dict[str, Any]:
    return copy.deepcopy(next(case for case in DOCUMENT["cases"] if case["kind"] == kind))


def test_every_recorded_case_agrees() -> None:
    outcomes = [run_case(DOCUMENT, case) for case in DOCUMENT["cases"]]
    assert outcomes == [Agree()] * len(outcomes)


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("indexed", [(), ("operation",), COLUMNS], ids=["plain", "operation", "all"])
def test_lists_are_those_of_the_vectors_whatever_the_ledger_is_like(
    journal_mode: str, indexed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    @contextmanager
    def open_indexed(path: Path) -> Iterator[LedgerWriter]:
        with open_ledger(path, journal_mode=journal_mode) as ledger:
            with closing(sqlite3.connect(path)) as connection:
                for column in indexed:
                    connection.execute(f"CREATE INDEX by_{column} ON transactions({column})")
            made.append(path)
            yield ledger

    monkeypatch.setattr(registrations, "open_ledger", open_indexed)
    monkeypatch.setattr(registrations, "OPTIONS", replace(registrations.OPTIONS, chunk_rows=5))
    cases = [case for case in DOCUMENT["cases"] if case["kind"] in ("feed", "incremental")]
    assert [run_case(DOCUMENT, case) for case in cases] == [Agree()] * len(cases)
    assert len(made) == len(cases)


@pytest.mark.parametrize(
    ("kind", "keys", "value"),
    [
        ("feed", ("rows", 0, "ok"), False),
        ("feed", ("regs", 0, 1, "weight"), 2),
        ("feed", ("regs", 0, 0), "x"),
        ("incremental", ("requests", 1, "answer"), False),
        ("incremental", ("requests", 3, "answer"), {"params": {"ref_height": 800180}, "regs": []}),
        ("incremental", ("requests", 0, "answer", "params", "ref_height"), 800051),
        ("block_before_ts", ("height",), 800001),
        ("block_before_ts", ("no_check_after",), 5),
        ("block_before_ts", ("note",), "no ledger"),
        ("pow_address_format", ("valid",), False),
        ("reg_extract", ("result", 0), "1.2.3.5"),
        ("reg_extract", ("openfield",), "1.2.3.4"),
        ("reg_extract", ("extract_reason",), "x"),
    ],
)
def test_a_case_that_says_something_else_differs(kind: str, keys: tuple[Any, ...], value: object) -> None:
    case = one_of(kind)
    target: Any = case
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value
    assert isinstance(run_case(DOCUMENT, case), Differs)
