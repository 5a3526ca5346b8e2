"""The judgement of a running node (spec 10, 1): facts in; findings and one word for the duty out.

``judge`` says what is so at this moment.  ``settle`` puts it beside the judgement before: since when each
finding holds, and which of them have to hold for a while before they are worth telling.  Both are pure; the
node gathers the facts (``node.owner``), and every surface shows what comes out of here.
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
    """Whether the node does what it is paid for.  The value is what programs are told."""

    OK = "ok"
    ATTENTION = "attention"
    WAITING = "waiting"
    FAILING = "failing"

    @property
    def exit_status(self) -> int:
        """Of commands that show it (spec 10, 1)."""
        return _EXIT_STATUSES[self]

    @property
    def is_ready(self) -> bool:
        """Whether a probe of readiness says yes."""
        return self in (Duty.OK, Duty.ATTENTION)


_EXIT_STATUSES: Final[Mapping[Duty, int]] = MappingProxyType(
    {Duty.OK: 0, Duty.ATTENTION: 1, Duty.WAITING: 1, Duty.FAILING: 2}
)

MAIN_SLOT_S: Final = 180
"""Spec 10 gives its times for this slot; those under an hour scale with a network's own."""
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
"""What comes and goes in ordinary life is told once it held so long (main's slot), where the node did its
duty before; one that does not is told at once what else is wrong."""
FAILS_AFTER_S: Final[Mapping[str, float]] = MappingProxyType(
    {"no-connections": 600.0, "few-connections": 600.0}
)
"""What the node waits for at first, and needs somebody after so long (main's slot)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """``since``: unix s from which the duty's word holds; ``until``: by when a ``waiting`` node does its
    duty again, None where nobody can tell.  ``begun``: since when each code was seen, also those that are
    not told yet."""

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
    """The word that follows from the findings: an error is ``failing``; a code that waits is ``waiting``."""
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
    """The judgement at ``now`` (unix s) of what was found, after the one ``before``.

    ``summary``: what to say of a node in which nothing is wrong.  What has to hold for a while
    (``PATIENCE_S``) is left out until it has; what fails only after a while (``FAILS_AFTER_S``) is a warning
    until then."""
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
    """What stands behind the word: the worst that was found, or that all is well."""
    if duty is Duty.OK:
        return summary
    return next(finding.found for finding in findings if _stands_behind(duty, finding))


def _stands_behind(duty: Duty, finding: Finding) -> bool:
    """Whether the word follows from this finding."""
    if duty is Duty.FAILING:
        return finding.severity is Severity.ERROR
    if duty is Duty.WAITING:
        return CODES[finding.code].waits and finding.severity is not Severity.OK
    return finding.severity is Severity.WARNING


@dataclass(frozen=True, slots=True)
class Changes:
    """What is worth a line in the log between two judgements."""

    begun: tuple[Finding, ...] = ()
    ended: tuple[Finding, ...] = ()
    duty: tuple[Duty, Duty] | None = None
    """The word before and the one now, where it changed."""


def compare(before: Judgement | None, now: Judgement) -> Changes:
    """Which warnings and errors began and ended, and whether the word changed."""
    past = {f.code: f for f in before.problems} if before is not None else {}
    present = {f.code: f for f in now.problems}
    words = (before.duty, now.duty) if before is not None and before.duty is not now.duty else None
    return Changes(
        tuple(finding for code, finding in present.items() if code not in past),
        tuple(finding for code, finding in past.items() if code not in present),
        words,
    )
