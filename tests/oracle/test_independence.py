"""An oracle that calls what it judges would agree with it whatever it did."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ALLOWED = {
    "__future__",
    "ast",
    "collections",
    "dataclasses",
    "decimal",
    "ecdsa",
    "fractions",
    "functools",
    "hashlib",
    "ipaddress",
    "json",
    "pathlib",
    "pytest",
    "random",
    "re",
    "typing",
}


def find_strangers(source: str) -> set[str]:
    """What a module imports, or calls by name, that an oracle may not."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." if node.level else str(node.module)]
            if node.module == "tests":
                names = [f"tests.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval"):
            names = [node.id]
        is_own = [name == "tests.oracle" or name.startswith("tests.oracle.") for name in names]
        found |= {
            n for n, own in zip(names, is_own, strict=True) if not own and n.split(".")[0] not in ALLOWED
        }
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("**/*.py")), ids=lambda path: path.name)
def test_the_oracle_imports_nothing_of_the_program(path: Path) -> None:
    assert not find_strangers(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import hypernode.core.lottery",
        "from hypernode.core import lottery",
        "def f():\n    from hypernode import core",
        "from tests.unit.core.builders import make_block",
        "from tests import unit",
        "from ..unit.core import builders",
        "import importlib",
        "__import__('hypernode')",
    ],
)
def test_what_it_may_not_import_is_found(source: str) -> None:
    assert find_strangers(source)
