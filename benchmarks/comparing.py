"""This run beside an earlier one: what changed by more than both of them went up and down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import USUAL_NOISE, Row


def compare(path: Path, rows: Sequence[Row]) -> list[str]:
    """Lines for who reads them.  Raises ValueError for a file that ``--json`` did not write, OSError."""
    before = {row["work"]: row for row in _load(path)}
    lines = [line for row in rows if (line := _compare_row(before.get(row.work), row))]
    lines += [f"gone: {work}" for work in before if work not in {row.work for row in rows}]
    return lines or [f"nothing changed by more than the noise, in {len(rows)} lines"]


def _load(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return [{"work": row["work"], **row} for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not what --json writes ({error!r})") from error


def _compare_row(before: Mapping[str, Any] | None, row: Row) -> str:
    """Empty where nothing changed, or there is no figure."""
    if before is None:
        return f"new: {row.work}: {row.measured}"
    for name, now in row.figures.items():
        was = before.get("figures", {}).get(name)
        if not was:
            continue
        share, noise = now / was - 1, row.noise + before.get("noise", USUAL_NOISE)
        if abs(share) <= noise:
            return ""
        return f"{share:+.0%} {row.work}: {name} {was:.3g} → {now:.3g} (noise {noise:.0%})"
    return ""
