"""The short form of ``make mutants``: each mutation fits the source, and the trial knows a caught bug from a
survivor."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant, NotPlantable
from tests.mutants.planting import ROOT, planted
from tests.mutants.trial import CannotTell, Fate, list_stages, run_tests, try_mutant


def test_there_are_forty_of_three_packages() -> None:
    assert len({(mutant.file, mutant.old) for mutant in MUTANTS}) == 40
    packages = Counter(mutant.file.split("/")[0] for mutant in MUTANTS)
    assert packages.keys() == {"core", "machine", "node"}
    assert min(packages.values()) >= 8
    assert all(mutant.why for mutant in MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.old.strip()[:40]}")
def test_a_mutation_fits_its_source_and_leaves_a_module(mutant: Mutant) -> None:
    source = (ROOT / "hypernode" / mutant.file).read_text(encoding="utf-8")
    changed = mutant.apply(source)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))


def test_a_text_that_is_gone_or_there_twice_is_an_error() -> None:
    mutant = Mutant("core/x.py", "a < b", "a <= b", "")
    assert mutant.apply("return a < b") == "return a <= b"
    for source in ("return a > b", "a < b and a < b"):
        with pytest.raises(NotPlantable, match=r"core/x\.py"):
            mutant.apply(source)


@pytest.fixture(name="copy")
def make_small_copy(tmp_path: Path) -> Path:
    """A package of one function, of which the tests look at one side only."""
    unit = tmp_path / "tests" / "unit" / "core"
    for folder in (tmp_path / "hypernode" / "core", unit):
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    for name in ("vectors", "property", "oracle"):
        (tmp_path / "tests" / name).mkdir()
    (tmp_path / "hypernode" / "__init__.py").touch()
    source = "def is_old(age: int) -> bool:\n    return age > 5\n"
    (tmp_path / "hypernode" / "core" / "ages.py").write_text(source, encoding="utf-8")
    test = "from hypernode.core.ages import is_old\n\n\ndef test_six_is_old():\n    assert is_old(6)\n"
    (unit / "test_ages.py").write_text(test, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    return tmp_path


def test_a_bug_that_a_test_looks_at_is_caught_and_another_one_survives(copy: Path) -> None:
    path = copy / "hypernode" / "core" / "ages.py"
    sound, written = path.read_text(encoding="utf-8"), path.stat().st_mtime_ns
    caught = try_mutant(copy, Mutant("core/ages.py", "age > 5", "age > 6", "why"))
    assert (caught.fate, caught.stage) == (Fate.CAUGHT, "module")
    assert caught.by.endswith("test_ages.py::test_six_is_old")
    survivor = try_mutant(copy, Mutant("core/ages.py", "age > 5", "age >= 5", "why"))
    assert (survivor.fate, survivor.by) == (Fate.SURVIVED, "")
    # and the copy is as it was
    assert (path.read_text(encoding="utf-8"), path.stat().st_mtime_ns) == (sound, written)


def test_tests_that_cannot_be_run_say_nothing(copy: Path) -> None:
    mutant = Mutant("core/ages.py", "def is_old", "def is_young", "why")
    with planted(copy, mutant), pytest.raises(CannotTell, match="ended with"):
        run_tests(copy, ["tests/unit/core/test_ages.py"])


def test_the_modules_own_tests_are_asked_first(copy: Path) -> None:
    mutant = Mutant("core/ages.py", "age > 5", "age > 6", "why")
    assert [name for name, _ in list_stages(mutant, copy)] == ["module", "package", "all"]
    other = Mutant("core/other.py", "", "", "why")
    assert [name for name, _ in list_stages(other, copy)] == ["package", "all"]
