"""Pruning (spec 4, storage): messages of old blocks go, blocks and the totals of every round stay.

``participation`` and ``failures`` hold the KPIs of each round, ``addresses`` what each address sent and
forged, so measures, KPIs and who was seen in a round are the same before and after.  How far it may go
follows from rule 10 (``core.pruning``).  A step is one transaction that moves the mark and drops what lies
below it, so that a crash leaves the ledger pruned up to the mark.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from hypernode.core.types import Height
from hypernode.storage.faults import raising_storage_faults
from hypernode.storage.interface import Reader, StorageError, Transaction
from hypernode.storage.rows import compute_first_id
from hypernode.storage.schema.tables import SPAN_BITS

STEP_BLOCKS: Final = 500
"""Blocks that one transaction prunes: some 100,000 messages, well under a second."""

_GET_BELOW: Final = "SELECT below FROM pruning"
_SET_BELOW: Final = "UPDATE pruning SET below = ?"
# +round: by height downwards; the rounds above are few
_LAST_BEFORE: Final = (
    "SELECT timestamp FROM blocks WHERE "
    "+round <= (SELECT max_round FROM blocks ORDER BY height DESC LIMIT 1) - ? ORDER BY height DESC LIMIT 1"
)
_FIRST_RECENT: Final = "SELECT height FROM blocks WHERE height > 0 AND timestamp >= ? ORDER BY height LIMIT 1"
_COUNT: Final = "SELECT count(*) FROM messages WHERE id >= ? AND id < ?"
# address by address: its spans are a range of the table's key
_OF_ADDRESSES: Final = "address_id IN (SELECT id FROM addresses)"
_DROP_SPANS: Final = f"DELETE FROM presence_spans WHERE {_OF_ADDRESSES} AND span < ?"
_CUT_SPAN: Final = f"UPDATE presence_spans SET heights = heights & ? WHERE {_OF_ADDRESSES} AND span = ?"
_DROP_EMPTY: Final = f"DELETE FROM presence_spans WHERE {_OF_ADDRESSES} AND span = ? AND heights = 0"
_DROP_MESSAGES: Final = "DELETE FROM messages WHERE id >= ? AND id < ?"


async def get_pruned_below(reader: Reader) -> Height:
    """Blocks from 1 to the one before this height have no messages any more; 0: all have theirs."""
    [(below,)] = await reader.fetch_all(_GET_BELOW)
    return int(below)


async def find_prune_limit(reader: Reader, kept_rounds: int, window_s: int) -> Height:
    """The height from which on messages have to stay."""
    before = await reader.fetch_all(_LAST_BEFORE, (kept_rounds,))
    if not before:
        return 0
    recent = await reader.fetch_all(_FIRST_RECENT, (before[0][0] - window_s,))
    return int(recent[0][0]) if recent else 0


async def prune_step(transaction: Transaction, below: Height) -> tuple[Height, int]:
    """Prune at most ``STEP_BLOCKS`` blocks towards ``below``; the new mark, and how many messages went."""
    done = max(await get_pruned_below(transaction), 1)
    mark = min(below, done + STEP_BLOCKS)
    if mark <= done:
        return done, 0
    span = (compute_first_id(done), compute_first_id(mark))
    [(count,)] = await transaction.fetch_all(_COUNT, span)
    await _drop_presence(transaction, mark)
    await transaction.execute(_DROP_MESSAGES, span)
    await transaction.execute(_SET_BELOW, (mark,))
    return mark, int(count)


async def _drop_presence(transaction: Transaction, mark: Height) -> None:
    """No address is in blocks below ``mark`` any more."""
    last, place = mark >> SPAN_BITS, mark & ((1 << SPAN_BITS) - 1)
    kept = (1 << (1 << SPAN_BITS)) - (1 << place)
    await transaction.execute(_DROP_SPANS, (last,))
    await transaction.execute(_CUT_SPAN, (kept, last))
    await transaction.execute(_DROP_EMPTY, (last,))


def check_not_pruned(name: str, common: Height, below: Height) -> None:
    """Raises StorageError when the blocks above ``common`` cannot go because some of them are pruned."""
    if common + 1 < below:
        raise StorageError(
            f"{name}: blocks below {below} are pruned, so the chain cannot go back to {common}: "
            "move the ledger away and fetch or import the chain"
        )


def vacuum(path: Path) -> None:
    """Give the room of what was dropped back to the disk; needs as much room as the file takes, for a
    while.  Nobody else may have the file open.  Raises StorageFault."""
    with (
        raising_storage_faults(str(path)),
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
    ):
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
