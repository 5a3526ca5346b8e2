"""Answers as tables for people on a terminal.  What a peer sent is escaped, and is never markup."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hypernode.cli.output import make_console
from hypernode.core.printable import printable

MAX_ROWS: Final = 1_000
"""Of one table: what a terminal scrolls through."""
_CELL_CHARS: Final = 120
_HASH_CHARS: Final = 10
_TIME: Final = "%Y-%m-%d %H:%M:%S"


def print_value(action: str, value: object, console: Console | None = None) -> None:
    """The answer to ``action``, as JSON value, on the terminal."""
    screen = console or make_console()
    if value is False:
        screen.print("nothing found")
        return
    screen.print(_TABLES.get(action, _make_tree)(value))


def _make_tree(value: object) -> Table:
    """Names and values, what is nested indented below its name."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for depth, name, text in _walk(value, 0):
        if table.row_count >= MAX_ROWS:
            table.add_row("…", "more with --json")
            break
        table.add_row(Text("  " * depth + name, style="bold" if not text else ""), Text(text))
    return table


def _walk(value: object, depth: int) -> list[tuple[int, str, str]]:
    items: Sequence[tuple[object, object]]
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return [(depth, "", _show(value))]
    rows: list[tuple[int, str, str]] = []
    for name, item in items[:MAX_ROWS]:
        if _is_nested(item):
            rows.append((depth, _show(name), ""))
            rows += _walk(item, depth + 1)
        else:
            rows.append((depth, _show(name), _show_flat(item)))
    return rows


def _is_nested(value: object) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)


def _show_flat(value: object) -> str:
    return ", ".join(map(_show, value)) if isinstance(value, list) else _show(value)


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else printable(str(value), _CELL_CHARS)


def _show_time(value: object) -> str:
    if not isinstance(value, int) or not 0 < value < 2**32:
        return _show(value)
    return time.strftime(_TIME, time.localtime(value))


def _shorten(value: object) -> str:
    return printable(str(value)[:_HASH_CHARS])


def _make_messages(value: object) -> Table:
    table = _make_table("id", "height", "time", "sender", "recipient", "what", "params", "value")
    for row in _list_rows(value):
        if isinstance(row, list) and len(row) >= 8:
            txid, height, timestamp, *rest = row[:8]
            _add_row(table, [_shorten(txid), _show(height), _show_time(timestamp), *map(_show, rest)])
    return table


def _make_blocks(value: object) -> Table:
    table = _make_table("height", "round", "sir", "time", "messages", "sources", "forger", "hash")
    for row in _list_rows(value):
        if isinstance(row, Mapping):
            shown = [row.get(name) for name in ("height", "round", "sir")]
            cells = [*map(_show, shown), _show_time(row.get("timestamp"))]
            cells += [_show(row.get(name)) for name in ("msg_count", "uniques_sources", "forger")]
            _add_row(table, [*cells, _shorten(row.get("block_hash"))])
    return table


def _make_block(value: object) -> Table:
    """A block's fields, then its messages."""
    outer = Table(show_header=False, box=None, pad_edge=False)
    if isinstance(value, Mapping):
        fields = {name: item for name, item in value.items() if name != "txs"}
        outer.add_row(_make_tree(fields))
        outer.add_row(_make_messages(value.get("txs")))
    return outer


def _make_heights(value: object) -> Table:
    table = _make_table("peer", "height", "round", "sir", "uniques", "forgers", "hash")
    for peer, height in value.items() if isinstance(value, Mapping) else ():
        if isinstance(height, Mapping):
            numbers = [height.get(name) for name in ("height", "round", "sir", "uniques", "forgers")]
            _add_row(table, [_show(peer), *map(_show, numbers), _shorten(height.get("block_hash"))])
    return table


def _list_rows(value: object) -> list[object]:
    return value[:MAX_ROWS] if isinstance(value, list) else []


def _make_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _add_row(table: Table, cells: Sequence[str]) -> None:
    table.add_row(*(Text(cell) for cell in cells))


_TABLES: Final[Mapping[str, Callable[[object], Table]]] = {
    "block": _make_block,
    "blocksync": _make_blocks,
    "headers": _make_blocks,
    "tx": _make_messages,
    "address_txs": _make_messages,
    "mempool": _make_messages,
    "heights": _make_heights,
}
