"""Short queries to a file that anybody may have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger import reader as ledger_reader
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.hostile_rows import (
    EXPECTED,
    HEIGHT,
    change,
    derive,
    list_others,
    write_ledger,
)
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    time_of,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_ledger(tmp_path)


ENDLESS = (
    "CREATE VIEW transactions AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n "
    "rowid,"
    " n block_height, n timestamp, 'a' address, 'b' recipient, 0 amount, '' signature, '' public_key,"
    " '' block_hash, 0 fee, 1 reward, '' operation, '' openfield FROM c"
)


RENAME = "ALTER TABLE transactions RENAME TO t"


GENERATED = "ALTER TABLE t ADD COLUMN openfield AS (zeroblob(100000000))"


@pytest.mark.parametrize("rowid", [2**63 - 1, 10**12, -5, 0], ids=["the last", "far", "negative", "zero"])
def test_rows_may_lie_far_apart(path: Path, rowid: int) -> None:
    change(path, f"INSERT INTO transactions(rowid, block_height) VALUES ({rowid}, {HEIGHT})")
    assert list_others(derive(path)) == EXPECTED


def test_pieces_that_are_too_many_are_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_reader, "MAX_SPANS", 8)
    with pytest.raises(PowNotReady, match="too far apart"):
        LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions(8)).derive_at(time_of(FIRST + 30))
    assert list_others(derive(path, chunk_rows=10)) == EXPECTED


@pytest.mark.parametrize(
    "statements",
    [
        (RENAME, "CREATE VIEW transactions AS SELECT * FROM t"),
        (RENAME, ENDLESS),
        (
            "ALTER TABLE transactions DROP COLUMN openfield",
            RENAME,
            GENERATED,
            "ALTER TABLE t RENAME TO transactions",
        ),
        ("DROP TABLE transactions", "CREATE VIRTUAL TABLE transactions USING fts5(block_height)"),
        ("ALTER TABLE transactions ADD COLUMN rowid",),
    ],
    ids=["view", "endless", "generated", "virtual", "rowid"],
)
def test_what_is_computed_is_no_ledger(path: Path, statements: tuple[str, ...]) -> None:
    change(path, *statements)
    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    assert "are computed" in registry.get_status(0).problem
    with pytest.raises(PowNotReady, match="are computed"):
        registry.derive_at(time_of(FIRST + 30))


def test_a_column_that_is_computed_beside_ours_is_left_alone(path: Path) -> None:
    change(path, "ALTER TABLE transactions ADD COLUMN g AS (zeroblob(100000000))")
    assert list_others(derive(path)) == EXPECTED


def test_a_query_that_does_not_end_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_reader, "MAX_OPS", 200_000)
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT MAX(n) FROM c"
    with LedgerFile(path).open() as reader:
        with pytest.raises(PowNotReady, match="did not end"):
            reader.query(endless)
        assert reader.query("SELECT 1") == [(1,)]
