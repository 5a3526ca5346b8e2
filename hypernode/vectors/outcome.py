"""The outcome of one case of a vector file: we agree, differ as documented, or differ.

A module of this package judges the cases of one format: ``run_case(document, case) -> Outcome``, where
``document`` is the whole file and ``case`` one of its ``cases``.  It may also have
``extra_cases(document) -> list[dict]``: what the file records outside ``cases`` (a chain's last height,
its rounds), as cases with kinds of their own that ``run_case`` is then given too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypernode.core.rules import Rule

Json: TypeAlias = dict[str, Any]
"""An object of a vector file."""


@dataclass(frozen=True, slots=True)
class Agree:
    """Ours does what is recorded."""


@dataclass(frozen=True, slots=True)
class DiffersAsDocumented:
    """Ours does something else on purpose: the rule that makes it differ, and why in plain words."""

    rule: Rule
    text: str
    expected: object = ""
    got: object = ""


@dataclass(frozen=True, slots=True)
class Differs:
    """Ours does something else, and no rule of the spec says so."""

    expected: object
    got: object


Outcome: TypeAlias = Agree | DiffersAsDocumented | Differs


def compare(expected: object, got: object) -> Outcome:
    """Agree when both are equal, else Differs."""
    return Agree() if expected == got else Differs(expected, got)


def compare_fields(expected: Mapping[str, object], got: Mapping[str, object]) -> Outcome:
    """Agree when ``got`` has every field of ``expected`` with its value; else Differs with the wrong ones."""
    wrong = [name for name, value in expected.items() if name not in got or got[name] != value]
    if not wrong:
        return Agree()
    return Differs({n: expected[n] for n in wrong}, {n: got.get(n, "nothing") for n in wrong})
