"""The files of the legacy software (spec 4, storage): their tables, and rows from and to our data."""

from __future__ import annotations

from typing import Final

from hypernode.core.types import Block, Message
from hypernode.storage.interface import Params, Row, StorageError

READ_BYTES: Final = 16 * 1024 * 1024
"""Encoded, of blocks that are read or written at once: 200 of usual size; a giant block alone."""

CHAIN_NAME: Final = "poc_pos_chain.db"
HYPERNODES_NAME: Final = "hndb.db"

CHAIN_TABLES: Final = (
    """CREATE TABLE pos_chain(
        height INTEGER PRIMARY KEY, round INTEGER, sir INTEGER, timestamp INTEGER,
        previous_hash BLOB(20), msg_count INTEGER, uniques_sources INTEGER, signature BLOB(64),
        block_hash BLOB(20), received_by VARCHAR34, forger VARCHAR(34), UNIQUE(round, sir))""",
    # STRING has numeric affinity, as it must have: a text of digits becomes a number there
    """CREATE TABLE pos_messages(
        txid BLOB(64) PRIMARY KEY, block_height INTEGER, timestamp INTEGER, sender VARCHAR(34),
        recipient VARCHAR(34), what INTEGER, params STRING, value INTEGER, pubkey BLOB(64),
        received INTEGER)""",
    """CREATE TABLE pos_rounds(
        round INTEGER PRIMARY KEY, active_hns TEXT, slots STRING, test_slots STRING)""",
    """CREATE TABLE addresses(
        address VARCHAR(34) PRIMARY KEY, pubkey BLOB(64), ip VARCHAR(32), alias VARCHAR(32),
        extra STRING)""",
)
CHAIN_INDICES: Final = (
    "CREATE INDEX round ON pos_chain(round)",
    "CREATE INDEX height_ts ON pos_messages(block_height, timestamp)",
    "CREATE INDEX recipient ON pos_messages(recipient)",
    "CREATE INDEX sender ON pos_messages(sender)",
)
"""Made after the rows; without them the legacy node scans."""
SIDE_TABLES: Final = ("pos_rounds", "addresses")
"""Tables that are no part of the chain: their rows are kept as they are."""

HYPERNODES_TABLES: Final = (
    """CREATE TABLE hypernodes(
        round BIGINT, address VARCHAR(34), ip VARCHAR(16), port INTEGER DEFAULT 6969,
        weight INTEGER DEFAULT 1, registrar VARCHAR(56), reward VARCHAR(56), ts_register INTEGER,
        ts_edit INTEGER, active BOOLEAN DEFAULT false,
        UNIQUE(round, address, ip, port) ON CONFLICT REPLACE)""",
    """CREATE TABLE reward_stats(
        round INTEGER, address VARCHAR(34), weight INTEGER, nblocks INTEGER DEFAULT 0,
        ntxs INTEGER DEFAULT 0, nstarts INTEGER DEFAULT 0, nnotests INTEGER DEFAULT 0,
        noktests INTEGER DEFAULT 0, nkotests INTEGER DEFAULT 0, nokactions INTEGER DEFAULT 0,
        nkoactions INTEGER DEFAULT 0, score DOUBLE DEFAULT 0, reward_address VARCHAR(56),
        PRIMARY KEY(round, address) ON CONFLICT REPLACE)""",
)

MAX_NUMBER: Final = 2**32 - 1
"""Of the wire: heights, rounds, times and values."""
_SHOWN_CHARS: Final = 40
_MAX_SHORT: Final = 1_000
"""Characters or bytes of what has a few dozen: addresses, hashes, keys, signatures."""

BLOCK_COLUMNS: Final = (
    "height, round, sir, timestamp, previous_hash, msg_count, uniques_sources, signature, block_hash, "
    "received_by, forger"
)
MESSAGE_COLUMNS: Final = (
    "txid, block_height, timestamp, sender, recipient, what, params, value, pubkey, received"
)


def block_to_row(block: Block) -> Params:
    """For ``pos_chain``."""
    return (
        *(block.height, block.round, block.sir, block.timestamp, block.previous_hash, block.msg_count),
        *(block.uniques_sources, block.signature, block.block_hash, block.received_by, block.forger),
    )


def message_to_row(m: Message) -> Params:
    """For ``pos_messages``."""
    return (
        *(m.txid, m.block_height, m.timestamp, m.sender, m.recipient, m.what, m.params, m.value),
        *(m.pubkey, m.received),
    )


def block_from_row(row: Row, messages: tuple[Message, ...]) -> Block:
    """Raises StorageError for values that no block has."""
    height, round_, sir, timestamp, previous, count, sources, signature, block_hash, by, forger = row
    place = f"block {_show(height)}"
    return Block(
        height=read_number(height, place),
        round=read_number(round_, place),
        sir=read_number(sir, place),
        timestamp=read_number(timestamp, place),
        previous_hash=_bytes(previous, place),
        messages=messages,
        msg_count=read_number(count, place),
        uniques_sources=read_number(sources, place),
        signature=_bytes(signature, place),
        block_hash=_bytes(block_hash, place),
        forger=_text(forger, place),
        received_by=_text(by, place),
    )


def message_from_row(row: Row) -> tuple[Message, int | float | None]:
    """A message; and, where the params came back as a number, that number, with the plain text of it in the
    message.  Raises StorageError for values that no message has."""
    txid, height, timestamp, sender, recipient, what, params, value, pubkey, received = row
    place = f"a message of block {_show(height)}"
    number = params if isinstance(params, int | float) else None
    message = Message(
        txid=_bytes(txid, place),
        block_height=read_number(height, place),
        timestamp=read_number(timestamp, place),
        sender=_text(sender, place),
        recipient=_text(recipient, place),
        what=read_number(what, place),
        params=_text(params, place, MAX_NUMBER) if number is None else str(number),
        value=read_number(value, place),
        pubkey=_bytes(pubkey, place),
        received=read_number(0 if received is None else received, place),
    )
    return message, number


def _show(value: object) -> str:
    return ascii(value)[:_SHOWN_CHARS]


def read_number(value: object, place: str) -> int:
    """A number of the wire.  Raises StorageError."""
    if not isinstance(value, int):
        raise StorageError(f"{place}: expected a number, found {type(value).__name__}")
    if not 0 <= value <= MAX_NUMBER:
        raise StorageError(f"{place}: expected a number from 0 to {MAX_NUMBER}, found {value}")
    return value


def _bytes(value: object, place: str) -> bytes:
    if isinstance(value, bytes):
        if len(value) > _MAX_SHORT:
            raise StorageError(f"{place}: a hash, key or signature of {len(value)} bytes is none")
        return value
    raise StorageError(f"{place}: expected bytes, found {type(value).__name__}")


def _text(value: object, place: str, most: int = _MAX_SHORT) -> str:
    if isinstance(value, str | bytes) and len(value) > most:
        raise StorageError(f"{place}: an address of {len(value)} characters is none")
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):  # some writers bind text as bytes
        try:
            return value.decode("ascii")
        except UnicodeDecodeError:
            pass
    raise StorageError(f"{place}: expected text, found {type(value).__name__}")
