"""The tables of the ledger, as migrations.

A message's row id is height * 2^20 + position, so that the messages of a block are one range in the
order in which the forger put them.  Addresses, keys and params are stored once and referred to by
number.  Each block's row carries the measures of the chain that ends with it (spec 4, measures without
counting), and what is needed to go on from there.  ``participation`` and ``failures`` hold the KPIs of
every round (spec 7): they outlive the messages when those are pruned.

Addresses, keys and params of blocks that were rolled back stay behind as unused rows: harmless, and
cheaper than counting references.
"""

from __future__ import annotations

from typing import Final

from hypernode.storage import duty_log
from hypernode.storage.long_texts import CREATE
from hypernode.storage.schema.migrations import Migration
from hypernode.storage.schema.positions import WIDEN
from hypernode.storage.sizes import ADD_COLUMN, FILL_SIZES

POSITION_BITS: Final = 20
"""Bits of a message's row id that hold its position in the block."""
SPAN_BITS: Final = 5
"""Bits of a height that are its place within a span of ``presence_spans``."""
MAX_MESSAGES: Final = 1 << POSITION_BITS
"""Messages that one block can hold here; 100 MiB, which is all that legacy nodes read, have half as many."""

_CHAIN: Final = (
    # sent, forged: how many messages and blocks of it are in the chain; 0 for one that only received
    """CREATE TABLE addresses(
        id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE,
        sent INTEGER NOT NULL DEFAULT 0, forged INTEGER NOT NULL DEFAULT 0) STRICT""",
    # An address has one key (M2); a second one can only come from the lenient history of main.
    """CREATE TABLE signers(
        id INTEGER PRIMARY KEY, address_id INTEGER NOT NULL, pubkey BLOB NOT NULL,
        UNIQUE(address_id, pubkey)) STRICT""",
    "CREATE TABLE params(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
    # total_*: distinct senders and forgers of the chain up to here; max_round: its latest round
    """CREATE TABLE blocks(
        height INTEGER PRIMARY KEY, round INTEGER NOT NULL, sir INTEGER NOT NULL,
        timestamp INTEGER NOT NULL, previous_hash BLOB NOT NULL, msg_count INTEGER NOT NULL,
        uniques_sources INTEGER NOT NULL, signature BLOB NOT NULL, block_hash BLOB NOT NULL,
        forger_id INTEGER NOT NULL, received_by TEXT NOT NULL,
        uniques INTEGER NOT NULL, uniques_round INTEGER NOT NULL,
        forgers INTEGER NOT NULL, forgers_round INTEGER NOT NULL,
        total_uniques INTEGER NOT NULL, total_forgers INTEGER NOT NULL, max_round INTEGER NOT NULL,
        UNIQUE(round, sir)) STRICT""",
    # txid_key: the end of the txid, not stored but in its index; that finds the row, the row's txid decides
    """CREATE TABLE messages(
        id INTEGER PRIMARY KEY, txid BLOB NOT NULL, txid_key BLOB AS (substr(txid, -4)) VIRTUAL,
        timestamp INTEGER NOT NULL, signer_id INTEGER NOT NULL, recipient_id INTEGER NOT NULL,
        what INTEGER NOT NULL, params_id INTEGER NOT NULL, value INTEGER NOT NULL,
        received INTEGER NOT NULL) STRICT""",
    "CREATE INDEX messages_by_txid ON messages(txid_key)",
    # in which blocks an address sent or received, a bit for each of 32 heights: a sixth of two indices, and
    # one row to write for what would be a row for each block
    """CREATE TABLE presence_spans(
        address_id INTEGER NOT NULL, span INTEGER NOT NULL, heights INTEGER NOT NULL,
        PRIMARY KEY(address_id, span)) STRICT, WITHOUT ROWID""",
    """CREATE VIEW presence AS
        WITH RECURSIVE places(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM places WHERE place < 31)
        SELECT address_id, (span << 5) + place AS height
        FROM presence_spans CROSS JOIN places WHERE heights >> place & 1""",
)

_ROUNDS: Final = (
    """CREATE TABLE participation(
        round INTEGER NOT NULL, address_id INTEGER NOT NULL,
        forged INTEGER NOT NULL, sent INTEGER NOT NULL, start_count INTEGER NOT NULL,
        no_tests INTEGER NOT NULL, ok_tests INTEGER NOT NULL, ko_tests INTEGER NOT NULL,
        ok_actions INTEGER NOT NULL,
        PRIMARY KEY(round, address_id)) STRICT, WITHOUT ROWID""",
    # messages what 101, which KPIs count by distinct pairs
    """CREATE TABLE failures(
        round INTEGER NOT NULL, sender_id INTEGER NOT NULL, recipient_id INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY(round, sender_id, recipient_id)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE registrations(
        id INTEGER PRIMARY KEY, collateral TEXT NOT NULL, ip TEXT NOT NULL, port TEXT NOT NULL,
        pos TEXT NOT NULL, reward TEXT NOT NULL, weight INTEGER NOT NULL, timestamp REAL NOT NULL,
        UNIQUE(pos, collateral, ip, port, reward, weight, timestamp)) STRICT""",
    # lists are JSON of row numbers: of registrations, or of addresses
    """CREATE TABLE plans(
        round INTEGER PRIMARY KEY, pow_height INTEGER NOT NULL, reference_hash BLOB NOT NULL,
        registered TEXT NOT NULL, inactive TEXT NOT NULL, voided TEXT NOT NULL,
        jurors TEXT NOT NULL, tests TEXT NOT NULL) STRICT""",
    "CREATE TABLE statuses(round INTEGER PRIMARY KEY, status TEXT NOT NULL) STRICT",
)

_OBSERVED: Final = (
    """CREATE TABLE evidence(
        round INTEGER NOT NULL, sir INTEGER NOT NULL, forger TEXT NOT NULL,
        first TEXT NOT NULL, second TEXT NOT NULL, seen_at INTEGER NOT NULL,
        PRIMARY KEY(round, sir, forger)) STRICT""",
    """CREATE TABLE findings(
        height INTEGER NOT NULL, block_hash BLOB NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY(height, block_hash, rule)) STRICT""",
)

_TOOLS: Final = (
    # one row: messages of blocks 1 to below - 1 are gone
    "CREATE TABLE pruning(id INTEGER PRIMARY KEY CHECK(id = 1), below INTEGER NOT NULL) STRICT",
    "INSERT INTO pruning VALUES(1, 0)",
    # rows of an imported legacy file that are no part of the chain, as JSON, to be exported again
    """CREATE TABLE legacy_rows(
        name TEXT NOT NULL, position INTEGER NOT NULL, row TEXT NOT NULL,
        PRIMARY KEY(name, position)) STRICT, WITHOUT ROWID""",
)

_SIZES: Final = (ADD_COLUMN, *FILL_SIZES)
_GIANTS: Final = (*WIDEN, CREATE)

_DUTY: Final = duty_log.CREATE

LEDGER_MIGRATIONS: Final[tuple[Migration, ...]] = (
    (*_CHAIN, *_ROUNDS, *_OBSERVED),
    _TOOLS,
    _SIZES,
    _GIANTS,
    _DUTY,
)
