"""Files as legacy nodes write them: plain sqlite3, the tables of spec 4, the chains of the vectors."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypernode.core.address import compute_address
from hypernode.core.block import create_genesis
from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.types import Block, Message
from hypernode.vectors.replay import decode_block, read_network

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
TABLES = """
CREATE TABLE pos_chain(height INTEGER PRIMARY KEY, round INTEGER, sir INTEGER, timestamp INTEGER,
  previous_hash BLOB(20), msg_count INTEGER, uniques_sources INTEGER, signature BLOB(64),
  block_hash BLOB(20), received_by VARCHAR34, forger VARCHAR(34), UNIQUE(round, sir));
CREATE TABLE pos_messages(txid BLOB(64) PRIMARY KEY, block_height INTEGER, timestamp INTEGER,
  sender VARCHAR(34), recipient VARCHAR(34), what INTEGER, params STRING, value INTEGER,
  pubkey BLOB(64), received INTEGER);
CREATE TABLE pos_rounds(round INTEGER PRIMARY KEY, active_hns TEXT, slots STRING, test_slots STRING);
CREATE TABLE addresses(address VARCHAR(34) PRIMARY KEY, pubkey BLOB(64), ip VARCHAR(32),
  alias VARCHAR(32), extra STRING);
"""
NAMES = ("pos_chain", "pos_messages", "pos_rounds", "addresses")
TRAPS = ("0123", " 1e3", "1.50", "+7", "00000", "12 ", "plain", "1e3x")
"""Params that the column's numeric affinity takes for numbers, and two that it does not."""


def load_document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return document


def load_chain(name: str) -> tuple[ChainParams, list[Block]]:
    """The network of a vectors' file, and its chain with what only a database has filled in."""
    document = load_document(name)
    if name == "realchain":
        commands = [case["command"] for case in document["cases"]]
    else:
        [case, *_] = [case for case in document["cases"] if case["kind"] == "chain"]
        commands = [block["command"] for block in case["blocks"]]
    blocks = sorted(map(decode_block, commands), key=lambda block: block.height)
    return read_network(document), [_receive(block) for block in blocks]


def _receive(block: Block) -> Block:
    messages = [
        replace(m, received=m.timestamp + n % 7, block_height=block.height)
        for n, m in enumerate(block.messages)
    ]
    return replace(
        block, messages=tuple(messages), received_by=f"10.0.0.{block.height}" if block.height % 3 else ""
    )


def make_key(number: int) -> bytes:
    return bytes([number + 1]) * 32


def make_trap_block(network: ChainParams, parent: Block, params: Sequence[str] = TRAPS) -> Block:
    """A block on top of ``parent`` whose messages have these params; two of them in one second, in an order
    that is not that of their ids."""
    start = parent.timestamp + network.slot_s
    messages = [_make_message(network, n, start + n // 2, text) for n, text in enumerate(params)]
    key = make_key(0)
    return _receive(
        seal_block(
            lambda buffer: sign(key, buffer),
            compute_address(compute_pubkey(key), network.address_byte),
            parent,
            (start - network.origin_of_time) // network.round_s,
            (start - network.origin_of_time) % network.round_s // network.slot_s,
            start + len(params),
            messages,
        )
    )


def _make_message(network: ChainParams, number: int, timestamp: int, params: str) -> Message:
    key = make_key(number % 4)
    address = compute_address(compute_pubkey(key), network.address_byte)
    return create_message(
        lambda buffer: sign(key, buffer),
        compute_pubkey(key),
        timestamp=timestamp,
        sender=address,
        recipient=address,
        what=202,
        params=params,
        value=number,
    )


def write_legacy(path: Path, params: ChainParams, blocks: Iterable[Block], *, sides: bool = True) -> Path:
    """A chain with genesis as a legacy database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
        for b in (create_genesis(params), *blocks):
            connection.execute(
                f"INSERT INTO pos_chain VALUES({','.join('?' * 11)})",
                (
                    *(b.height, b.round, b.sir, b.timestamp, b.previous_hash, b.msg_count),
                    *(b.uniques_sources, b.signature, b.block_hash, b.received_by, b.forger),
                ),
            )
            for m in b.messages:
                connection.execute(
                    f"INSERT INTO pos_messages VALUES({','.join('?' * 10)})",
                    (
                        *(m.txid, m.block_height, m.timestamp, m.sender, m.recipient, m.what),
                        *(m.params, m.value, m.pubkey, m.received),
                    ),
                )
        if sides:
            connection.execute("INSERT INTO pos_rounds VALUES(7, '[\"a\"]', '[]', '0042')")
            connection.execute("INSERT INTO addresses VALUES('Bx', x'00ff', '1.2.3.4', NULL, '1e5')")
    return path


def read_rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table with the types of its values, messages in the order of their blocks."""
    orders = {"pos_messages": "block_height, timestamp, rowid"}
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: [
                tuple((type(value).__name__, value) for value in row)
                for row in connection.execute(f"SELECT * FROM {name} ORDER BY {orders.get(name, 'rowid')}")
            ]
            for name in NAMES
        }
