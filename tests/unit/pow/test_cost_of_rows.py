"""Each row of the registry costs the same, however many there are: by counting steps, not by a clock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from benchmarks.registering import KINDS, derive, make_ledger
from hypernode.pow.ledger import reader as ledger_reader
from hypernode.pow.ledger.reader import LedgerReader

FEW = 200
MANY = 600


class Steps:
    """Lines of ours that were run, and SQLite's operations."""

    lines = 0
    ops = 0


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "hypernode" not in frame.f_code.co_filename:
            return None
        steps.lines += event == "line"
        return trace

    count_ops = LedgerReader._count_ops

    def count(reader: LedgerReader) -> bool:
        steps.ops += ledger_reader.STEP_OPS
        return count_ops(reader)

    monkeypatch.setattr(ledger_reader, "STEP_OPS", 100)
    monkeypatch.setattr(LedgerReader, "_count_ops", count)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield steps
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_costs_the_same_whatever_it_is_and_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    found = {}
    for rows in (FEW, MANY):
        path = tmp_path / f"{rows}.db"
        time = make_ledger(path, kind, rows, is_funded=True)
        with counted(monkeypatch) as steps:
            derive(path, time)
        found[rows] = steps
    growth = MANY / FEW
    assert found[MANY].lines <= 1.3 * growth * found[FEW].lines
    assert found[MANY].ops <= 1.3 * growth * found[FEW].ops
