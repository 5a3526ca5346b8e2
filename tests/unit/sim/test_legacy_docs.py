"""The page about legacy nodes names every trap, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hypernode.sim.legacy.traps import Trap

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "legacy.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize("trap", Trap, ids=lambda trap: trap.name)
def test_every_trap_is_in_the_page_with_a_test(trap: Trap) -> None:
    row = PAGE.split(f"* - ``{trap.name}``")[1].split("* - ")[0]
    assert re.search(r"``test_\w+::test_\w+``", row)


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"``(test_\w+)::(test_\w+)``", PAGE)
    assert named
    for module, function in named:
        files = list((ROOT / "tests").rglob(f"{module}.py"))
        assert any(f"def {function}(" in path.read_text(encoding="utf-8") for path in files), function
