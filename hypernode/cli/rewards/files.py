"""A week's rewards as files: the two CSV files of spec 7, all entries as a third, a picture.

Numbers in them are as Python writes them: a double has its shortest text that reads back as the same double.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

from hypernode.cli.svg import Panel, Series, draw
from hypernode.core.rewards import RewardEntry, Rewards
from hypernode.core.types import Round

PER_HYPERNODE = ("address", "reward_address", "reward", "total_weight", "weight")
PER_ADDRESS = ("reward_address", "reward", "total_weights", "total_tokens")


class FilesDiffer(Exception):
    """There are files of that name with other contents: words."""


def format_files(name: str, rewards: Rewards, entries: Sequence[RewardEntry] | None) -> dict[str, str]:
    """Contents by file name, for a span called ``name`` (``week290``); with ``entries`` one of them, too."""
    files = {
        f"{name}_per_hn_address.csv": _format_csv(
            PER_HYPERNODE, ([getattr(row, column) for column in PER_HYPERNODE] for row in rewards.hypernodes)
        ),
        f"{name}_per_reward_address.csv": _format_csv(
            PER_ADDRESS, ([getattr(row, column) for column in PER_ADDRESS] for row in rewards.addresses)
        ),
    }
    if entries is not None:
        files[f"{name}_entries.csv"] = _format_entries(entries)
    return files


def _format_entries(entries: Sequence[RewardEntry]) -> str:
    rows = [
        {
            "round": entry.round,
            "address": entry.address,
            "weight": entry.weight,
            **asdict(entry.kpis),
            "score": entry.score,
            "reward_address": entry.reward_address,
        }
        for entry in entries
    ]
    return _format_csv(tuple(rows[0]) if rows else (), (list(row.values()) for row in rows))


def _format_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def save_files(folder: Path, files: Mapping[str, str], *, is_forced: bool) -> None:
    """All of them, each whole or not at all; equal ones that are there already stay.  Raises FilesDiffer when
    one is there with other contents, unless ``is_forced``, and OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    differing = [
        name
        for name, text in files.items()
        if (folder / name).exists() and (folder / name).read_text(encoding="utf-8") != text
    ]
    if differing and not is_forced:
        names = ", ".join(str(folder / name) for name in differing)
        raise FilesDiffer(f"there are other figures in {names}: look why, or say --force to replace them")
    for name, text in files.items():
        new = folder / f"{name}.new"
        new.write_text(text, encoding="utf-8", newline="")
        os.replace(new, folder / name)


def draw_rewards(title: str, rewards: Rewards, entries: Sequence[RewardEntry]) -> str:
    """A picture: rewards, largest first; the mean scores in the same order; the weights of each round."""
    scores: dict[str, list[float]] = {}
    for entry in entries:
        scores.setdefault(entry.address, []).append(entry.score)
    reaching = [entry for entry in entries if entry.score >= rewards.trigger]
    order = list(enumerate(rewards.hypernodes, start=1))
    means = [(float(place), fmean(scores[row.address])) for place, row in order]
    return draw(
        title,
        [
            Panel(
                title,
                "hypernodes, the largest reward first",
                "BIS",
                [Series("", [(float(place), row.reward) for place, row in order], "bars")],
            ),
            Panel(
                "Mean score of all rounds",
                "hypernodes, the largest reward first",
                "score",
                [Series("", means, "points")],
                ("trigger", rewards.trigger),
            ),
            Panel(
                "Weights of each round",
                "round",
                "weight",
                [
                    Series("with KPIs", _sum_by_round(entries)),
                    Series("that reach the trigger", _sum_by_round(reaching)),
                ],
            ),
        ],
    )


def _sum_by_round(entries: Iterable[RewardEntry]) -> list[tuple[float, float]]:
    sums: dict[Round, int] = {}
    for entry in entries:
        sums[entry.round] = sums.get(entry.round, 0) + max(0, entry.weight)
    return sorted(sums.items())
