"""What a row of the check found: how bad it is, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """How bad: the larger, the sooner somebody should look."""

    OK = 0
    NOTE = 1
    """Good to know; nothing is wrong, or it could not be looked at."""
    WARNING = 2
    """It works for now, or less well than it could."""
    ERROR = 3
    """The node does not do its duty, or will not start."""

    @property
    def word(self) -> str:
        return self.name.lower()


LOCK: Final = "lock"
"""The trouble that the lock, and most likely its folder, cannot be looked at."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at.  A warning and an error have a ``remedy``.  ``cause``: the trouble that
    it states, by a word; ``follows``: the one that it comes from, where that is stated elsewhere."""

    severity: Severity
    found: str
    remedy: str = ""
    cause: str = ""
    follows: str = ""


def ok(found: str) -> CheckResult:
    """In order."""
    return CheckResult(Severity.OK, found)


def note(found: str, remedy: str = "") -> CheckResult:
    """Good to know."""
    return CheckResult(Severity.NOTE, found, remedy)


def warning(found: str, remedy: str) -> CheckResult:
    """To be looked at."""
    return CheckResult(Severity.WARNING, found, remedy)


def error(found: str, remedy: str) -> CheckResult:
    """To be mended."""
    return CheckResult(Severity.ERROR, found, remedy)


def settle_causes(found: Mapping[str, list[CheckResult]]) -> dict[str, list[CheckResult]]:
    """One cause, said once: what only follows from a trouble that another finding states is a note that says
    where to look."""
    stated = {
        finding.cause: (row, finding.found)
        for row, findings in found.items()
        for finding in findings
        if finding.cause and finding.severity >= Severity.WARNING
    }
    return {row: [_settle(finding, stated) for finding in findings] for row, findings in found.items()}


def _settle(finding: CheckResult, stated: Mapping[str, tuple[str, str]]) -> CheckResult:
    if finding.follows not in stated or finding.severity < Severity.WARNING:
        return finding
    row, words = stated[finding.follows]
    if words in finding.found:
        return note(finding.found.replace(words, f"see {row}"))
    return note(f"{finding.found} (that follows from what {row} says)")
