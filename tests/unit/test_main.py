"""Commands of the package: found by their first words, told when they are not, and when they were renamed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from hypernode.__main__ import RENAMED, SUBCOMMANDS, main
from hypernode.cli.sim.command import COMMANDS
from hypernode.cli.subcommands import USAGE_ERROR

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", [*SUBCOMMANDS.values(), *COMMANDS.values()], ids=lambda c: c.module)
def test_every_command_has_a_module_with_a_main(command: object) -> None:
    assert callable(importlib.import_module(command.module).main)  # type: ignore[attr-defined]


def test_what_is_no_command_gets_the_list_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nosuch"]) == main([]) == USAGE_ERROR
    out, err = capsys.readouterr()
    assert not out
    assert "no command 'nosuch'" in err
    assert all(f"  {name} " in err for name in SUBCOMMANDS)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_renamed_command_names_the_new_one(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([old]) == USAGE_ERROR
    assert f"{old!r} is now {new!r}" in capsys.readouterr().err
    parent, child = new.split()
    assert parent in SUBCOMMANDS
    assert child in COMMANDS


def test_sim_without_a_command_lists_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--nodes", "5"]) == USAGE_ERROR
    err = capsys.readouterr().err
    assert "expected a command before '--nodes'" in err
    assert all(f"  {name} " in err for name in COMMANDS)


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == main(["sim", "--help"]) == 0
    assert not capsys.readouterr().err


def test_the_script_names_itself_when_it_fails() -> None:
    done = subprocess.run(
        [sys.executable, "hn_simulate.py", "--rounds", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "hn_simulate" in done.stderr
