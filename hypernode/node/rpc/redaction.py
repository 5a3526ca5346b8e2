"""What a stranger may see of the status (spec 10, 4): every key, and nothing of the host below the node.

Words for the operator name files and folders.  A stranger gets instead what the code of a finding means, and
nothing where there is no code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hypernode.health.codes import CODES
from hypernode.health.duty import Duty

NOT_IN_SYNC: Final = "not in sync"
"""Of a companion, whatever is wrong with it."""


def redact_status(status: Mapping[str, object]) -> dict[str, object]:
    """The status for strangers: a copy with the same keys, without paths, process and disk."""
    shown = dict(status)
    shown["PID"] = 0
    shown["extra"] = _redact_extra(status.get("extra"))
    shown["pow"] = _redact_companion(status.get("pow"))
    shown["state"] = _replace(status.get("state"), reason="")
    if "findings" in status:
        shown["findings"] = [_redact_finding(finding) for finding in _list(status.get("findings"))]
    if "duty" in status:
        shown["duty"] = _replace(status.get("duty"), sentence=_compose_sentence(shown))
    return shown


def _redact_extra(extra: object) -> object:
    if not isinstance(extra, Mapping):
        return extra
    changed: dict[str, object] = {}
    if "disk" in extra:
        changed["disk"] = {}
    if "own_slots" in extra:
        changed["own_slots"] = [
            _replace(slot, figures="") if isinstance(slot, Mapping) and "figures" in slot else slot
            for slot in _list(extra["own_slots"])
        ]
    if "tunables" in extra:
        changed["tunables"] = _replace(extra["tunables"], refused=[])
    return {**extra, **changed}


def _redact_companion(companion: object) -> object:
    if not isinstance(companion, Mapping):
        return companion
    problem = NOT_IN_SYNC if companion.get("problem") else ""
    return {**companion, "source": "", "problem": problem, "remarks": []}


def _redact_finding(finding: object) -> object:
    if not isinstance(finding, Mapping):
        return finding
    return {**finding, "found": CODES[str(finding["code"])].meaning, "remedy": ""}


def _compose_sentence(shown: Mapping[str, object]) -> str:
    """What the worst finding means; empty for a node in which nothing is wrong."""
    duty = shown.get("duty")
    if isinstance(duty, Mapping) and duty.get("word") == Duty.OK.value:
        return ""
    severities = ("error", "warning", "note")
    found = [finding for finding in _list(shown.get("findings")) if isinstance(finding, Mapping)]
    ranked = [f for severity in severities for f in found if f.get("severity") == severity]
    return str(ranked[0]["found"]) if ranked else ""


def _replace(value: object, **changes: object) -> object:
    return {**value, **changes} if isinstance(value, Mapping) else value


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []
