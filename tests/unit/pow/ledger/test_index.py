"""The chunks of a ledger: read once, and anew where the file is another one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    blocks,
    collateral,
    count_queries,
    funding,
    registering,
    roll_back_to,
    row,
    time_of,
    write,
)

INDICES = (
    "CREATE INDEX i1 ON transactions(address)",
    "CREATE INDEX i2 ON transactions(recipient)",
    "CREATE INDEX i3 ON transactions(operation)",
    "CREATE INDEX i4 ON transactions(block_height)",
    "CREATE INDEX i5 ON transactions(reward)",
    "CREATE INDEX i6 ON transactions(timestamp)",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger #1 ?.db"


def open_registry(path: Path, *, chunk_rows: int = 7) -> LedgerRegistry:
    return LedgerRegistry(LedgerFile(path, 0.05, 2), NETWORK, RegistryOptions(chunk_rows))


def collaterals(registry: LedgerRegistry, height: int) -> list[str]:
    found, state = registry.derive_at(time_of(height))
    assert found == height
    return [entry.collateral for entry in state.entries]


def test_a_rollback_below_the_reference_is_noticed(path: Path) -> None:
    rows = [funding(FIRST + 1, n) for n in (1, 2, 3)]
    rows += [registering(FIRST + 5, 1), registering(FIRST + 20, 2)]
    write(path, blocks(FIRST, FIRST + 60, rows))
    registry = open_registry(path)
    assert collaterals(registry, FIRST + 10) == [collateral(1)]
    assert collaterals(registry, FIRST + 30) == [collateral(1), collateral(2)]
    roll_back_to(path, FIRST + 15)
    other = blocks(FIRST + 16, FIRST + 60, [registering(FIRST + 18, 3, fork=1)], fork=1)
    write(path, other)
    assert collaterals(registry, FIRST + 30) == [collateral(1), collateral(3)]
    assert collaterals(registry, FIRST + 10) == [collateral(1)]


def test_another_ledger_in_its_place_is_noticed(path: Path, tmp_path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 60, [funding(FIRST, 1), registering(FIRST + 5, 1)]))
    registry = open_registry(path)
    assert collaterals(registry, FIRST + 30) == [collateral(1)]
    other = tmp_path / "other.db"
    write(other, blocks(FIRST, FIRST + 60, [funding(FIRST, 2), registering(FIRST + 5, 2, fork=1)], fork=1))
    other.replace(path)
    assert collaterals(registry, FIRST + 30) == [collateral(2)]


def test_renumbered_rows_are_read_anew(path: Path) -> None:
    rows = [funding(FIRST, n) for n in (1, 2)] + [registering(FIRST + 30, 1), registering(FIRST + 31, 2)]
    write(path, blocks(FIRST, FIRST + 70, rows))
    registry = open_registry(path)
    assert collaterals(registry, FIRST + 29) == []
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "DELETE FROM transactions WHERE block_height BETWEEN ? AND ?", (FIRST + 2, FIRST + 20)
        )
        connection.commit()
        connection.execute("VACUUM")
    assert collaterals(registry, FIRST + 31) == [collateral(1), collateral(2)]


def test_only_new_chunks_are_read_again(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 99))
    registry = open_registry(path, chunk_rows=10)
    queries: list[str] = []
    registry.derive_at(time_of(FIRST + 40))
    first = count_queries(registry, queries, lambda: registry.derive_at(time_of(FIRST + 40)))
    write(path, blocks(FIRST + 100, FIRST + 104))
    second = count_queries(registry, queries, lambda: registry.derive_at(time_of(FIRST + 45)))
    # ten chunks: only the two at the end and the new one are read, with two queries each
    assert first < 20
    assert second < 25


def test_results_do_not_depend_on_indices(path: Path) -> None:
    rows = [funding(FIRST, n, 10_000 * n + 0.01) for n in (1, 2, 3)]
    rows += [registering(FIRST + 3, 3), registering(FIRST + 3, 1), registering(FIRST + 3, 2)]
    rows.append(row(FIRST + 3, collateral(1), FUNDER, 0.000001))
    rows.append(row(-FIRST - 900, "Hypernode Payouts", collateral(3), 0.03, fee=0))
    rows.append(row(FIRST + 3, FUNDER, collateral(3), 0.00000001))
    write(path, [rows[-2], *blocks(FIRST, FIRST + 40, rows)])
    plain = open_registry(path).derive_feed(FIRST + 10)
    with closing(sqlite3.connect(path)) as connection:
        for statement in INDICES:
            connection.execute(statement)
        connection.commit()
    assert open_registry(path).derive_feed(FIRST + 10) == plain
    assert [(e.collateral, e.weight) for e in plain[0].entries] == [
        (collateral(3), 3),
        (collateral(1), 0),
        (collateral(2), 2),
    ]
