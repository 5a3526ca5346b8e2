"""Codes of findings: every one that the package gives is in the table, and the table has no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import hypernode
from hypernode.health.codes import CODES

PACKAGE = Path(hypernode.__file__).parent
MAKERS = {"ok", "note", "warning", "error"}
TO_COME = {"equivocation", "http-off", "not-counted"}
"""Given by what looks at them elsewhere: the list only shrinks."""


def list_given() -> set[str]:
    """First arguments of the makers of findings, in the whole package."""
    given = set()
    for path in PACKAGE.rglob("*.py"):
        if "health" not in path.read_text(encoding="utf-8") and path.parent.name != "health":
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MAKERS:
                for found in ast.walk(call.args[0]) if call.args else ():
                    if isinstance(found, ast.Constant) and isinstance(found.value, str):
                        given.add(found.value)
    return given


def test_every_code_that_is_given_is_in_the_table() -> None:
    given = {code for code in list_given() if re.fullmatch(r"[a-z][a-z-]+", code)}
    assert given - set(CODES) == set()
    assert set(CODES) - given - TO_COME == set()


@pytest.mark.parametrize("code", CODES)
def test_codes_are_kebab_case_with_a_meaning_and_advice(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert CODES[code].meaning
    is_subject = not CODES[code].advice
    assert not is_subject or not CODES[code].waits
