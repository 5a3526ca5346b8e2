"""The duty log in the ledger's file, beside the rounds (spec 10, 2): records of slots, summaries of
rounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypernode.core.types import Round
from hypernode.health.duty_log import SlotRecord
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.storage.interface import Reader, Row, Transaction

KEPT_ROUNDS: Final = 25 * 31 * 24
"""25 months of main's rounds of an hour: 19 records and a summary of 500 bytes each make 60 MB at most, if
every slot were ours; with main's hundred hypernodes it is one."""

CREATE: Final = (
    # pushed, targets, delay_s: NULL where there was no block of ours to send
    """CREATE TABLE own_slots(
        round INTEGER NOT NULL, sir INTEGER NOT NULL, outcome TEXT NOT NULL, is_final INTEGER NOT NULL,
        height INTEGER NOT NULL, block_hash BLOB NOT NULL, forger TEXT NOT NULL,
        reason TEXT NOT NULL, figures TEXT NOT NULL, also TEXT NOT NULL,
        pushed INTEGER, targets INTEGER, delay_s INTEGER,
        PRIMARY KEY(round, sir)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE own_rounds(round INTEGER PRIMARY KEY, summary TEXT NOT NULL) STRICT",
)
"""The migration that makes its tables."""

_COLUMNS: Final = (
    "round, sir, outcome, is_final, height, block_hash, forger, "
    "reason, figures, also, pushed, targets, delay_s"
)
_SAVE: Final = f"INSERT OR REPLACE INTO own_slots({_COLUMNS}) VALUES({', '.join('?' * 13)})"
_GET: Final = f"SELECT {_COLUMNS} FROM own_slots WHERE round BETWEEN ? AND ? ORDER BY round, sir"
_CLEAR_ROUND: Final = "DELETE FROM own_slots WHERE round = ?"
_DROP_SLOTS: Final = "DELETE FROM own_slots WHERE round < ?"
_DROP_ROUNDS: Final = "DELETE FROM own_rounds WHERE round < ?"
_SAVE_ROUND: Final = "INSERT OR REPLACE INTO own_rounds VALUES(?, ?)"
_GET_ROUNDS: Final = "SELECT summary FROM own_rounds WHERE round BETWEEN ? AND ? ORDER BY round"
_LAST_ROUND: Final = "SELECT max(round) FROM own_rounds"
_FIRST_ROUND: Final = "SELECT min(round) FROM own_rounds"


async def save_record(transaction: Transaction, record: SlotRecord) -> None:
    """A later one of the same slot replaces it."""
    await transaction.execute(_SAVE, _to_row(record))


async def save_final_round(
    transaction: Transaction, round_: Round, records: Sequence[SlotRecord], summary: Mapping[str, object]
) -> None:
    """The final records of a round in place of what was noted; what is too old goes."""
    await transaction.execute(_CLEAR_ROUND, (round_,))
    for record in records:
        await transaction.execute(_SAVE, _to_row(record))
    await transaction.execute(_SAVE_ROUND, (round_, json.dumps(summary, separators=(",", ":"))))
    for statement in (_DROP_SLOTS, _DROP_ROUNDS):
        await transaction.execute(statement, (round_ - KEPT_ROUNDS,))


async def get_records(reader: Reader, first: Round, last: Round) -> list[SlotRecord]:
    """Of the slots of some rounds, ascending."""
    return [_from_row(row) for row in await reader.fetch_all(_GET, (first, last))]


async def get_summaries(reader: Reader, first: Round, last: Round) -> list[Mapping[str, object]]:
    """Of rounds that are final, ascending.  An empty one only says where the log begins."""
    rows = await reader.fetch_all(_GET_ROUNDS, (first, last))
    found: list[Mapping[str, object]] = [json.loads(text) for (text,) in rows]
    return [summary for summary in found if summary]


async def get_last_round(reader: Reader) -> Round | None:
    """The latest round with a summary."""
    rows = await reader.fetch_all(_LAST_ROUND)
    last = rows[0][0]
    return None if last is None else int(last)


async def get_first_round(reader: Reader) -> Round | None:
    """The earliest round that is kept."""
    rows = await reader.fetch_all(_FIRST_ROUND)
    first = rows[0][0]
    return None if first is None else int(first)


def _to_row(record: SlotRecord) -> Row:
    also = json.dumps([[reason.value, seconds] for reason, seconds in record.also], separators=(",", ":"))
    reason = record.reason.value if record.reason is not None else ""
    return (
        *(record.round, record.sir, record.outcome.value, int(record.is_final)),
        *(record.height, record.block_hash, record.forger, reason, record.figures, also),
        *(record.pushed, record.targets, record.delay_s),
    )


def _from_row(row: Sequence[Any]) -> SlotRecord:
    round_, sir, outcome, is_final, height, block_hash, forger, reason, figures, also, *sent = row
    pushed, targets, delay_s = sent
    return SlotRecord(
        round=round_,
        sir=sir,
        outcome=Outcome(outcome),
        height=height,
        block_hash=block_hash,
        forger=forger,
        reason=Reason(reason) if reason else None,
        figures=figures,
        also=tuple((Reason(name), float(seconds)) for name, seconds in json.loads(also)),
        pushed=pushed,
        targets=targets,
        delay_s=delay_s,
        is_final=bool(is_final),
    )
