"""Checks a ledger file without the rules: is it whole and consistent?

``hn_check.py --ledger``.  Rules of blocks are ``node.chain.chain_check``'s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hypernode.storage.interface import Database, Reader, StorageError
from hypernode.storage.schema.migrations import get_version
from hypernode.storage.schema.tables import LEDGER_MIGRATIONS, POSITION_BITS, SPAN_BITS

_MAX_FAULTS: Final = 20
_LEAST_SQLITE: Final = (3, 37)
"""Older ones do not know STRICT tables."""
_BELOW: Final = "(SELECT below FROM pruning)"
_HEIGHT: Final = f"(m.id >> {POSITION_BITS})"
_PRESENT: Final = (
    f"SELECT 1 FROM presence_spans p WHERE p.address_id = {{address}} AND p.span = {_HEIGHT} >> {SPAN_BITS} "
    f"AND p.heights >> ({_HEIGHT} & {(1 << SPAN_BITS) - 1}) & 1"
)
_AFTER_GENESIS: Final = "FROM blocks WHERE height > 0"

COUNTS: Final[Mapping[str, str]] = {
    "messages without their block": f"""SELECT count(*) FROM messages m
        WHERE NOT EXISTS (SELECT 1 FROM blocks b WHERE b.height = m.id >> {POSITION_BITS})""",
    "messages of blocks that are pruned": f"""SELECT count(*) FROM messages
        WHERE id >> {POSITION_BITS} < {_BELOW}""",
    "messages without sender, recipient or params": """SELECT count(*) FROM messages m
        LEFT JOIN signers k ON k.id = m.signer_id LEFT JOIN addresses s ON s.id = k.address_id
        LEFT JOIN addresses r ON r.id = m.recipient_id LEFT JOIN params p ON p.id = m.params_id
        WHERE s.id IS NULL OR r.id IS NULL OR p.id IS NULL""",
    "blocks without their forger": """SELECT count(*) FROM blocks b
        WHERE NOT EXISTS (SELECT 1 FROM addresses a WHERE a.id = b.forger_id)""",
    "blocks without the one below": """SELECT count(*) FROM blocks b WHERE height > 0
        AND NOT EXISTS (SELECT 1 FROM blocks p WHERE p.height = b.height - 1)""",
    "presences of addresses in blocks that have no message of them": f"""SELECT count(*) FROM presence a
        WHERE NOT EXISTS (SELECT 1 FROM messages m LEFT JOIN signers k ON k.id = m.signer_id
            WHERE m.id >= a.height << {POSITION_BITS} AND m.id < (a.height + 1) << {POSITION_BITS}
            AND (m.recipient_id = a.address_id OR k.address_id = a.address_id))""",
    "messages of addresses that are not present in their blocks": f"""SELECT count(*) FROM messages m
        JOIN signers k ON k.id = m.signer_id
        WHERE NOT EXISTS ({_PRESENT.format(address="k.address_id")})
        OR NOT EXISTS ({_PRESENT.format(address="m.recipient_id")})""",
    "addresses whose totals are not those of their rounds": """SELECT count(*) FROM addresses a
        LEFT JOIN (SELECT address_id, sum(sent) AS sent, sum(forged) AS forged FROM participation
            GROUP BY address_id) p ON p.address_id = a.id
        WHERE a.sent != ifnull(p.sent, 0) OR a.forged != ifnull(p.forged, 0)""",
    "totals of rounds of unknown addresses": """SELECT count(*) FROM participation p
        WHERE NOT EXISTS (SELECT 1 FROM addresses a WHERE a.id = p.address_id)""",
}
"""What must be none of, and the query that counts it."""

MAX_VALUE_BYTES: Final = 4 * 1024**2
"""Of a value in a ledger of ours: longer texts are stored in parts of 256 KiB."""
_MESSAGES_OF_BLOCK: Final = (
    f"m.id >= b.height << {POSITION_BITS} AND m.id < (b.height + 1) << {POSITION_BITS}"
)
_LYING: Final = f"""SELECT b.height FROM blocks b WHERE b.height >= {_BELOW} AND b.encoded_bytes < (
    SELECT ifnull(sum(length(CAST(p.text AS BLOB))), 0) FROM messages m JOIN params p ON p.id = m.params_id
    WHERE {_MESSAGES_OF_BLOCK}) LIMIT 1"""
_STAND_INS: Final = f"""SELECT m.id >> {POSITION_BITS}, {{column}}, count(*) FROM messages m
    CROSS JOIN params p ON p.id = m.params_id CROSS JOIN addresses r ON r.id = m.recipient_id
    WHERE {{column}} >= '\u2026' AND {{column}} < '\u2027' GROUP BY 1, 2"""
_LONG_BYTES: Final = "SELECT total(length(CAST(text AS BLOB))) FROM long_texts WHERE digest = ?"

EQUAL: Final[Mapping[str, tuple[str, str]]] = {
    "blocks forged, by the totals": (
        f"SELECT count(*) {_AFTER_GENESIS}",
        "SELECT total(forged) FROM addresses",
    ),
    "senders of the chain, at the tip": (
        "SELECT total_uniques FROM blocks ORDER BY height DESC LIMIT 1",
        "SELECT count(*) FROM addresses WHERE sent > 0",
    ),
    "forgers of the chain, at the tip": (
        "SELECT total_forgers FROM blocks ORDER BY height DESC LIMIT 1",
        "SELECT count(*) FROM addresses WHERE forged > 0",
    ),
    "latest round, at the tip": (
        "SELECT max_round FROM blocks ORDER BY height DESC LIMIT 1",
        "SELECT max(round) FROM blocks",
    ),
    "messages, by the totals": (
        f"SELECT CASE WHEN {_BELOW} = 0 THEN count(*) ELSE -1 END FROM messages",
        f"SELECT CASE WHEN {_BELOW} = 0 THEN total(sent) ELSE -1 END FROM addresses",
    ),
}
"""What must be equal: two queries."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with a file."""

    subject: str
    found: str


def get_sqlite_version() -> tuple[str, bool]:
    """Of the library below Python, and whether it can do what our tables need."""
    return sqlite3.sqlite_version, sqlite3.sqlite_version_info >= _LEAST_SQLITE


async def inspect_ledger(
    database: Database, on_step: Callable[[str], None] = lambda subject: None
) -> list[Fault]:
    """All that is wrong.  Reads the whole file.  Raises StorageFault when it cannot be read at all."""
    on_step("version")
    version, ours = await get_version(database), len(LEDGER_MIGRATIONS)
    if version != ours:
        return [Fault("version", f"{version}; this program has {ours}")]
    return await database.read(lambda reader: _inspect(reader, on_step))


async def check_whole(database: Database) -> None:
    """Every page, and the type of every value: tables that are STRICT do not look when they are read.  Raises
    StorageError."""
    found = await database.fetch_all("PRAGMA quick_check(1)")
    if found != [("ok",)]:
        raise StorageError(f"{database.name} is damaged: {found[0][0]}")


async def check_sizes(database: Database) -> None:
    """Whether blocks have no more bytes than their rows say: by that we read as many as we can hold.  Raises
    StorageError."""
    lying = await database.fetch_all(_LYING)
    told: dict[int, int] = dict(await database.fetch_all("SELECT height, encoded_bytes FROM blocks"))
    for column in ("p.text", "r.address"):
        for height, text, count in await database.fetch_all(_STAND_INS.format(column=column)):
            try:
                digest = bytes.fromhex(text[1:])
            except ValueError:
                digest = b""
            [(size,)] = await database.fetch_all(_LONG_BYTES, (digest,))
            told[height] = told.get(height, 0) - count * int(size)
            if told[height] < 0:
                lying.append((height,))
    if lying:
        raise StorageError(f"{database.name}: block {lying[0][0]} has more bytes than it says")


async def _inspect(reader: Reader, on_step: Callable[[str], None]) -> list[Fault]:
    on_step("integrity")
    rows = await reader.fetch_all(f"PRAGMA integrity_check({_MAX_FAULTS})")
    faults = [Fault("integrity", text) for (text,) in rows if text != "ok"]
    for subject, sql in COUNTS.items():
        on_step(subject)
        [(count,)] = await reader.fetch_all(sql)
        if count:
            faults.append(Fault(subject, str(count)))
    for subject, (one, other) in EQUAL.items():
        on_step(subject)
        [(stored,)], [(counted,)] = await reader.fetch_all(one), await reader.fetch_all(other)
        if stored != counted:
            faults.append(Fault(subject, f"stored {stored:.0f}, counted {counted:.0f}"))
    return faults
