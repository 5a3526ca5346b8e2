"""The generator of companions' ledgers makes what a real one looks like; no cost is asserted here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.pow_ledger import Shape, append_registration, main, make_collateral, make_pow_ledger
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Registration
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry

NETWORK = mainnet()
SHAPE = Shape(rows=3_000, addresses=40, registrants=9)


def list_all(path: Path) -> tuple[Registration, ...]:
    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    height = registry.find_height(4e9, confirmed=False)
    state, results = registry.derive_feed(height)
    registry.close()
    assert all(result.ok for _, result in results)
    return state.entries


def test_registrations_are_spread_and_every_fourth_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    make_pow_ledger(path, SHAPE, NETWORK)
    entries = list_all(path)
    assert [entry.collateral for entry in entries] == [make_collateral(n) for n in (0, 1, 2, 4, 5, 6, 8)]
    assert {entry.weight for entry in entries} == {1, 2, 3}
    append_registration(path, 77, NETWORK)
    assert list_all(path)[-1].collateral == make_collateral(77)
    with closing(sqlite3.connect(path)) as connection:
        count, mirrors = connection.execute(
            "SELECT count(*), sum(block_height < 0) FROM transactions WHERE rowid <= 3000"
        ).fetchall()[0]
    assert count == 3_000
    assert mirrors > 100


@pytest.mark.parametrize("flags", [["--indices"], ["--rsa"]])
def test_the_command_makes_the_same_lists_whatever_the_shape(tmp_path: Path, flags: list[str]) -> None:
    plain, other = tmp_path / "plain.db", tmp_path / "other.db"
    sizes = ["--rows", "3000", "--addresses", "40", "--registrants", "9"]
    assert main([str(plain), *sizes]) == 0
    assert main([str(other), *sizes, *flags]) == 0
    assert list_all(plain) == list_all(other)
    with pytest.raises(SystemExit):
        main([str(plain), *sizes])
