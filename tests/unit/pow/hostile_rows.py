"""A companion's ledger into which anybody may have written: made, spoilt, and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hypernode.core.registrations.registry import REGISTER, RegistryState
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    blocks,
    collateral,
    funding,
    registering,
    text_of,
    time_of,
    write,
)

INSERT = "INSERT INTO transactions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
MIB = 1 << 20
HEIGHT = FIRST + 3
OWN = collateral(9)
EXPECTED = [(collateral(1), 1), (collateral(2), 1)]


def write_ledger(folder: Path) -> Path:
    """The path of a ledger with two registrations, the second above what ``derive`` looks at."""
    made = folder / "ledger.db"
    rows = [funding(FIRST, 1), registering(FIRST + 1, 1), funding(FIRST, 2), registering(FIRST + 9, 2)]
    write(made, blocks(FIRST, FIRST + 60, rows))
    return made


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def insert(path: Path, *rows: Sequence[Any]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(INSERT, rows)
        connection.commit()


def make_row(**values: Any) -> list[Any]:
    columns = {
        "block_height": HEIGHT,
        "timestamp": time_of(HEIGHT),
        "address": OWN,
        "recipient": OWN,
        "amount": 0,
        "signature": "s",
        "public_key": "k",
        "block_hash": "h",
        "fee": 0.01,
        "reward": 0,
        "operation": REGISTER,
        "openfield": text_of(9),
    }
    return list((columns | values).values())


def derive(path: Path, *, chunk_rows: int = 10, verify: bool = False) -> RegistryState:
    registry = LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions(chunk_rows, verify=verify))
    status = registry.get_status(time_of(FIRST + 60))
    assert (status.height, status.problem) == (FIRST + 60, "")
    return registry.derive_at(time_of(FIRST + 30))[1]


def list_others(state: RegistryState) -> list[tuple[str, int]]:
    return [(entry.collateral, entry.weight) for entry in state.entries if entry.collateral != OWN]
