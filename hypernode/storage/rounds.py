"""What the ledger knows of rounds: reference hashes, who took part, KPIs, plans and statuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from hypernode.core.errors import InvariantBroken
from hypernode.core.types import Height, Kpis, Round
from hypernode.storage.interface import Reader, Transaction
from hypernode.storage.schema.tables import POSITION_BITS

_LAST_OF_ROUND: Final = (
    "SELECT height, block_hash FROM blocks WHERE round = ? AND height <= ? ORDER BY height DESC LIMIT 1"
)
# +round: by height downwards; the rounds above are few where this is asked
_LAST_BEFORE: Final = (
    "SELECT height, block_hash FROM blocks WHERE height <= ? AND +round < ? ORDER BY height DESC LIMIT 1"
)
_GENESIS: Final = "SELECT height, block_hash FROM blocks WHERE height = 0"
_TOOK_PART: Final = (
    "SELECT a.address FROM participation p CROSS JOIN addresses a ON a.id = p.address_id "
    "WHERE p.round = ? AND (p.sent > 0 OR p.forged > 0)"
)
_HAS_LATER: Final = "SELECT 1 FROM blocks WHERE round = ? AND height > ? LIMIT 1"
_FORGED_UP_TO: Final = (
    "SELECT a.address FROM blocks b CROSS JOIN addresses a ON a.id = b.forger_id "
    "WHERE b.round = ? AND b.height BETWEEN 1 AND ?"
)
_SENT_UP_TO: Final = (
    "SELECT DISTINCT a.address FROM blocks b CROSS JOIN messages m "
    f"ON m.id >= (b.height << {POSITION_BITS}) AND m.id < ((b.height + 1) << {POSITION_BITS}) "
    "CROSS JOIN signers s ON s.id = m.signer_id CROSS JOIN addresses a ON a.id = s.address_id "
    "WHERE b.round = ? AND b.height BETWEEN 1 AND ?"
)
_KPIS: Final = (
    "SELECT a.address, p.* FROM (SELECT address_id, sum(forged), sum(sent), sum(start_count), sum(no_tests), "
    "sum(ok_tests), sum(ko_tests), sum(ok_actions) FROM participation WHERE round BETWEEN ? AND ? "
    "GROUP BY address_id) p CROSS JOIN addresses a ON a.id = p.address_id ORDER BY a.address"
)
_KO_PAIRS: Final = "SELECT DISTINCT sender_id, recipient_id FROM failures WHERE round BETWEEN ? AND ?"
_FIRST: Final = (
    "SELECT a.address, min(p.round) FROM participation p CROSS JOIN addresses a ON a.id = p.address_id "
    "WHERE p.round <= ? AND {column} > 0 GROUP BY p.address_id"
)
_FIRST_SENT, _FIRST_FORGED = _FIRST.format(column="p.sent"), _FIRST.format(column="p.forged")
MAX_HEIGHT: Final = 1 << 40
"""Above every height, far below what a row id can hold."""


async def get_reference(reader: Reader, round_: Round, up_to: Height | None) -> tuple[Height, bytes]:
    """Height and hash of the last block of round - 1, or where that has none, of any round before
    (spec 3); genesis where there is nothing before."""
    bound = MAX_HEIGHT if up_to is None else up_to
    rows = await reader.fetch_all(_LAST_OF_ROUND, (round_ - 1, bound))
    rows = rows or await reader.fetch_all(_LAST_BEFORE, (bound, round_))
    rows = rows or await reader.fetch_all(_GENESIS)
    if not rows:
        raise InvariantBroken("the ledger has no genesis")
    height, block_hash = rows[0]
    return height, block_hash


async def get_seen(reader: Reader, round_: Round, up_to: Height | None) -> frozenset[str]:
    """Addresses that forged a block of the round or sent a message that is in one; genesis not counted."""
    if up_to is None or not await reader.fetch_all(_HAS_LATER, (round_, up_to)):
        return frozenset(row[0] for row in await reader.fetch_all(_TOOK_PART, (round_,)))
    forged = await reader.fetch_all(_FORGED_UP_TO, (round_, up_to))
    sent = await reader.fetch_all(_SENT_UP_TO, (round_, up_to))
    return frozenset(row[0] for row in (*forged, *sent))


async def get_kpis(reader: Reader, first_round: Round, last_round: Round) -> dict[str, Kpis]:
    """Spec 7, over blocks after genesis of the rounds, both included; by address, sorted."""
    span = (first_round, last_round)
    failed: dict[int, int] = {}
    for pair in await reader.fetch_all(_KO_PAIRS, span):
        for address_id in pair:
            failed[address_id] = failed.get(address_id, 0) + 1
    kpis = {}
    for address, address_id, forged, sent, starts, none, good, bad, actions in await reader.fetch_all(
        _KPIS, span
    ):
        kpis[address] = Kpis(
            forged=forged,
            sources=sent,
            start_count=starts,
            no_tests_sent=none,
            ok_tests_sent=good,
            ko_tests_sent=bad,
            ok_actions_received=actions,
            ko_actions_received=failed.get(address_id, 0),
        )
    return kpis


async def get_first_rounds(reader: Reader, last_round: Round) -> tuple[dict[str, Round], dict[str, Round]]:
    """By address, the first round up to ``last_round`` in which it sent, and in which it forged."""
    sent = await reader.fetch_all(_FIRST_SENT, (last_round,))
    forged = await reader.fetch_all(_FIRST_FORGED, (last_round,))
    return dict(sent), dict(forged)


async def save_status(transaction: Transaction, round_: Round, status: Mapping[str, object]) -> None:
    """The node's own status of a finished round, as JSON."""
    await transaction.execute("INSERT OR REPLACE INTO statuses VALUES(?, ?)", (round_, json.dumps(status)))


async def get_status(reader: Reader, round_: Round) -> Mapping[str, object] | None:
    rows = await reader.fetch_all("SELECT status FROM statuses WHERE round = ?", (round_,))
    if not rows:
        return None
    status: dict[str, Any] = json.loads(rows[0][0])
    return status
