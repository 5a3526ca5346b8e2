"""Is what is on the disk whole?  By SQLite's own check, and by counting everything anew from the blocks."""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.block import to_header
from hypernode.core.kpis import compute_kpis
from hypernode.core.types import Block
from hypernode.storage.interface import Database
from hypernode.storage.ledger import SqliteLedger
from tests.soak.work import Expected
from tests.unit.storage.chains import recount

ALL = 1 << 20
"""More blocks than any of these chains has."""


async def check_ledger(ledger: SqliteLedger, database: Database, expected: Expected) -> None:
    """Compare a ledger with what has to be there, and expect from now on what is.  Raises AssertionError: the
    file is damaged, acknowledged blocks are gone, one is there in part or without its finding, or a measure,
    KPI or count is not what the blocks give."""
    await _check_file(database)
    stored, below = await ledger.get_blocks(0, ALL), ledger.get_pruned_below()
    for blocks in expected.list_chains():
        if stored == [to_header(b) if 0 < b.height < below else b for b in blocks]:
            break
    else:
        raise AssertionError("acknowledged blocks are gone, or one is there in part")
    assert ledger.get_height() == recount(blocks), "the measures are not those of the blocks"
    assert await ledger.get_kpis(0, ALL) == compute_kpis(blocks[1:]), "the KPIs are not those of the blocks"
    await _check_counts(database, blocks, below)
    expected.expect(blocks)
    expected.blocks_under_way = None
    found = await ledger.get_findings(0, ALL)
    assert set(found) == expected.findings, "findings of no block, or a block without its finding"


async def check_journal(database: Database, expected: Expected) -> None:
    """The same for a journal."""
    await _check_file(database)
    rows = await database.fetch_all("SELECT round, sir, block_hash FROM signed")
    found = {(round_, sir): block_hash for round_, sir, block_hash in rows}
    assert found in expected.list_journals(), "the journal has lost, or made up, what was signed"
    expected.signed, expected.signing = found, None


async def _check_file(database: Database) -> None:
    assert await database.fetch_all("PRAGMA integrity_check") == [("ok",)]


async def _check_counts(database: Database, blocks: Sequence[Block], below: int) -> None:
    kept = [block for block in blocks if block.height >= below]
    rows = await database.fetch_all("SELECT count(*) FROM messages")
    assert rows == [(sum(len(block.messages) for block in kept),)], "messages of no block"
    present = {(a, b.height) for b in kept for m in b.messages for a in (m.sender, m.recipient)}
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
