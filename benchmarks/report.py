"""The result line by line, as a table for the documentation, as JSON: with machine, date and commit."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from benchmarks.figures import Row

_ROOT: Final = Path(__file__).resolve().parent.parent


def describe_machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _get_commit(),
        "processor": _get_processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "coincurve": version("coincurve"),
        "sqlite": sqlite3.sqlite_version,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _get_commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(_ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _get_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def print_row(row: Row, console: Console) -> None:
    """As soon as it is there: two lines where somebody looks, one with tabs where a program reads."""
    cells = (row.work, row.measured, row.bound, row.target, row.verdict)
    if not console.is_terminal:
        print(*cells, sep="\t", flush=True)
        return
    style = {None: "", True: "green", False: "bold red"}[row.is_met]
    console.print(Text(row.work, style="bold"))
    words = (row.measured, row.bound, f"target {row.target}" if row.target else "", row.verdict)
    console.print(Text("    " + " · ".join(filter(None, words)), style=style))


def describe(machine: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def write_rst(path: Path, rows: Sequence[Row], machine: dict[str, str]) -> None:
    """A table for the documentation."""
    lines = [f"Measured with {describe(machine)}.", "", ".. list-table::", "   :header-rows: 1"]
    lines += ["   :widths: 36 28 20 10 6", ""]
    for cells in (
        ("work", "measured", "bound in the same run", "target", ""),
        *((row.work, row.measured, row.bound, row.target, row.verdict) for row in rows),
    ):
        lines += [f"   {'*' if not place else ' '} - {cell}".rstrip() for place, cell in enumerate(cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_json(path: Path, rows: Sequence[Row], machine: dict[str, str]) -> None:
    """All figures, for comparing runs."""
    value = {
        "machine": machine,
        "rows": [
            {
                "work": row.work,
                "target": row.target,
                "met": row.is_met,
                "measured": row.measured,
                "bound": row.bound,
                "noise": row.noise,
                "figures": dict(row.figures),
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
