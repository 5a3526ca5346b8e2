"""What is written for legacy software: row for row, whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, Juror, Registration, RoundPlan
from hypernode.storage.archive.legacy_read import LegacyChain
from hypernode.storage.archive.legacy_schema import CHAIN_NAME, HYPERNODES_NAME
from hypernode.storage.archive.legacy_write import export_legacy
from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.storage.legacy_files import TRAPS, load_chain, make_trap_block, read_rows, write_legacy


def with_traps(name: str) -> tuple[ChainParams, list[Block]]:
    params, blocks = load_chain(name)
    return params, [*blocks, make_trap_block(params, blocks[-1])]


async def take_in(path: Path, params: ChainParams) -> tuple[SqliteLedger, LegacyChain]:
    """What is in a file, unjudged, in a ledger of ours."""
    source = LegacyChain(path, params)
    ledger = await open_ledger(InlineDatabase(), params)
    while blocks := await source.get_blocks(ledger.get_height().height + 1, 7):
        await ledger.append_many(blocks)
    await ledger.save_side_rows(source.list_side_rows())
    return ledger, source


@pytest.mark.parametrize("name", ["realchain", "chain"])
def test_export_of_an_import_equals_the_original_row_for_row(name: str, tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = with_traps(name)
        original = write_legacy(tmp_path / "original.db", params, blocks)
        ledger, source = await take_in(original, params)
        paths = await export_legacy(ledger, tmp_path / "out")
        assert [path.name for path in paths] == [CHAIN_NAME, HYPERNODES_NAME]
        assert read_rows(paths[0]) == read_rows(original)
        assert source.restored == len(TRAPS) - 2
        await source.close()

    asyncio.run(run())


def make_plan(round_: int, inactive: Sequence[str] = ()) -> RoundPlan:
    entries = tuple(
        Registration(f"c{n}", f"10.0.0.{n}", "6969", f"p{n}", f"r{n}", n, 1_600_000_000.5) for n in (1, 2, 3)
    )
    return RoundPlan(round_, 800_000, bytes(20), entries, tuple(inactive), (), (Juror("p1", 0),))


def test_an_exported_folder_has_the_lists_that_a_legacy_node_needs(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        ledger = await open_ledger(InlineDatabase(), params)
        await ledger.append_many(blocks)
        await ledger.save_plan(make_plan(10, ["p2"]))
        await ledger.save_plan(make_plan(11))
        await export_legacy(ledger, tmp_path / "new" / "folder")
        with closing(sqlite3.connect(tmp_path / "new" / "folder" / HYPERNODES_NAME)) as connection:
            rows = connection.execute("SELECT * FROM hypernodes ORDER BY round, address").fetchall()
            assert connection.execute("SELECT count(*) FROM reward_stats").fetchall() == [(0,)]
        assert len(rows) == 6
        assert rows[1] == (10, "p2", "10.0.0.2", 6969, 2, "c2", "r2", 1_600_000_000, 1_600_000_000, 0)
        assert [row[-1] for row in rows] == [1, 0, 1, 1, 1, 1]

    asyncio.run(run())


def test_export_never_overwrites_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        ledger = await open_ledger(InlineDatabase(), params)
        await ledger.append_many(blocks)
        (tmp_path / HYPERNODES_NAME).write_text("mine", encoding="utf-8")
        with pytest.raises(StorageError, match="there already"):
            await export_legacy(ledger, tmp_path)

        def fail(height: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await export_legacy(ledger, tmp_path / "out", fail)
        assert list((tmp_path / "out").iterdir()) == []

    asyncio.run(run())
