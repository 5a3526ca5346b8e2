"""Is a ledger whole?  By SQLite's own check, and by counting everything anew from its blocks."""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.kpis import compute_kpis
from hypernode.core.types import Block
from hypernode.storage.interface import Database
from hypernode.storage.ledger import SqliteLedger
from tests.unit.storage.chains import recount

ALL = 1 << 20
"""More blocks than any of these chains has."""


async def check_file(database: Database) -> None:
    """Raises AssertionError when the file is damaged."""
    assert await database.fetch_all("PRAGMA integrity_check") == [("ok",)]


async def check_ledger(ledger: SqliteLedger, database: Database) -> list[Block]:
    """The blocks of a ledger that is whole.  Raises AssertionError: a block in part, a block out of place, or
    a measure, KPI, or count that is not what its blocks give."""
    await check_file(database)
    blocks = await ledger.get_blocks(0, ALL)
    for below, block in zip(blocks, blocks[1:], strict=False):
        assert block.previous_hash == below.block_hash, f"block {block.height} hangs in the air"
        assert block.height == below.height + 1, f"block {below.height + 1} is missing"
        assert block.msg_count == len(block.messages), f"block {block.height} is there in part"
    assert ledger.get_height() == recount(blocks), "the measures are not those of the blocks"
    await _check_counts(database, blocks)
    assert await ledger.get_kpis(0, ALL) == compute_kpis(blocks[1:]), "the KPIs are not those of the blocks"
    return blocks


async def _check_counts(database: Database, blocks: Sequence[Block]) -> None:
    rows = await database.fetch_all("SELECT count(*) FROM messages")
    assert rows == [(sum(block.msg_count for block in blocks),)], "messages of no block"
    present = {(a, b.height) for b in blocks for m in b.messages for a in (m.sender, m.recipient)}
    stored = await database.fetch_all(
        "SELECT a.address, p.height FROM presence p CROSS JOIN addresses a ON a.id = p.address_id"
    )
    assert len(stored) == len(present), "who is in which block"
    assert set(stored) == present, "who is in which block"
    totals: dict[str, list[int]] = {}
    for block in blocks[1:]:
        totals.setdefault(block.forger, [0, 0])[1] += 1
        for message in block.messages:
            totals.setdefault(message.sender, [0, 0])[0] += 1
    found = await database.fetch_all("SELECT address, sent, forged FROM addresses WHERE sent OR forged")
    assert {a: [s, f] for a, s, f in found} == totals, "totals of addresses"
