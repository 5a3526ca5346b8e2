"""The encoded size of every stored block is known without reading a message, also in older files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypernode.core.encoded_size import compute_block_size, compute_entry_size
from hypernode.core.types import UINT32_MAX, Block
from hypernode.ports.chain import Lane
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.storage.long_texts import LONG_CHARS
from hypernode.storage.rows import fetch_blocks
from hypernode.storage.schema.migrations import migrate
from hypernode.storage.schema.tables import LEDGER_MIGRATIONS
from tests.unit.storage.chains import GENESIS, NETWORK, block, chain, message

VERSION_WITHOUT = 2


def varied_chain() -> list[Block]:
    """Numbers and texts on either side of where their length takes one more byte."""
    blocks = chain(3)
    for sir, edge in enumerate(
        (127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 2**28 - 1, 2**28, UINT32_MAX)
    ):
        long = message((edge, "long"), params="p" * min(edge, LONG_CHARS), txid=bytes([sir]) * 96)
        odd = message((edge, "odd"), params="é€" * (sir + 10), value=edge, what=edge, timestamp=edge)
        blocks.append(block(blocks[-1], 9, sir, messages=[long, odd, message((edge, "plain"))]))
    return blocks


async def open_filled(path: Path, blocks: list[Block]) -> SqliteLedger:
    ledger = await open_ledger(InlineDatabase(path), NETWORK)
    await ledger.append_many(blocks)
    return ledger


async def make_older(path: Path, newer: Path) -> InlineDatabase:
    """A file of ``VERSION_WITHOUT`` with the rows of a newer one."""
    database = InlineDatabase(path)
    await migrate(database, LEDGER_MIGRATIONS[:VERSION_WITHOUT], "ledger")
    await database.fetch_all(f"ATTACH '{newer}' AS newer")
    for table in ("addresses", "signers", "params", "blocks", "messages"):
        rows = await database.fetch_all("SELECT name FROM pragma_table_info(?)", (table,))
        names = ", ".join(name for (name,) in rows)
        values = names
        if table == "messages":
            values = names.replace("id,", "(id >> 20 << 16) | (id & 65535),", 1)
        copy = f"INSERT INTO {table}({names}) SELECT {values} FROM newer.{table}"
        await database.write(lambda t, copy=copy: t.execute(copy))  # type: ignore[misc]
    await database.fetch_all("DETACH newer")
    return database


def list_sizes(blocks: list[Block]) -> list[tuple[int, int]]:
    return [(each.height, compute_block_size(each)) for each in blocks]


def test_sizes_of_a_span_and_of_a_round_are_those_of_the_blocks(tmp_path: Path) -> None:
    async def run() -> None:
        blocks = varied_chain()
        ledger = await open_filled(tmp_path / "l.db", blocks)
        assert await ledger.get_block_sizes(0, 99) == list_sizes([GENESIS, *blocks])
        assert await ledger.get_block_sizes(2, 3) == list_sizes(blocks[1:4])
        assert await ledger.get_block_sizes(99, 3) == await ledger.get_block_sizes(1, 0) == []
        assert await ledger.get_round_block_sizes(9) == list_sizes(blocks[3:])
        assert await ledger.get_round_block_sizes(77) == []
        await ledger.close()

    asyncio.run(run())


def test_ledger_of_the_version_before_gets_the_sizes_of_its_blocks(tmp_path: Path) -> None:
    async def run() -> None:
        blocks = varied_chain()
        await (await open_filled(tmp_path / "new.db", blocks)).close()
        database = await make_older(tmp_path / "old.db", tmp_path / "new.db")
        ledger = await open_ledger(database, NETWORK)
        assert await ledger.get_block_sizes(0, 99) == list_sizes([GENESIS, *blocks])
        assert await fetch_blocks(database, 0, 99) == [GENESIS, *blocks]
        further = block(blocks[-1], 10, 0, messages=[message("further")])
        await ledger.append(further)
        assert await ledger.get_block_sizes(further.height, 1) == list_sizes([further])
        await ledger.close()

    asyncio.run(run())


def test_blocks_are_taken_up_to_so_many_bytes_and_one_at_least(tmp_path: Path) -> None:
    async def run() -> None:
        blocks = varied_chain()
        ledger = await open_filled(tmp_path / "l.db", blocks)
        entries = [compute_entry_size(compute_block_size(each)) for each in blocks]
        everything = await ledger.make_of_blocks(1, 99, 10**9, lambda b: b)
        assert everything == blocks
        three = sum(entries[:3])
        assert await ledger.make_of_blocks(1, 99, three, lambda b: b.height) == [1, 2, 3]
        assert await ledger.make_of_blocks(1, 99, three - 1, lambda b: b.height) == [1, 2]
        assert await ledger.make_of_blocks(1, 2, 10**9, lambda b: b.height) == [1, 2]
        assert await ledger.make_of_blocks(1, 99, 0, lambda b: b.height) == [1]
        assert await ledger.make_of_blocks(len(blocks) + 1, 99, 10**9, lambda b: b.height) == []
        assert await ledger.get_reader(Lane.STRANGERS).make_of_blocks(1, 2, 10**9, lambda b: b.height) == [
            1,
            2,
        ]
        await ledger.close()

    asyncio.run(run())
