"""What a devnet shows: a live table on a terminal, else a line a slot, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_slot, compute_round_start, compute_slot_start
from hypernode.devnet.observer import NodeReport
from hypernode.devnet.verdict import DevnetResult

HASH_CHARS: Final = 12
BAR_WIDTH: Final = 40
_UP_STYLES: Final = {"SYNCING": "green", "FORGING": "bold cyan", "SENDING": "bold cyan", "START": "yellow"}
_BAD_STATES: Final = frozenset({"HALTED", "POW_NOT_SYNC"})


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as it is shown; ``note`` are words in place of a report while there is none."""

    name: str
    address: str
    ip: str
    report: NodeReport | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SlotClock:
    """Where in its round and slot the network is; parts from 0 to 1."""

    round: int
    sir: int
    slots_total: int
    is_closing: bool
    round_part: float
    slot_part: float
    until_round_s: float


def read_clock(params: ChainParams, now: float) -> SlotClock:
    """The clock at ``now`` (unix s)."""
    round_, sir = compute_round_slot(params, now)
    round_start, slot_start = compute_round_start(params, round_), compute_slot_start(params, round_, sir)
    return SlotClock(
        round=round_,
        sir=sir,
        slots_total=params.slots_total,
        is_closing=sir >= params.slots,
        round_part=(now - round_start) / params.round_s,
        slot_part=(now - slot_start) / params.slot_s,
        until_round_s=round_start + params.round_s - now,
    )


def make_screen(
    clock: SlotClock, rows: Sequence[NodeRow], juror: str, footer: str, width: int = 120
) -> RenderableType:
    """The live table: clock, nodes, and a line below.  ``juror``: address of the slot's, or empty; ``width``:
    of the terminal, in characters."""
    lines = [Text(footer, style="dim")]
    if words := describe_uncounted(rows):
        lines.insert(0, Text(words, style="yellow"))
    return Group(_make_clock(clock, rows, juror), _make_table(rows, juror, width), *lines)


def describe_uncounted(rows: Sequence[NodeRow]) -> str:
    """How many are registered and do not count, and why, by the node that says most; empty where none is."""
    reports = [row.report for row in rows if row.report is not None and row.report.uncounted]
    if not reports:
        return ""
    most = max(reports, key=lambda report: report.uncounted)
    return f"{most.uncounted} registered do not count: {most.uncounted_why}"


def format_line(clock: SlotClock, rows: Sequence[NodeRow]) -> str:
    """One plain line for a slot."""
    tips = {(row.report.height, row.report.block_hash) for row in rows if row.report}
    nodes = " ".join(f"{row.name}={_summarise(row)}" for row in rows)
    slot = "closing" if clock.is_closing else f"slot {clock.sir}"
    line = f"round {clock.round} {slot}: {len(tips)} chain{'s' if len(tips) != 1 else ''}, {nodes}"
    words = describe_uncounted(rows)
    return f"{line}; {words}" if words else line


def format_json(clock: SlotClock, rows: Sequence[NodeRow]) -> str:
    """The same for programs: one object on one line."""
    nodes = {
        row.name: {
            "ip": row.ip,
            "address": row.address,
            "note": row.note,
            "status": asdict(row.report) if row.report else None,
        }
        for row in rows
    }
    return json.dumps({"event": "slot", "round": clock.round, "sir": clock.sir, "nodes": nodes})


def format_verdict(verdict: DevnetResult, *, as_json: bool) -> str:
    """The end of a run that was to be judged."""
    if as_json:
        return json.dumps({"event": "verdict", "good": verdict.is_good, **asdict(verdict)})
    share = f"a block in {verdict.sealed} of {verdict.slots} slots"
    lines = [f"good: all nodes are on one chain, {share}" if verdict.is_good else f"not good ({share}):"]
    lines += [f"  {problem}" for problem in verdict.problems]
    if verdict.down:
        lines.append(f"  killed and not started again: {', '.join(verdict.down)}")
    return "\n".join(lines)


def _summarise(row: NodeRow) -> str:
    if row.report is None:
        return f"({row.note})"
    report = row.report
    return f"{report.state}:{report.height}:{report.block_hash[:8]}:{report.peers}p"


def _make_clock(clock: SlotClock, rows: Sequence[NodeRow], juror: str) -> Table:
    names = {row.address: row.name for row in rows}
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        Text(f"round {clock.round}", style="bold"),
        ProgressBar(total=1.0, completed=clock.round_part, width=BAR_WIDTH),
        Text(f"next in {clock.until_round_s:.0f} s"),
    )
    if clock.is_closing:
        slot, holder = "closing slot", "no juror"
    else:
        slot = f"slot {clock.sir} of {clock.slots_total}"
        holder = f"juror {names.get(juror, juror or 'not known yet')}"
    grid.add_row(
        Text(slot, style="bold"),
        ProgressBar(total=1.0, completed=clock.slot_part, width=BAR_WIDTH),
        Text(holder),
    )
    return grid


@dataclass(frozen=True, slots=True)
class _Column:
    """``weight``: the larger, the longer it stays where the terminal is narrow."""

    title: str
    weight: int
    is_number: bool = False


_COLUMNS: Final = (
    _Column("node", 9),
    _Column("ip", 2),
    _Column("state", 8),
    _Column("height", 7, is_number=True),
    _Column("hash", 3),
    _Column("peers", 5, is_number=True),
    _Column("mempool", 1, is_number=True),
    _Column("forged", 6, is_number=True),
)
_PADDING: Final = 3
"""Around a cell, with the line beside it."""


def _make_table(rows: Sequence[NodeRow], juror: str, width: int) -> Table:
    """As many columns as fit; the names with the juror's mark, and the states, never go."""
    cells = [_make_cells(row, juror) for row in rows]
    kept = list(range(len(_COLUMNS)))
    needed = [max(len(_COLUMNS[i].title), *(len(line[i]) for line in cells), 0) for i in kept]
    while len(kept) > 2 and sum(needed[i] + _PADDING for i in kept) + 1 > width:
        kept.remove(min(kept, key=lambda i: _COLUMNS[i].weight))
    table = Table(expand=False)
    for i in kept:
        column = _COLUMNS[i]
        table.add_column(column.title, justify="right" if column.is_number else "left", no_wrap=True)
    for line in cells:
        table.add_row(*(line[i] for i in kept))
    return table


def _make_cells(row: NodeRow, juror: str) -> list[Text]:
    """One of each column."""
    name = Text(f"{row.name} ◂" if row.address == juror else row.name)
    report = row.report
    if report is None:
        return [name, Text(row.ip), Text(row.note, style="red"), *(Text("") for _ in range(5))]
    return [
        name,
        Text(row.ip),
        Text(_name_state(report), style=_choose_style(report)),
        Text(str(report.height)),
        Text(report.block_hash[:HASH_CHARS]),
        Text(str(report.peers)),
        Text(str(report.mempool)),
        Text(str(report.forged)),
    ]


def _name_state(report: NodeReport) -> str:
    return f"{report.state} ({report.own_uncounted})" if report.own_uncounted else report.state


def _choose_style(report: NodeReport) -> str:
    if report.state in _BAD_STATES:
        return "bold red"
    return _UP_STYLES.get(report.state, "yellow" if not report.has_started else "")
