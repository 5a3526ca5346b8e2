"""A copy of the package and its tests, in which bugs are planted: never in place."""

from __future__ import annotations

import compileall
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.catalogue import Mutant

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("hypernode", "tests", "benchmarks", "docs")
FILES = ("*.py", "*.toml", "config.*", "Makefile", "*.md", "requirements*")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "_build")


def make_copy(folder: Path) -> None:
    """What the tests need, compiled, in ``folder``."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
    for pattern in FILES:
        for path in ROOT.glob(pattern):
            shutil.copy2(path, folder)
    compileall.compile_dir(folder / "hypernode", quiet=1)


@contextmanager
def planted(copy: Path, mutant: Mutant) -> Iterator[None]:
    """The bug is in the copy.  Raises NotPlantable."""
    path = copy / "hypernode" / mutant.file
    sound, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(mutant.apply(sound), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(sound, encoding="utf-8")
        # as old as before, so that what was compiled of it is used again
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
