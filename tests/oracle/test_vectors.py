"""The oracle takes the vectors, too: what it says was read right out of the specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import counting, drawing, registering

VECTORS = Path(__file__).parents[1] / "vectors"
MAIN_BYTE = 0x19
CONTROL = "cf2562488992997dff3658e455701589678d0e966a79e2a037cbb2ff"


def load(name: str, kind: str | None = None) -> list[dict[str, Any]]:
    cases = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return [case for case in cases if kind is None or case["kind"] == kind]


def test_scores() -> None:
    for case in load("scores"):
        assert counting.score(case["detail"], case["weight"]) == case["score"]


def test_heights() -> None:
    cases = [case for case in load("heights") if "first_height_is_better" in case]
    assert cases
    for case in cases:
        a, b = case["a"], case["b"]
        assert counting.is_first_better(a, b) is case["first_height_is_better"]
        assert counting.is_first_better(b, a) is case["second_is_better"]
        assert counting.is_promise_kept(a, b) is case["heights_match"]


@pytest.mark.parametrize("case", load("jurors", "round"), ids=lambda case: case["note"])
def test_jurors_and_tests_of_a_round(case: dict[str, Any]) -> None:
    listed, reference = case["full_hn_list"], bytes.fromhex(case["reference_hash"])
    tickets = drawing.list_tickets([tuple(listed[i]) for i in case["active"]], 19)
    assert len(tickets) == case["tickets_count"]
    jurors = drawing.draw_jurors(tickets, reference, 19)
    assert [list(juror) for juror in jurors] == case["slots"]
    addresses = [address for address, _ in listed]
    plan = drawing.plan_tests(addresses, [a for a, _ in jurors], reference, 8, [0, 1, 2, 3, 4])
    expected = [[(addresses[x], addresses[y], kind) for x, y, kind in slot] for slot in case["test_slots"]]
    assert plan == expected


@pytest.mark.parametrize("case", load("registrations", "feed"), ids=lambda case: case["note"][:40])
def test_lists(case: dict[str, Any]) -> None:
    rows = registering.rows_of_vector(case["ledger"])
    registry = registering.derive(rows, case["ref_height"], MAIN_BYTE, CONTROL)
    said = [[[r.height, r.address, r.operation, r.openfield, r.timestamp], ok] for r, ok in registry.taken]
    assert said == [[row["row"], row["ok"]] for row in case["rows"]]
    listed = [
        [one.collateral, one.ip, one.port, one.pos, one.reward, one.weight, one.timestamp]
        for one in registry.listed
    ]
    keys = ("ip", "port", "pos", "reward", "weight", "timestamp")
    assert listed == [[collateral, *(record[key] for key in keys)] for collateral, record in case["regs"]]
