"""Blocks digested as they are when a juror pushes them: every rule, on disk when it is done.

The bound is SQLite alone: the rows of the messages and their index in one transaction, with the same
durability, prepared before and written without a thread in between.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.chains import Party, load_chain
from benchmarks.figures import Row, time_await, time_call
from benchmarks.worlds import open_node
from hypernode.core.types import Block
from hypernode.storage.interface import COMMON_PRAGMAS, Durability

UNSEEN_MS = 120.0
HELD_MS = 60.0


class PlainSqlite:
    """A table of messages with an index by id, in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in (*Durability.WAL.value, *COMMON_PRAGMAS):
            self._connection.execute(pragma)
        self._connection.execute(
            "CREATE TABLE messages(id INTEGER PRIMARY KEY, txid BLOB, key INTEGER, timestamp INTEGER, "
            "signer INTEGER, recipient INTEGER, what INTEGER, params INTEGER, value INTEGER, "
            "received INTEGER)"
        )
        self._connection.execute("CREATE INDEX messages_by_key ON messages(key)")
        self._addresses: dict[str, int] = {}

    def _number(self, text: str) -> int:
        return self._addresses.setdefault(text, len(self._addresses))

    def write(self, block: Block) -> float:
        """Seconds for the messages of a block, durably."""
        rows = [
            (
                *(block.height << 16 | place, m.txid, int.from_bytes(m.txid[-6:], "big"), m.timestamp),
                *(self._number(m.sender), self._number(m.recipient), m.what, self._number(m.params)),
                *(m.value, 0),
            )
            for place, m in enumerate(block.messages)
        ]

        def run() -> None:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO messages VALUES(?,?,?,?,?,?,?,?,?,?)", rows)
            self._connection.execute("COMMIT")

        return time_call(run)

    def close(self) -> None:
        self._connection.close()


async def measure(party: Party, blocks: int, messages: int) -> list[Row]:
    """Blocks of ``messages`` messages in turn: none of them seen before, all of them in the mempool."""
    chain = await load_chain(party, 2 * blocks, messages)
    unseen: list[float] = []
    held: list[float] = []
    bound: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_node(party, 0, folder) as node:
            with closing(PlainSqlite(folder / "plain.db")) as plain:
                for number, block in enumerate(chain):
                    if number % 2:
                        for message in block.messages:
                            node.mempool.add(replace(message, block_height=0))
                    bound.append(plain.write(block))
                    took = await time_await(lambda block=block: node.chain.accept_pushed(block))  # type: ignore[misc]
                    (held if number % 2 else unseen).append(took)
    # The first blocks meet empty caches, and a ledger without addresses.
    return [
        _make_row(f"block of {messages} messages, none seen before, durable", unseen[1:], bound, UNSEEN_MS),
        _make_row("the same, all of them in the mempool", held[1:] or held, bound, HELD_MS),
    ]


def _make_row(work: str, times: Sequence[float], bound: Sequence[float], target_ms: float) -> Row:
    took_ms, bound_ms = median(times) * 1000, median(bound) * 1000
    return Row(
        work,
        f"{took_ms:.0f} ms, {took_ms / bound_ms:.1f} × the bound",
        f"SQLite alone: {bound_ms:.0f} ms",
        f"≤ {target_ms:.0f} ms",
        took_ms <= target_ms,
        {"ms": took_ms, "ratio": took_ms / bound_ms},
    )
