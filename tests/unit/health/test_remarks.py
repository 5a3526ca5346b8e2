"""Remarks on a configuration are judged by their level, and are values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hypernode.health.files import ConfigFacts, judge_config
from hypernode.health.findings import Severity
from hypernode.health.remarks import Remark


def test_an_info_is_a_note_and_a_warning_has_a_remedy() -> None:
    remarks = (Remark("info", "X has no purpose"), Remark("warning", "FOO is unknown"))
    _, first, second = judge_config(ConfigFacts("config.txt", True, "main", remarks=remarks))
    assert (first.severity, first.found) == (Severity.NOTE, "X has no purpose")
    assert (second.severity, second.found, bool(second.remedy)) == (Severity.WARNING, "FOO is unknown", True)
    with pytest.raises(FrozenInstanceError):
        setattr(remarks[0], "text", "y")  # noqa: B010
