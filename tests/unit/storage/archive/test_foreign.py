"""Databases that somebody else wrote: reading them runs nothing of his, holds little, and ends."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block
from hypernode.storage.archive import foreign, legacy_read
from hypernode.storage.archive.foreign import require_file
from hypernode.storage.archive.legacy_read import LegacyChain
from hypernode.storage.database import InlineDatabase
from hypernode.storage.inspection import check_sizes, check_whole
from hypernode.storage.interface import StorageError
from hypernode.storage.ledger import open_ledger, open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase
from tests.unit.storage.legacy_files import load_chain, write_legacy

NETWORK, BLOCKS = load_chain("realchain")
LIMIT = 4 * 1024**2


def spoil(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"BEGIN; {sql} COMMIT;")
    return path


def read(path: Path, params: ChainParams = NETWORK) -> list[Block]:
    """All of a legacy chain."""

    async def run() -> list[Block]:
        chain = LegacyChain(path, params)
        try:
            found: list[Block] = []
            while blocks := await chain.get_blocks(len(found), 1_000):
                found += blocks
            await chain.get_hash(1)
            chain.list_side_rows()
            chain.count_orphans()
            return found
        finally:
            await chain.close()

    return asyncio.run(run())


CODE = {
    "view for a table": "DROP TABLE pos_chain; CREATE VIEW pos_chain AS SELECT 1 height;",
    "endless view": "DROP TABLE pos_rounds; CREATE VIEW pos_rounds AS WITH RECURSIVE c(n) AS "
    "(SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c;",
    "view beside": "CREATE VIEW v AS SELECT 1;",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON pos_chain BEGIN DELETE FROM pos_chain; END;",
    "virtual table": "CREATE VIRTUAL TABLE v USING fts4(x);",
    "computed column": "DROP TABLE addresses; CREATE TABLE addresses(a, b AS (zeroblob(900000000)));",
    "stored column": "DROP TABLE addresses; CREATE TABLE addresses(a, b AS (a || a) STORED);",
    "many tables": "".join(f"CREATE TABLE t{n}(x);" for n in range(foreign.MAX_OBJECTS)),
    "many columns": f"CREATE TABLE wide({','.join(f'c{n}' for n in range(foreign.MAX_COLUMNS + 1))});",
}


@pytest.mark.parametrize("kind", CODE)
def test_a_file_with_code_in_it_is_refused(tmp_path: Path, kind: str) -> None:
    path = spoil(write_legacy(tmp_path / "x.db", NETWORK, BLOCKS), CODE[kind])
    with pytest.raises(StorageError, match=r"x\.db: "):
        read(path)


VALUES = {
    "height over the wire's": "UPDATE pos_chain SET height = 4294967296 WHERE height = 1;",
    "largest height": "UPDATE pos_chain SET height = 9223372036854775807 WHERE height = 1;",
    "negative slot": "UPDATE pos_chain SET sir = -5 WHERE height = 1;",
    "negative round": "UPDATE pos_chain SET round = -1 WHERE height = 2;",
    "large time": "UPDATE pos_messages SET timestamp = 9223372036854775807;",
    "infinite value": "UPDATE pos_messages SET value = 9e999;",
    "text for a value": "UPDATE pos_messages SET value = 'x';",
    "no value": "UPDATE pos_messages SET value = NULL;",
    "no height": "DROP TABLE pos_chain; CREATE TABLE pos_chain(height, round, sir, timestamp, previous_hash,"
    "msg_count, uniques_sources, signature, block_hash, received_by, forger);"
    "INSERT INTO pos_chain VALUES(NULL,0,0,0,x'',0,0,x'',x'','','');",
    "text for a height": "DROP TABLE pos_chain; CREATE TABLE pos_chain(height, round, sir, timestamp,"
    "previous_hash, msg_count, uniques_sources, signature, block_hash, received_by, forger);"
    "INSERT INTO pos_chain VALUES('x',0,0,0,x'',0,0,x'',x'','','');",
    "long signature": "UPDATE pos_chain SET signature = zeroblob(100000) WHERE height = 2;",
    "long address": "UPDATE pos_messages SET sender = hex(zeroblob(100000));",
    "bytes that are no text": "UPDATE pos_messages SET sender = CAST(x'fffe00' AS TEXT);",
    "no rows by number": "DROP TABLE pos_messages; CREATE TABLE pos_messages(txid PRIMARY KEY, block_height,"
    "timestamp, sender, recipient, what, params, value, pubkey, received) WITHOUT ROWID;",
    "lacks a column": "DROP TABLE pos_messages; CREATE TABLE pos_messages(txid);",
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_that_no_chain_has_are_refused_in_words(tmp_path: Path, kind: str) -> None:
    path = spoil(write_legacy(tmp_path / "x.db", NETWORK, BLOCKS), VALUES[kind])
    with pytest.raises(StorageError) as caught:
        read(path)
    assert len(str(caught.value)) < 500


def test_a_value_of_hundreds_of_megabytes_is_not_held(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "x.db", NETWORK, BLOCKS)
    spoil(path, "UPDATE pos_messages SET params = zeroblob(3000000) WHERE rowid = 1;")
    with pytest.raises(StorageError, match="too big"):
        read(path, replace(NETWORK, mixed_block_bytes=2_000_000))


def test_a_block_of_many_bytes_is_not_held(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "x.db", NETWORK, BLOCKS)
    spoil(path, "UPDATE pos_messages SET params = hex(zeroblob(500)), block_height = 1;")
    with pytest.raises(StorageError, match="block 1 has more bytes than any node reads"):
        read(path, replace(NETWORK, mixed_block_bytes=10_000))


def test_what_reads_all_rows_for_each_row_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "LEAST_STEPS", 1_000_000)
    monkeypatch.setattr(foreign, "STEPS_PER_BYTE", 1)
    columns = "txid, block_height, timestamp, sender, recipient, what, params, value, pubkey, received"
    path = spoil(
        write_legacy(tmp_path / "x.db", NETWORK, BLOCKS),
        # a column that is called as the number of the row has no index: each block reads all rows
        f"DROP TABLE pos_messages; CREATE TABLE pos_messages(rowid, {columns}); DELETE FROM pos_chain;"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 3000) INSERT INTO pos_chain "
        "SELECT n,n,0,n,zeroblob(20),0,0,zeroblob(64),zeroblob(20),'','' FROM c;"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 3000) INSERT INTO pos_messages "
        "SELECT n,zeroblob(64),n,0,'','',0,'x',0,zeroblob(64),0 FROM c;",
    )
    with pytest.raises(StorageError, match="interrupted"):
        read(path)


def test_an_honest_file_needs_a_small_part_of_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "LEAST_STEPS", 0)
    monkeypatch.setattr(foreign, "STEPS_AT_ONCE", 1_000)
    monkeypatch.setattr(foreign, "STEPS_PER_BYTE", foreign.STEPS_PER_BYTE // 5)
    path = write_legacy(tmp_path / "x.db", NETWORK, BLOCKS)
    assert read(path)[1:] == BLOCKS


def test_rows_beside_the_chain_are_kept_as_far_as_they_can_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy_read, "MAX_SIDE_BYTES", 10_000)
    monkeypatch.setattr(legacy_read, "MAX_SIDE_ROW_BYTES", 3_000)
    path = write_legacy(tmp_path / "x.db", NETWORK, BLOCKS, sides=False)
    spoil(
        path,
        "INSERT INTO pos_rounds VALUES(1, hex(zeroblob(1000)), '', ''), (2, hex(zeroblob(2000)), '', ''), "
        "(3, hex(zeroblob(1000)), '', ''), (4, hex(zeroblob(1000)), '', ''), "
        "(5, hex(zeroblob(1000)), '', ''), (6, hex(zeroblob(1000)), '', ''), (7, '', '', '');",
    )
    chain = LegacyChain(path, NETWORK)
    assert [row[0] for row in chain.list_side_rows()["pos_rounds"]] == [1, 3, 4, 5, 7]
    assert chain.lacks_side_rows
    asyncio.run(chain.close())


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "missing", "nul"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case "nul":
            path = Path("a\0b")
    with pytest.raises(StorageError, match=r"no (such )?file"):
        require_file(path)


def make_ledger(path: Path, *blocks: Block) -> Path:
    async def run() -> None:
        ledger = await open_ledger(InlineDatabase(path), NETWORK)
        await ledger.append_many(blocks or BLOCKS)
        await ledger.close()

    asyncio.run(run())
    return path


async def look(path: Path) -> None:
    """What an import does with a snapshot of ours before it reads a block."""
    database = SnapshotDatabase(path, max_value_bytes=LIMIT)
    try:
        await open_ledger_to_read(database, NETWORK)
        await check_whole(database)
        await check_sizes(database)
    finally:
        await database.close()


LYING = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, {}) WHERE name = '{}';"


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE blocks RENAME TO b; CREATE VIEW blocks AS SELECT * FROM b;",
        "CREATE TRIGGER t AFTER INSERT ON blocks BEGIN DELETE FROM blocks; END;",
        "CREATE TABLE extra(x);",
        LYING.format("'substr(txid, -4)', 'zeroblob(900000000)'", "messages"),
        # a table that lets anything in, made strict afterwards
        LYING.format("') STRICT', ')'", "findings"),
        "UPDATE blocks SET encoded_bytes = 1 WHERE height = 2;",
        "UPDATE blocks SET encoded_bytes = -1;",
        "INSERT OR REPLACE INTO params SELECT id, char(0x2026) || hex(zeroblob(32)) FROM params WHERE id = 1;"
        "INSERT INTO long_texts VALUES(zeroblob(32), 0, 1, hex(zeroblob(100000)));",
    ],
)
def test_a_snapshot_that_was_tampered_with_is_refused(tmp_path: Path, sql: str) -> None:
    path = make_ledger(tmp_path / "ledger.db")
    asyncio.run(look(path))
    spoil(path, sql)
    with pytest.raises(StorageError, match=r"ledger\.db"):
        asyncio.run(look(path))


def test_values_of_another_type_than_their_column_are_found(tmp_path: Path) -> None:
    path = make_ledger(tmp_path / "ledger.db")
    spoil(path, LYING.format("'STRICT', ''", "addresses"))
    spoil(path, "UPDATE addresses SET sent = 'many';")
    spoil(path, LYING.format("'DEFAULT 0)', 'DEFAULT 0) STRICT'", "addresses"))
    with pytest.raises(StorageError, match=r"ledger\.db"):
        asyncio.run(look(path))
