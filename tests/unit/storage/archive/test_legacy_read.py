"""The legacy software's files: what is imported is exported again row for row."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block
from hypernode.storage.archive.legacy_read import LegacyChain, holds_legacy_chain
from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.ledger import open_ledger
from tests.unit.storage.legacy_files import load_chain, make_trap_block, write_legacy


def with_traps(name: str) -> tuple[ChainParams, list[Block]]:
    params, blocks = load_chain(name)
    return params, [*blocks, make_trap_block(params, blocks[-1])]


def test_blocks_come_back_as_they_were_sealed(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = with_traps("realchain")
        source = LegacyChain(write_legacy(tmp_path / "x.db", params, blocks), params)
        assert await source.get_blocks(1, 1_000) == blocks
        assert source.lost == []
        assert source.tip_height == blocks[-1].height
        assert await source.get_hash(3) == blocks[2].block_hash
        assert await source.get_hash(99) is None
        # out of order, and beyond the end
        assert await source.get_blocks(3, 2) == blocks[2:4]
        assert await source.get_blocks(blocks[-1].height, 5) == blocks[-1:]
        assert await source.get_blocks(blocks[-1].height + 1, 5) == []
        await source.close()

    asyncio.run(run())


def test_messages_of_one_second_keep_their_order_after_times(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        path = write_legacy(tmp_path / "x.db", params, blocks[:1])
        with closing(sqlite3.connect(path)) as connection, connection:
            # a legacy node stores them in any order; (timestamp, rowid) is that of the block
            rows = connection.execute("SELECT * FROM pos_messages ORDER BY rowid").fetchall()
            connection.execute("DELETE FROM pos_messages")
            later = sorted(rows, key=lambda row: -row[2])
            for row in later:
                connection.execute(f"INSERT INTO pos_messages VALUES({','.join('?' * 10)})", row)
        source = LegacyChain(path, params)
        [block] = await source.get_blocks(1, 1)
        times = [m.timestamp for m in block.messages]
        assert times == sorted(times)
        assert {m.txid for m in block.messages} == {m.txid for m in blocks[0].messages}
        await source.close()

    asyncio.run(run())


def test_params_that_no_text_fits_are_told(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        lost = make_trap_block(params, blocks[-1], ("a", "b", "1" * 30, "c"))
        source = LegacyChain(write_legacy(tmp_path / "x.db", params, [*blocks, lost]), params)
        [block] = await source.get_blocks(lost.height, 1)
        assert source.lost == [(lost.height, lost.messages[2].txid)]
        assert source.restored == 0
        assert block.messages[2].params == "1.111111111111111e+29"
        assert [m.params for m in block.messages if m.txid != lost.messages[2].txid] == ["a", "b", "c"]
        await source.close()

    asyncio.run(run())


def test_messages_of_no_block_are_left_out_and_counted(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        path = write_legacy(tmp_path / "x.db", params, blocks)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM pos_chain WHERE height = 21")
        source = LegacyChain(path, params)
        assert source.tip_height == 20
        assert source.count_orphans() == len(blocks[-1].messages)
        assert await source.get_blocks(20, 5) == [blocks[19]]
        await source.close()

    asyncio.run(run())


BROKEN = {
    "no table": "DROP TABLE pos_chain",
    "no messages": "DROP TABLE pos_messages",
    "no block": "DELETE FROM pos_chain",
    "text for a number": "UPDATE pos_chain SET round = 'x' WHERE height = 3",
    "number for bytes": "UPDATE pos_chain SET block_hash = 5 WHERE height = 3",
    "bytes for text": "UPDATE pos_messages SET sender = x'ff'",
    "float for a number": "UPDATE pos_messages SET timestamp = 1.5",
}


@pytest.mark.parametrize("name", BROKEN)
def test_file_that_is_no_chain_is_refused_in_words(name: str, tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        path = write_legacy(tmp_path / "x.db", params, blocks)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(BROKEN[name])
        with pytest.raises(StorageError, match=r"expected|no block in it"):
            await LegacyChain(path, params).get_blocks(1, 100)

    asyncio.run(run())


def test_kinds_of_files_are_told_apart_by_content(tmp_path: Path) -> None:
    async def run() -> None:
        params, blocks = load_chain("realchain")
        await (await open_ledger(InlineDatabase(tmp_path / "ours.db"), params)).close()
        assert holds_legacy_chain(write_legacy(tmp_path / "theirs.db", params, blocks))
        assert not holds_legacy_chain(tmp_path / "ours.db")
        with pytest.raises(StorageError, match="no such file"):
            holds_legacy_chain(tmp_path / "none.db")

    asyncio.run(run())


def test_mis_cut_message_is_cut_as_the_spec_says(tmp_path: Path) -> None:
    async def run() -> None:
        network, blocks = load_chain("realchain")
        m = blocks[0].messages[0]
        # the same signed bytes, cut one character later
        signed = m.recipient.encode() + m.what.to_bytes(4, "big") + m.params.encode()
        recipient, what, params = signed[:35], signed[35:39], signed[39:]
        wrong = replace(
            m, recipient=recipient.decode(), what=int.from_bytes(what, "big"), params=params.decode()
        )
        block = replace(blocks[0], messages=(wrong, *blocks[0].messages[1:]))
        source = LegacyChain(write_legacy(tmp_path / "x.db", network, [block]), network)
        assert await source.get_blocks(1, 1) == blocks[:1]
        await source.close()

    asyncio.run(run())
