"""Row ids with 16 bits for the place in a block become such with 20, and nothing else changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hypernode.storage.schema.positions import WIDEN
from hypernode.storage.schema.tables import LEDGER_MIGRATIONS, POSITION_BITS

BEFORE = next(number for number, statements in enumerate(LEDGER_MIGRATIONS) if WIDEN[0] in statements)


def test_a_message_keeps_its_block_and_its_place() -> None:
    places = [(0, 0), (1, 0), (1, 65_535), (2, 3), (500_000, 9_999)]
    with closing(sqlite3.connect(":memory:")) as connection:
        for statements in LEDGER_MIGRATIONS[:BEFORE]:
            for statement in statements:
                connection.execute(statement)
        rows = [(height << 16 | place, bytes([n]) * 64, n) for n, (height, place) in enumerate(places)]
        connection.executemany(
            "INSERT INTO messages(id, txid, timestamp, signer_id, recipient_id, what, params_id, value,"
            " received) VALUES(?, ?, ?, 1, 2, 203, 3, 7, 0)",
            rows,
        )
        for statement in WIDEN:
            connection.execute(statement)
        found = connection.execute(
            "SELECT id, txid, timestamp, txid_key FROM messages ORDER BY id"
        ).fetchall()
        indices = connection.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'messages'").fetchall()
    assert [(row[0] >> POSITION_BITS, row[0] & (1 << POSITION_BITS) - 1) for row in found] == places
    assert [(row[1], row[2]) for row in found] == [(row[1], row[2]) for row in rows]
    assert all(row[3] == row[1][-4:] for row in found)
    assert ("messages_by_txid",) in indices
