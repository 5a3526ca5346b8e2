"""What a row of the check found: how bad it is, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
"""The finding that the lock, and most likely its folder, cannot be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at (spec 10, 1).

    ``code``: a key of ``codes.CODES``; ``found`` and ``remedy``: for people, a warning and an error have one;
    ``value``: the figure behind it, its unit is in the table; ``since``: unix s from which it holds, 0 where
    that is not known.  ``cause``: the fault that it states, by a word; ``follows``: the one that it comes
    from, where that is stated elsewhere."""

    code: str
    severity: Severity
    found: str
    remedy: str = ""
    value: float | None = None
    since: float = 0.0
    cause: str = ""
    follows: str = ""

    def to_object(self) -> dict[str, object]:
        """For programs: the keys and their order are frozen."""
        return {
            "code": self.code,
            "severity": self.severity.word,
            "found": self.found,
            "remedy": self.remedy,
            "value": self.value,
            "since": self.since,
        }


def ok(code: str, found: str, value: float | None = None) -> Finding:
    """In order."""
    return Finding(code, Severity.OK, found, value=value)


def note(code: str, found: str, remedy: str = "", value: float | None = None) -> Finding:
    """Good to know."""
    return Finding(code, Severity.NOTE, found, remedy, value)


def warning(code: str, found: str, remedy: str, value: float | None = None) -> Finding:
    """To be looked at."""
    return Finding(code, Severity.WARNING, found, remedy, value)


def error(code: str, found: str, remedy: str, value: float | None = None) -> Finding:
    """To be mended."""
    return Finding(code, Severity.ERROR, found, remedy, value)


def settle_causes(found: Mapping[str, list[Finding]]) -> dict[str, list[Finding]]:
    """State each cause once: a finding that only follows from what another finding states becomes a note that
    names that one."""
    stated = {
        finding.cause: (row, finding.found)
        for row, findings in found.items()
        for finding in findings
        if finding.cause and finding.severity >= Severity.WARNING
    }
    return {row: [_settle(finding, stated) for finding in findings] for row, findings in found.items()}


def _settle(finding: Finding, stated: Mapping[str, tuple[str, str]]) -> Finding:
    if finding.follows not in stated or finding.severity < Severity.WARNING:
        return finding
    row, words = stated[finding.follows]
    if words in finding.found:
        return replace(
            finding, severity=Severity.NOTE, found=finding.found.replace(words, f"see {row}"), remedy=""
        )
    return replace(
        finding,
        severity=Severity.NOTE,
        found=f"{finding.found} (that follows from what {row} says)",
        remedy="",
    )
