"""What a running node says of itself, judged at what decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.health.findings import Finding
from hypernode.health.node import LATE_ROUNDS, Answers, NodeFacts, judge_node

PARAMS = mainnet()
ROUND, SIR = 50_000, 7
NOW = compute_slot_start(PARAMS, ROUND, SIR) + 60.0
STATUS: dict[str, Any] = {
    "state": {"state": "SYNCING", "reason": "", "consensus": {"percent": 60, "counted": 99, "chains": 1}},
    "peers": {"connected_count": 40, "net_height": None},
    "chain": {"height": 1_000, "round": ROUND, "sir": SIR - 1},
    "extra": {"split": "", "uptime": 50_000, "equivocations": [], "tunables": {"peers": {}}},
    "instance": {"version": "1"},
}
OWN_SLOTS = {"previous": ROUND, "slots": [["B1", 1] if sir in (3, 9) else ["B2", 1] for sir in range(19)]}
FORGED = Block(999, ROUND, 3, 0, bytes(20), (), 4, 3, bytes(64), bytes(20), "B1")


def judge(changes: Mapping[str, Mapping[str, Any]] | None = None, *headers: Block) -> dict[str, Finding]:
    """Findings by code of a node that is juror of slots 3 and 9, with parts of its status changed."""
    status = {key: {**value, **(changes or {}).get(key, {})} for key, value in STATUS.items()}
    answers = Answers("B1", status, OWN_SLOTS, headers or (FORGED,))
    return {finding.code: finding for finding in judge_node(NodeFacts(PARAMS, NOW, "1", True, answers))}


def get_severity(found: Mapping[str, Finding], code: str) -> str:
    return found[code].severity.word if code in found else "none"


def test_a_node_in_order_has_nothing_to_be_mended() -> None:
    assert {finding.severity.word for finding in judge().values()} == {"ok"}


def test_no_node_and_no_answer_are_told_apart() -> None:
    facts = NodeFacts(PARAMS, NOW, "1", False)
    assert [finding.code for finding in judge_node(facts)] == ["no-node"]
    [silent] = judge_node(replace(facts, is_running=True, problem="no answer within 5 s"))
    assert silent.severity.word == "error"
    assert "no answer within 5 s" in silent.found


@pytest.mark.parametrize(
    ("percent", "code"),
    [
        (PARAMS.default_tunables.min_forge_consensus, "no-consensus"),
        (PARAMS.default_tunables.min_forge_consensus + 1, "consensus"),
    ],
)
def test_the_bar_of_consensus(percent: int, code: str) -> None:
    found = judge({"state": {"consensus": {"percent": percent, "counted": 99, "chains": 1}}})
    assert {"consensus", "no-consensus"} & found.keys() == {code}


@pytest.mark.parametrize(("behind", "code"), [(LATE_ROUNDS - 1, "tip"), (LATE_ROUNDS, "net-silent")])
def test_how_old_a_tip_may_be(behind: int, code: str) -> None:
    found = judge({"chain": {"height": 1_000, "round": ROUND - behind, "sir": 0}})
    assert {"tip", "net-silent"} & found.keys() == {code}


@pytest.mark.parametrize(
    ("uptime", "is_missed"),
    [
        (NOW - compute_slot_start(PARAMS, ROUND, 3) - 1, False),
        (NOW - compute_slot_start(PARAMS, ROUND, 3), True),
        (50_000, True),
    ],
)
def test_a_slot_is_missed_where_the_node_ran_from_its_start(uptime: float, is_missed: bool) -> None:
    other = replace(FORGED, forger="B2")
    found = judge({"extra": {"uptime": int(uptime)}}, other)
    assert ("slot-missed" in found) is is_missed


@pytest.mark.parametrize(
    ("heard", "differ", "severity"), [(10, 0, "none"), (10, 5, "note"), (10, 6, "warning"), (1, 1, "warning")]
)
def test_where_most_have_other_parameters_it_is_rather_ours(heard: int, differ: int, severity: str) -> None:
    found = judge({"extra": {"tunables": {"peers": {"heard": heard, "differ": differ}}}})
    assert get_severity(found, "tunables-differ") == severity


def test_only_two_blocks_of_ours_are_our_key_elsewhere() -> None:
    ours, other = {"forger": "B1", "round": 7}, {"forger": "B2", "round": 8}
    assert "key-elsewhere" not in judge({"extra": {"equivocations": [other]}})
    found = judge({"extra": {"equivocations": [ours, other, ours]}})
    assert "2 times, last in round 7" in found["key-elsewhere"].found


def test_another_version_than_is_installed_is_a_note() -> None:
    assert get_severity(judge({"instance": {"version": "2"}}), "version-differs") == "note"
    assert get_severity(judge({"instance": {"version": 7}}), "version-differs") == "none"


def test_what_a_node_wrote_is_escaped() -> None:
    found = judge({"extra": {"split": "SPLIT: \x1b[31m"}})
    assert "\x1b" not in found["split"].found
