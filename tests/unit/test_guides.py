"""What the guides for developers name exists: pages of packages, usual changes, walks, words, pictures."""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "hypernode"
PACKAGES = sorted(path.parent for path in CODE.rglob("__init__.py"))
SECTIONS = ("Who may change what", "Where the next change goes")
MOST_LINES = 80
"""Of a package's page: one screen or two."""
MOST_CHARS = 69
"""Of a test's name: under 70."""
OF_A_RUN_FOLDER = ("config.txt", "data/run.json", "data/registrations.db")
FILE = r"[\w./-]+\.(?:py|pyi|md|rst|json|txt|toml|proto|svg)"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def list_code(text: str, mark: str) -> list[str]:
    """What stands in single (Markdown) or double (reStructuredText) backticks."""
    return re.findall(rf"(?<!`){mark}([^`\n]+){mark}(?!`)", text)


@cache
def list_names(path: Path) -> frozenset[str]:
    """Names that a module defines, and its classes' members as ``Class.member``."""
    names: set[str] = set()
    for node in ast.parse(read(path)).body:
        names |= _list_defined(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for part in node.body for name in _list_defined(part)}
    return frozenset(names)


def _list_defined(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return {node.name}
        case ast.Assign():
            return {target.id for target in node.targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def find_missing(named: str) -> str | None:
    """What is wrong with ``path`` or ``path::name``, from the root."""
    file, _, name = named.partition("::")
    path = ROOT / file
    if not path.exists():
        return f"{file}: no such file"
    return f"{named}: no such name" if name and name not in list_names(path) else None


def find_unknown(dotted: str) -> str | None:
    """What is wrong with ``package.module`` or ``package.module.Name``, from the package."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        folder = CODE.joinpath(*parts[:end])
        module = folder.with_suffix(".py")
        rest = ".".join(parts[end:])
        if module.is_file():
            return None if not rest or rest in list_names(module) else f"{dotted}: no such name"
        if folder.is_dir():
            return None if not rest else f"{dotted}: no such module"
    return f"{dotted}: no such package"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_page_of_a_package_names_its_modules_and_no_others(package: Path) -> None:
    page = read(package / "README.md")
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", page, re.MULTILINE)
    modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    rooms = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    listed = {name for name, _ in rows}
    assert len(listed) == len(rows)
    assert sorted((modules | rooms) - listed) == [], "give each a row in the README.md beside it"
    assert sorted(listed - modules - rooms) == [], "there is no such module any more: take its row out"
    assert all(text for _, text in rows)
    named = [name for name in list_code(page, "`") if re.fullmatch(FILE, name)]
    near = (package, package.parent, CODE, ROOT)
    missing = [name for name in named if not any((folder / name).exists() for folder in near)]
    assert [name for name in missing if name not in OF_A_RUN_FOLDER] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_page_of_a_package_has_its_sections_and_is_a_page(package: Path) -> None:
    page = read(package / "README.md")
    assert page.startswith("# ")
    purpose = page.split("\n\n")[1]
    assert not purpose.startswith("|")
    for section in SECTIONS:
        _, _, after = page.partition(f"\n## {section}\n\n")
        assert after.split("\n## ")[0].strip(), section
    assert len(page.splitlines()) <= MOST_LINES


CHANGES = (
    "peer command",
    "parameter of the operator",
    "tunable",
    "message kind",
    "metric",
    "alert",
    "source of registrations",
    "state",
    "command of the command line",
    "rule of blocks",
)


def list_changes() -> dict[str, str]:
    """The text on each usual change, by its title."""
    page = read(ROOT / "docs" / "changing.rst")
    _, *parts = re.split(r"^An? (.+)\n-+\n", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_there_is_a_guide_for_each_usual_change() -> None:
    assert tuple(list_changes()) == CHANGES


@pytest.mark.parametrize("change", CHANGES)
def test_a_guide_names_only_files_and_names_that_exist(change: str) -> None:
    steps, _, tests = list_changes()[change].partition("\nTests: ")
    named = [name for name in list_code(steps + tests, "``") if "/" in name or re.fullmatch(FILE, name)]
    assert [missing for name in named if (missing := find_missing(name))] == []
    assert any(name.endswith(".py") for name in named)
    assert re.search(r"^\d\. ", steps, re.MULTILINE)
    assert all(name.startswith("tests") for name in list_code(tests, "``"))


def test_a_guide_that_names_nothing_real_is_noticed() -> None:
    assert find_missing("hypernode/core/params/tunables.py::list_values") is None
    assert find_missing("hypernode/core/kinds.py::get_tuneables") is not None
    assert find_missing("hypernode/core/kind.py") is not None


WALKS = ("A block", "A message", "A status question", "A registration", "A parameter")


def list_dotted(text: str) -> list[str]:
    """``package.module`` and ``package.module.Name`` of ours."""
    first = "|".join(path.name for path in CODE.iterdir() if (path / "__init__.py").exists())
    names = [name for name in list_code(text, "``") if not re.fullmatch(FILE, name)]
    return [name for name in names if re.fullmatch(rf"(?:{first})(?:\.\w+)+", name)]


def test_modules_that_the_architecture_names_exist() -> None:
    named = list_dotted(read(ROOT / "docs" / "architecture.rst"))
    assert len(named) > 60
    assert [unknown for name in named if (unknown := find_unknown(name))] == []


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_goes_through_modules_of_several_packages(title: str) -> None:
    page = read(ROOT / "docs" / "architecture.rst")
    _, _, after = page.partition(f"\n{title}\n{'~' * len(title)}\n")
    walk = re.split(r"\n\n[^\n]+\n[-~]+\n", after)[0]
    assert len({name.split(".")[0] for name in list_dotted(walk)}) >= 4


def test_a_module_that_is_not_there_is_noticed() -> None:
    assert find_unknown("node.chain.chain") is None
    assert find_unknown("node.chain.chain.Chain") is None
    assert find_unknown("node.chain") is None
    assert find_unknown("node.chains.chain") is not None
    assert find_unknown("node.chain.chain.Chains") is not None
    assert find_unknown("node.views") is not None


def test_the_architecture_lists_all_packages_and_rooms() -> None:
    page = read(ROOT / "docs" / "architecture.rst")
    listed = {name for cell in re.findall(r"\* - (``.*)", page) for name in list_code(cell, "``")}
    assert {package.name for package in PACKAGES if package.parent in (CODE, CODE / "node")} <= listed


def list_renamed() -> list[list[str]]:
    """Rows of the glossary's tables of what was renamed."""
    _, _, part = read(ROOT / "docs" / "glossary.rst").partition("\nRenamed in this release\n")
    rows = re.findall(r"^   \* - (.+)\n((?:     - .+\n)+)", part, re.MULTILINE)
    return [[first, *re.findall(r"- (.+)", others)] for first, others in rows if first != "before"]


def test_new_words_of_the_glossary_are_in_use_and_old_ones_are_not() -> None:
    classes = {name for path in CODE.rglob("*.py") for name in list_names(path) if "." not in name}
    problems: list[str] = []
    words = [row for row in list_renamed() if len(row) == 4]
    for before, now, where, _ in words:
        [old], [new], [module] = (list_code(cell, "``") for cell in (before, now, where))
        problems += [unknown for unknown in [find_unknown(f"{module}.{new}")] if unknown]
        if before == f"``{old}``" and old in classes:
            problems.append(f"{old} is in use")
    assert len(words) > 25
    assert problems == []


def test_new_modules_of_the_glossary_exist_and_old_ones_do_not() -> None:
    modules = [(old, new) for row in list_renamed() if len(row) == 2 for old, new in [row] if ".py" in old]
    assert len(modules) > 50
    for old, new in modules:
        assert not list(CODE.glob(old.strip("`"))), old
        assert (CODE / new.strip("`")).exists(), new


def load_drawings() -> ModuleType:
    """``docs/drawings.py``, which is in no package."""
    spec = importlib.util.spec_from_file_location("drawings", ROOT / "docs" / "drawings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["layers.svg", "parts.svg"])
def test_pictures_of_the_parts_are_as_their_script_draws_them(name: str) -> None:
    drawn = load_drawings().DRAWINGS[name]()
    assert read(ROOT / "docs" / "_static" / name) == drawn, "python docs/drawings.py"
    ElementTree.fromstring(drawn)


def test_no_name_of_a_test_is_too_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", read(path), re.MULTILINE)
        if len(name) > MOST_CHARS
    ]
    assert long == []


def test_modules_that_docstrings_and_comments_name_exist() -> None:
    named = [
        (path.relative_to(ROOT), name)
        for path in (
            *CODE.rglob("*.py"),
            *(ROOT / "tests").rglob("*.py"),
            *(ROOT / "benchmarks").rglob("*.py"),
        )
        if path != Path(__file__)
        for name in list_dotted(read(path))
    ]
    assert len(named) > 50
    assert [f"{path}: {unknown}" for path, name in named if (unknown := find_unknown(name))] == []
