"""The judgement of a running node over time (spec 10, 1): findings in, one ``Duty`` and a sentence out.

``health.running.judge`` makes the findings of one moment.  ``settle`` combines them with the judgement
before: since when each finding holds, and which ones have lasted long enough to be shown.  Both are pure.
The node gathers the facts once a second (``node.owner.health_watch``); status, log and tools show the same
judgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

from hypernode.health.codes import CODES
from hypernode.health.findings import Finding, Severity


class Duty(Enum):
    """Whether the node does what it is paid for.  The value is the word in JSON: it never changes."""

    OK = "ok"
    ATTENTION = "attention"
    WAITING = "waiting"
    FAILING = "failing"

    @property
    def exit_status(self) -> int:
        """The exit status of commands that show the duty (spec 10, 1)."""
        return _EXIT_STATUSES[self]

    @property
    def is_ready(self) -> bool:
        """Whether the node is ready, for a readiness probe."""
        return self in (Duty.OK, Duty.ATTENTION)


_EXIT_STATUSES: Final[Mapping[Duty, int]] = MappingProxyType(
    {Duty.OK: 0, Duty.ATTENTION: 1, Duty.WAITING: 1, Duty.FAILING: 2}
)

MAIN_SLOT_S: Final = 180
"""Seconds.  The times below are for a slot of this length; they scale with a network's own slot."""
PATIENCE_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "few-connections": 60.0,
        "no-connections": 30.0,
        "no-consensus": 360.0,
        "peers-silent": 60.0,
        "companion-late": 30.0,
        "round-not-derived": 60.0,
        "catching-up": 60.0,
        "loop-slow": 60.0,
        "clock-off": 30.0,
    }
)
"""By code: a finding that comes and goes in ordinary operation is shown once it has held for so many seconds
(with main's slot).  That is so while the node was ready before; otherwise all findings are shown at once."""
FAILS_AFTER_S: Final[Mapping[str, float]] = MappingProxyType(
    {"no-connections": 600.0, "few-connections": 600.0}
)
"""By code: a finding that ends by itself as a rule is an error after so many seconds (with main's slot)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The duty at one moment, with the findings behind it.  ``since``: unix s since when the duty has been
    this one.  ``until``: unix s by when a ``waiting`` node does its duty again, None if unknown.  ``begun``:
    by code, unix s since when it holds, also for findings that are not shown yet."""

    duty: Duty
    sentence: str
    findings: tuple[Finding, ...]
    since: float
    until: float | None = None
    begun: Mapping[str, float] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Warnings and errors, the worst first."""
        found = [finding for finding in self.findings if finding.severity >= Severity.WARNING]
        return tuple(sorted(found, key=lambda finding: -finding.severity))


def compute_duty(findings: Iterable[Finding]) -> Duty:
    """The duty that follows from the findings: ``failing`` with an error, else ``waiting`` with a code that
    waits, else ``attention`` with a warning, else ``ok``."""
    told = [finding for finding in findings if finding.severity is not Severity.OK]
    if any(finding.severity is Severity.ERROR for finding in told):
        return Duty.FAILING
    if any(CODES[finding.code].waits for finding in told):
        return Duty.WAITING
    if any(finding.severity is Severity.WARNING for finding in told):
        return Duty.ATTENTION
    return Duty.OK


def settle(
    before: Judgement | None,
    findings: Sequence[Finding],
    now: float,
    slot_s: int,
    *,
    summary: str = "",
    until: float | None = None,
) -> Judgement:
    """The judgement at ``now`` (unix s), from the findings of this moment and the judgement ``before``.

    ``summary`` is the sentence for a node in which nothing is wrong; ``until`` is kept while the node waits.
    While the node is ready, a warning or error of ``PATIENCE_S`` is left out until it has lasted that long.
    A warning of ``FAILS_AFTER_S`` becomes an error once it has lasted that long."""
    scale = slot_s / MAIN_SLOT_S
    was_ready = before is not None and before.duty.is_ready
    known = before.begun if before is not None else {}
    begun: dict[str, float] = {}
    told = []
    for finding in findings:
        if finding.severity is Severity.OK:
            told.append(finding)
            continue
        since = min(finding.since or now, known.get(finding.code, now), begun.get(finding.code, now))
        begun[finding.code] = since
        is_fresh = now - since < PATIENCE_S.get(finding.code, 0.0) * scale
        if is_fresh and was_ready and finding.severity > Severity.NOTE:
            continue
        told.append(_age(replace(finding, since=since), now - since, scale))
    duty = compute_duty(told)
    same = before is not None and before.duty is duty
    return Judgement(
        duty,
        _compose_sentence(duty, told, summary),
        tuple(told),
        before.since if before is not None and same else now,
        until if duty is Duty.WAITING else None,
        MappingProxyType(begun),
    )


def _age(finding: Finding, age_s: float, scale: float) -> Finding:
    """A warning that has lasted too long is an error."""
    limit = FAILS_AFTER_S.get(finding.code)
    if limit is None or finding.severity is not Severity.WARNING or age_s < limit * scale:
        return finding
    return replace(finding, severity=Severity.ERROR)


def _compose_sentence(duty: Duty, findings: Sequence[Finding], summary: str) -> str:
    """The first finding that makes the duty what it is, or ``summary`` if all is well."""
    if duty is Duty.OK:
        return summary
    return next(finding.found for finding in findings if _stands_behind(duty, finding))


def _stands_behind(duty: Duty, finding: Finding) -> bool:
    """Whether this finding makes the duty what it is."""
    if duty is Duty.FAILING:
        return finding.severity is Severity.ERROR
    if duty is Duty.WAITING:
        return CODES[finding.code].waits and finding.severity is not Severity.OK
    return finding.severity is Severity.WARNING


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two judgements; each change is a line in the log."""

    begun: tuple[Finding, ...] = ()
    ended: tuple[Finding, ...] = ()
    duty: tuple[Duty, Duty] | None = None
    """The duty before and now, if it changed."""


def compare(before: Judgement | None, now: Judgement) -> Changes:
    """Which warnings and errors began and ended, and whether the duty changed."""
    past = {f.code: f for f in before.problems} if before is not None else {}
    present = {f.code: f for f in now.problems}
    words = (before.duty, now.duty) if before is not None and before.duty is not now.duty else None
    return Changes(
        tuple(finding for code, finding in present.items() if code not in past),
        tuple(finding for code, finding in past.items() if code not in present),
        words,
    )
