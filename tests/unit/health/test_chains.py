"""The companion and our registration there, at what decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.counting import Uncounted
from hypernode.core.registrations.registry import COIN
from hypernode.core.rules import UNCHECKED, Rule
from hypernode.core.types import Endpoint, Registration
from hypernode.health.chains import (
    CompanionFacts,
    PluginAnswer,
    PluginFacts,
    ReachFacts,
    RegistrationFacts,
    SourceFacts,
    judge_companion,
    judge_plugin,
    judge_reach,
    judge_registration,
    judge_source,
)
from hypernode.health.findings import Finding

ENTRY = Registration("C1", "203.0.113.7", "6969", "B1", "C1", 2)
LISTED = RegistrationFacts(
    "B1", 10, 6969, "203.0.113.7", listed=ENTRY, latest=ENTRY, weight=2, balance=20_001 * COIN
)
COMPANION = CompanionFacts("ledger", "ledger.db", 800_000, 50.0, 900.0)
ABSENT = RegistrationFacts("B1", 10, 6969, None)


def name(findings: list[Finding]) -> list[str]:
    return [f"{finding.code} {finding.severity.word}" for finding in findings]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, ["companion ok"]),
        ({"way": "fixed"}, ["companion ok"]),
        ({"problem": "late"}, ["companion-late error"]),
        ({"problem": "late", "has_fallback": True}, ["companion-fallback warning"]),
        ({"remarks": ("a rollback",)}, ["companion ok", "companion-remark note"]),
        ({"journal_mode": "wal"}, ["companion ok", "companion-ledger note"]),
        (
            {"journal_mode": "wal", "indexed": frozenset({"address", "recipient", "block_height"})},
            ["companion ok", "companion-ledger ok"],
        ),
    ],
)
def test_a_companion_in_sync(fields: dict[str, object], found: list[str]) -> None:
    assert name(judge_companion(replace(COMPANION, **fields))) == found  # type: ignore[arg-type]


def test_how_long_the_companion_has_left_is_said() -> None:
    [finding] = judge_companion(COMPANION)
    assert "50 s old (late in 850 s)" in finding.found
    assert finding.value == 50.0


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (PluginFacts(False), "plugin ok"),
        (PluginFacts(True, "x", versions={"hn_plugin": "0.1"}), "plugin ok"),
        (PluginFacts(True, "x", True, problem="silent"), "plugin-silent error"),
        (PluginFacts(True, "x", False, problem="silent"), "plugin-silent warning"),
    ],
)
def test_a_plugin_is_missed_where_it_is_the_only_way(facts: PluginFacts, found: str) -> None:
    assert name(judge_plugin(facts)) == [found]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, ["registration ok", "collateral ok"]),
        ({"weight": 3}, ["registration ok", "collateral ok"]),
        ({"weight": 1}, ["registration ok", "collateral-less warning"]),
        ({"weight": UNCHECKED}, ["registration ok"]),
        ({"port": 6970}, ["registration ok", "port-differs error", "collateral ok"]),
        ({"out_ip": "203.0.113.8"}, ["registration ok", "ip-differs error", "collateral ok"]),
        ({"out_ip": None}, ["registration ok", "collateral ok"]),
        ({"is_voided": True}, ["registration ok", "voided error", "collateral ok"]),
        ({"is_silent": True}, ["registration ok", "inactive warning", "collateral ok"]),
        ({"uncounted": Uncounted.MOVED_ON}, ["registration ok", "collateral-low error"]),
        ({"listed": replace(ENTRY, weight=0)}, ["registration ok", "collateral-low error"]),
        ({"latest": None}, ["registration-ends error", "collateral ok"]),
        ({"listed": None}, ["registered-later note", "collateral ok"]),
        ({"problem": "no list"}, ["registration-unknown warning", "registration note"]),
        ({"pos": ""}, ["registration note"]),
    ],
)
def test_a_registration_counts_or_it_is_said_why_not(fields: dict[str, object], found: list[str]) -> None:
    assert name(judge_registration(replace(LISTED, **fields))) == found  # type: ignore[arg-type]


def test_where_nobody_is_registered_what_became_of_the_last_try_is_said() -> None:
    [unchecked] = judge_registration(ABSENT)
    [nothing] = judge_registration(replace(ABSENT, last=None))
    void = PluginAnswer(799_000, "hypernode:register", "C1\x1b", False, Rule.R4, "the ip is taken")
    [tried] = judge_registration(replace(ABSENT, last=void))
    [fixed] = judge_registration(replace(ABSENT, is_collateral_needed=False))
    assert {unchecked.code, nothing.code, tried.code, fixed.code} == {"not-registered"}
    assert "were not looked at" in unchecked.found
    assert "no transaction names it" in nothing.found
    assert "void (rule 4): the ip is taken" in tried.found
    assert "\x1b" not in tried.found
    assert "fixed list" in fixed.found


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (SourceFacts("203.0.113.7", True, None), "source ok"),
        (SourceFacts(None, False, "10.0.0.5"), "source note"),
        (SourceFacts("203.0.113.7", False, "8.8.8.8"), "source-differs warning"),
        (SourceFacts("203.0.113.7", False, "10.0.0.5"), "source-differs note"),
        (SourceFacts("203.0.113.7", False, None), "source-differs note"),
    ],
)
def test_a_private_address_is_right_behind_a_router(facts: SourceFacts, found: str) -> None:
    assert name(judge_source(facts)) == [found]


@pytest.mark.parametrize(
    ("answered_as", "is_running", "found"),
    [
        ("B1", True, "reachable ok"),
        ("B2", True, "reached-another error"),
        ("", False, "reachable note"),
        ("", True, "not-reachable warning"),
    ],
)
def test_where_we_are_registered_we_answer(answered_as: str, is_running: bool, found: str) -> None:
    facts = ReachFacts("B1", is_running, Endpoint("203.0.113.7", 6969), answered_as)
    assert name(judge_reach(facts)) == [found]
    assert name(judge_reach(replace(facts, registered=None))) == ["reachable note"]
