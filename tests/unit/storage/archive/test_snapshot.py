"""A snapshot is consistent, whole, two rounds old, and made beside a node that goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.types import Block
from hypernode.health.duty_log import SlotRecord
from hypernode.machine.slot_account import Outcome
from hypernode.storage.archive.archives import compute_sha256, extract
from hypernode.storage.archive.legacy_read import LegacyChain
from hypernode.storage.archive.legacy_schema import CHAIN_NAME, HYPERNODES_NAME
from hypernode.storage.archive.snapshot import (
    LEDGER_NAME,
    MANIFEST_NAME,
    Manifest,
    load_manifest,
    write_snapshot,
)
from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.ledger import SqliteLedger, open_ledger, open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase
from tests.unit.storage.chains import NETWORK, chain

CREATED = 1_700_000_000


async def make_ledger(path: Path, length: int = 30) -> tuple[SqliteLedger, list[Block]]:
    """Three blocks in a round: the tip is in round 10."""
    ledger = await open_ledger(InlineDatabase(path), NETWORK)
    blocks = chain(length)
    await ledger.append_many(blocks)
    await ledger.save_status(8, {"ip": "10.0.0.1"})
    return ledger, blocks


async def pack(tmp_path: Path, *, legacy: bool = False) -> Manifest:
    folder = tmp_path / "work"
    folder.mkdir()
    target = tmp_path / "s.tar.gz"
    return await write_snapshot(tmp_path / "ledger.db", NETWORK, target, folder, CREATED, legacy=legacy)


def test_snapshot_of_a_running_node_ends_two_rounds_ago(tmp_path: Path) -> None:
    async def run() -> None:
        # open, with its write-ahead log, as the daemon has it
        ledger, blocks = await make_ledger(tmp_path / "ledger.db")
        await ledger.save_final_round(8, [SlotRecord(8, 3, Outcome.FORGED)], {"round": 8})
        manifest = await pack(tmp_path)
        await ledger.append_many(chain(33)[30:])
        assert manifest.height == 24
        assert manifest.block_hash == blocks[23].block_hash.hex()
        (tmp_path / "out").mkdir()
        found = extract(tmp_path / "s.tar.gz", (LEDGER_NAME, MANIFEST_NAME), tmp_path / "out")
        assert load_manifest(found[MANIFEST_NAME], tmp_path) == manifest
        assert manifest.sha256 == {LEDGER_NAME: compute_sha256(found[LEDGER_NAME])}
        copy = await open_ledger_to_read(SnapshotDatabase(found[LEDGER_NAME]), NETWORK)
        assert copy.get_height() == await ledger.get_height_at(24)
        assert await copy.get_blocks(1, 100) == blocks[:24]
        # the node's own business stays with it
        assert await copy.get_status(8) is None
        assert await ledger.get_status(8) is not None
        assert not await copy.get_slot_records(0, 99)
        assert not await copy.get_summaries(0, 99)
        assert len(await ledger.get_slot_records(0, 99)) == 1
        await copy.close()
        await ledger.close()

    asyncio.run(run())


def test_snapshot_in_the_legacy_format_holds_both_files(tmp_path: Path) -> None:
    async def run() -> None:
        ledger, blocks = await make_ledger(tmp_path / "ledger.db")
        manifest = await pack(tmp_path, legacy=True)
        assert set(manifest.sha256) == {CHAIN_NAME, HYPERNODES_NAME}
        (tmp_path / "out").mkdir()
        found = extract(tmp_path / "s.tar.gz", (CHAIN_NAME, HYPERNODES_NAME), tmp_path / "out")
        assert set(found) == {CHAIN_NAME, HYPERNODES_NAME}
        source = LegacyChain(found[CHAIN_NAME], NETWORK)
        assert source.tip_height == 24
        # rows come back in the order of their times
        assert [b.block_hash for b in await source.get_blocks(1, 100)] == [b.block_hash for b in blocks[:24]]
        await source.close()
        await ledger.close()

    asyncio.run(run())


def test_young_chain_gives_its_genesis(tmp_path: Path) -> None:
    async def run() -> None:
        ledger, _ = await make_ledger(tmp_path / "ledger.db", 4)
        assert (await pack(tmp_path)).height == 0
        await ledger.close()

    asyncio.run(run())


def test_snapshot_never_overwrites_and_needs_a_whole_chain(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "ledger.db"
        ledger = await open_ledger(InlineDatabase(path), NETWORK)
        blocks = [replace(b, timestamp=1_600_000_000 + b.height * 1_200) for b in chain(30)]
        await ledger.append_many(blocks)
        (tmp_path / "s.tar.gz").write_text("mine", encoding="utf-8")
        with pytest.raises(StorageError, match="there already"):
            await pack(tmp_path)
        (tmp_path / "s.tar.gz").unlink()
        (tmp_path / "work").rmdir()
        assert await ledger.prune(5) > 0
        with pytest.raises(StorageError, match="pruned"):
            await pack(tmp_path)
        assert not (tmp_path / "s.tar.gz").exists()
        await ledger.close()

    asyncio.run(run())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"network": 1}', json.dumps({"sha256": 3})])
def test_manifest_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "m").write_text(content, encoding="utf-8")
    with pytest.raises(StorageError, match="manifest cannot be read"):
        load_manifest(tmp_path / "m", tmp_path / "a.tar.gz")
