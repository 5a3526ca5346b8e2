"""The judge of registration vectors agrees on all of them, and is not blind."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hypernode.cli.vectors.outcome import Agree, Differs
from hypernode.cli.vectors.registrations import run_case

DOCUMENT = json.loads(
    (Path(__file__).parents[2] / "vectors" / "registrations.json").read_text(encoding="utf-8")
)


def one_of(kind: str) -> dict[str, Any]:
    return copy.deepcopy(next(case for case in DOCUMENT["cases"] if case["kind"] == kind))


def test_every_recorded_case_agrees() -> None:
    outcomes = [run_case(DOCUMENT, case) for case in DOCUMENT["cases"]]
    assert outcomes == [Agree()] * len(outcomes)


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
