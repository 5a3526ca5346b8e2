"""Do the tests notice a planted bug?  First those of its module, then those of its package, then all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from tests.mutants.catalogue import Mutant
from tests.mutants.planting import planted

STAGE_TIMEOUT_S: Final = 1_800.0
"""Of one run of pytest: all unit, property and vector tests take some three minutes on a quiet core.  A test
that hangs ends much earlier, by its own limit, and has noticed the bug then."""
_PASSED, _FAILED = 0, 1
_FAILURE: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class CannotTell(Exception):
    """The tests could not be run: this says nothing about the bug."""


class Fate(Enum):
    """What became of a bug."""

    CAUGHT = "caught"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``by``: the first test that failed, or what else ended the run; ``stage``: which tests were asked."""

    mutant: Mutant
    fate: Fate
    stage: str
    by: str
    seconds: float


def list_stages(mutant: Mutant, copy: Path) -> list[tuple[str, list[str]]]:
    """Tests to run one after the other, with a name for them."""
    unit = Path("tests") / "unit"
    module = unit / mutant.module_tests
    package = unit / Path(mutant.file).parts[0]
    stages = [("module", [str(module)])] if (copy / module).is_file() else []
    return [
        *stages,
        ("package", [str(package)]),
        ("all", ["tests/vectors", "tests/property", "tests/oracle", "tests/unit"]),
    ]


def try_mutant(copy: Path, mutant: Mutant) -> Verdict:
    """Plant it and run the stages until a test fails.  Raises NotPlantable, CannotTell."""
    began = time.monotonic()
    with planted(copy, mutant):
        for stage, paths in list_stages(mutant, copy):
            by = run_tests(copy, paths)
            if by:
                return Verdict(mutant, Fate.CAUGHT, stage, by, time.monotonic() - began)
    return Verdict(mutant, Fate.SURVIVED, "all", "", time.monotonic() - began)


def run_tests(copy: Path, paths: list[str]) -> str:
    """The first test that fails; empty when all pass.  Raises CannotTell."""
    options = ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0"]
    command = [sys.executable, "-m", "pytest", *options, *paths]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=STAGE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotTell(f"no end of {' '.join(paths)} within {STAGE_TIMEOUT_S:.0f} s") from None
    if ended.returncode == _PASSED:
        return ""
    failure = _FAILURE.search(ended.stdout)
    if ended.returncode != _FAILED or failure is None:
        last = "\n".join((ended.stdout + ended.stderr).splitlines()[-15:])
        raise CannotTell(f"pytest ended with {ended.returncode}: {last}")
    return failure[1]
