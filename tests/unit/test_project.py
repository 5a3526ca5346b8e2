"""The project's own promises: versions, requirements, docstrings, the Makefile, nothing of this machine."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

import hypernode

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt", "requirements-lock.txt")
OWN_TEXT = (
    ".py",
    ".pyi",
    ".md",
    ".rst",
    ".toml",
    ".txt",
    ".json",
    ".svg",
    ".proto",
    ".cfg",
    ".yml",
    ".sh",
    ".lock",
    ".example",
    "",
)
FOREIGN = (
    "/wo" + "rk/",
    "/ro" + "ot/",
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "--index" + "-url",
    "--extra-index" + "-url",
)
"""What is true on one machine only: its folders, its registry."""


def list_tracked() -> list[Path]:
    """Files of the repository; all but what is ignored where there is no git."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "-C", str(ROOT), "ls-files", "-z"]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    pytest.skip("no git here: nothing says which files are tracked")


def parse_requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(text) for line in lines if (text := line.split("#")[0].strip())]


def test_version_is_one() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+", hypernode.__version__)
    assert f'version="{hypernode.__version__}"' in setup
    assert re.search(rf"^## {re.escape(hypernode.__version__)}\b", changelog, re.MULTILINE)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_ranges(name: str) -> None:
    for requirement in parse_requirements(name):
        operators = {clause.operator for clause in requirement.specifier}
        assert ">=" in operators, requirement
        assert requirement.url is None
        assert operators <= {">=", "<"}, requirement


def test_what_the_daemon_needs_has_an_upper_bound() -> None:
    for requirement in parse_requirements("requirements.txt"):
        assert "<" in {clause.operator for clause in requirement.specifier}, requirement


def parse_lock() -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of what is pinned, by name."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    pins: dict[str, tuple[str, list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        pin, *hashes = line.split()
        name, version = pin.split("==")
        pins[name] = (version, hashes)
    return pins


def test_what_the_daemon_needs_is_pinned_within_its_range_and_by_hash() -> None:
    pins = parse_lock()
    for requirement in parse_requirements("requirements.txt"):
        version, _ = pins[requirement.name]
        assert requirement.specifier.contains(version), requirement
    for name, (_, hashes) in pins.items():
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), name


def test_ranges_begin_above_the_advisories_that_we_know_of() -> None:
    """The last version that an advisory names, of 1 December 2026: tornado's multipart parser and others,
    protobuf's JSON reader, padding in pycryptodome, temporary folders of pytest, downloads of setuptools."""
    known = {
        "tornado": "6.5.8",
        "protobuf": "6.33.4",
        "pycryptodome": "3.19.0",
        "pytest": "9.0.2",
        "setuptools": "78.1.0",
    }
    ranges = {r.name: r.specifier for name in REQUIREMENTS for r in parse_requirements(name)}
    for name, version in known.items():
        assert not ranges[name].contains(version), name


@pytest.mark.parametrize("python", ["gone", "broken", "old"])
def test_make_venv_makes_an_environment_anew_whose_python_went(tmp_path: Path, python: str) -> None:
    for name in ("Makefile", "setup.py", *REQUIREMENTS):
        shutil.copy(ROOT / name, tmp_path)
    there = tmp_path / ".venv" / "bin" / "python"
    there.parent.mkdir(parents=True)
    match python:
        case "gone":
            there.symlink_to("/nonexistent/python3.11")
        case "broken":
            there.write_text("#!/bin/sh\nexit 1\n")
            there.chmod(0o755)
    calls = tmp_path / "calls"
    fake = tmp_path / "python3"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexit 7\n')
    fake.chmod(0o755)
    if python == "old":
        there.symlink_to(fake)
    stamp = tmp_path / ".venv" / ".installed"
    stamp.touch()
    os.utime(stamp, (2**31, 2**31))
    done = subprocess.run(
        ["make", "-C", str(tmp_path), "venv", f"PYTHON={fake}"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "-m venv --clear .venv" in calls.read_text()
    assert "The venv module of" in done.stdout


def test_no_requirement_is_named_twice() -> None:
    names = [requirement.name.lower() for name in REQUIREMENTS for requirement in parse_requirements(name)]
    assert len(names) == len(set(names))


def test_every_module_and_package_has_a_docstring() -> None:
    modules = [path for path in (ROOT / "hypernode").rglob("*.py") if not path.name.endswith("_pb2.py")]
    bare = [
        str(path.relative_to(ROOT))
        for path in modules
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert modules
    assert bare == []


def test_nothing_of_this_machine_is_in_the_files() -> None:
    found = []
    for path in list_tracked():
        if path.suffix in OWN_TEXT and path.name != "LICENSE":
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(ROOT)}: {word}" for word in FOREIGN if word in text]
    assert found == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named: set[str] = set()
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "UPGRADING.md", "docs/suite.rst"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for command in re.findall(r"(?:^    |`)make ((?:[a-z-]+ ?)+)", text, re.MULTILINE):
            named.update(command.split())
    assert {"run", "test", "venv"} <= named
    assert named - targets == set()


def test_readme_begins_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:6]
    assert [line.split()[:2] for line in head if line.startswith("    make")] == [
        ["make", "run"],
        ["make", "test"],
    ]


def test_ci_runs_both_test_commands() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    *_, first, as_root, last = script.read_text(encoding="utf-8").splitlines()
    assert (first, last) == ("make test", "exec make test-host")
    assert "id -u" in as_root


def test_hooks_before_a_commit_are_the_environments_own() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (.+)", text) == ["local"]
    entries = re.findall(r"entry: (.+)", text)
    assert len(entries) == len(re.findall(r"- id: ", text)) == len(re.findall(r"language: system", text))
    assert [entry for entry in entries if not entry.startswith(".venv/bin/")] == []


PURE: Final = ("core", "machine", "mempool", "wire", "net", "storage", "pow", "node", "health")
"""Packages of which every module has its file of unit tests, in the same place under ``tests/unit``."""
WITHOUT_TESTS: Final = {
    "wire/command_pb2.py": "generated",
    "node/base/node_events.py": "a protocol only",
    "node/base/node_ports.py": "a value of protocols only",
    "node/sync/block_source.py": "a protocol only",
}
"""Modules without one, and why."""


def test_every_module_has_its_unit_tests() -> None:
    modules = [
        path.relative_to(ROOT / "hypernode")
        for package in PURE
        for path in (ROOT / "hypernode" / package).rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert len(modules) > 200
    assert [name for name in WITHOUT_TESTS if Path(name) not in modules] == []
    without = [
        str(module)
        for module in sorted(modules)
        if str(module) not in WITHOUT_TESTS
        and not (ROOT / "tests" / "unit" / module.with_name(f"test_{module.name}")).is_file()
    ]
    assert without == []
