"""Findings: how bad, for whom, and one cause said once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.health.findings import Severity, error, note, ok, settle_causes, warning


def test_the_worse_the_larger() -> None:
    assert list(Severity) == sorted(Severity)
    assert [severity.word for severity in Severity] == ["ok", "note", "warning", "error"]
    found = [ok("a", "x"), note("a", "x"), warning("a", "x", "do"), error("a", "x", "do")]
    assert [finding.severity for finding in found] == list(Severity)


def test_keys_for_programs_are_frozen() -> None:
    finding = replace(warning("disk-low", "1 MB free", "Make room", 1.0), since=5.0, cause="c", follows="f")
    assert list(finding.to_object().items()) == [
        ("code", "disk-low"),
        ("severity", "warning"),
        ("found", "1 MB free"),
        ("remedy", "Make room"),
        ("value", 1.0),
        ("since", 5.0),
    ]


CAUSE = replace(error("companion-late", "the ledger is away", "Mend it"), cause="companion")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("no list: the ledger is away", "no list: see companion"),
        ("no list", "no list (that follows from what companion says)"),
    ],
)
def test_what_follows_from_another_finding_is_a_note_that_names_it(words: str, shown: str) -> None:
    follows = replace(error("registration-unknown", words, "Ask again"), follows="companion")
    settled = settle_causes({"companion": [CAUSE], "registration": [follows, ok("a", "x")]})
    assert settled["companion"] == [CAUSE]
    assert (settled["registration"][0].severity, settled["registration"][0].found) == (Severity.NOTE, shown)
    assert settled["registration"][0].remedy == ""
    assert settled["registration"][1] == ok("a", "x")


def test_without_its_cause_it_stands_as_it_is() -> None:
    follows = replace(error("registration-unknown", "no list", "Ask again"), follows="companion")
    mild = replace(CAUSE, severity=Severity.NOTE)
    for others in ({}, {"companion": [mild]}):
        assert settle_causes({**others, "registration": [follows]})["registration"] == [follows]
    harmless = replace(note("registration", "no list"), follows="companion")
    assert settle_causes({"companion": [CAUSE], "registration": [harmless]})["registration"] == [harmless]
