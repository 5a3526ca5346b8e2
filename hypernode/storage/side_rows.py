"""Rows of an imported legacy file that are not part of the chain, kept unchanged to be exported again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypernode.storage.interface import Reader, Row, Transaction

_CLEAR: Final = "DELETE FROM legacy_rows WHERE name = ?"
_SAVE: Final = "INSERT INTO legacy_rows VALUES(?, ?, ?)"
_GET: Final = "SELECT name, row FROM legacy_rows ORDER BY name, position"


async def save_side_rows(transaction: Transaction, tables: Mapping[str, Sequence[Row]]) -> None:
    """Keep the rows of some tables, in place of what was kept of them."""
    for name, rows in tables.items():
        await transaction.execute(_CLEAR, (name,))
        await transaction.execute_many(_SAVE, [(name, n, _dump(row)) for n, row in enumerate(rows)])


async def get_side_rows(reader: Reader) -> dict[str, list[Row]]:
    """All rows that are kept, by table, in their order."""
    tables: dict[str, list[Row]] = {}
    for name, text in await reader.fetch_all(_GET):
        tables.setdefault(name, []).append(_load(text))
    return tables


def _dump(row: Sequence[Any]) -> str:
    # bytes as an object with their hexadecimal text
    return json.dumps([{"hex": value.hex()} if isinstance(value, bytes) else value for value in row])


def _load(text: str) -> Row:
    values = json.loads(text)
    return tuple(bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in values)
