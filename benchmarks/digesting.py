"""Blocks digested as they are when a juror pushes them: every rule, on disk when it is done.

The bound is SQLite alone: the rows of the messages and their index in one transaction, with the same
durability, prepared before and written without a thread in between; and for messages that nobody has verified
yet, the bare verify loop on all cores on top.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from benchmarks.bounds import Bounds
from benchmarks.chains import Party, load_chain
from benchmarks.figures import Row, compute_noise, time_await, time_call
from benchmarks.nodes import open_node
from hypernode.core.types import Block
from hypernode.storage.interface import COMMON_PRAGMAS, Durability

UNSEEN_TARGET = 1.6
HELD_TARGET = 3.0


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


async def measure(party: Party, bounds: Bounds, blocks: int, messages: int) -> list[Row]:
    """Blocks of ``messages`` messages in turn: none of them seen before, all of them in the mempool."""
    chain = await load_chain(party, 2 * blocks, messages)
    unseen, held = _Times(), _Times()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_node(party, 0, folder) as node:
            with closing(PlainSqlite(folder / "plain.db")) as plain:
                for number, block in enumerate(chain):
                    is_held = number % 2
                    for message in block.messages if is_held else ():
                        node.mempool.add(replace(message, block_height=0))
                    sqlite_s = plain.write(block)
                    before = bounds.measure_all()
                    took = await time_await(lambda block=block: node.chain.accept_pushed(block))  # type: ignore[misc]
                    verify_s = messages / bounds.mean_all(before)
                    (held if is_held else unseen).note(took, sqlite_s, verify_s, counts_verify=not is_held)
    # The first blocks meet empty caches, and a ledger without addresses.
    return [
        unseen.make_row(f"block of {messages} messages, none seen before, durable", UNSEEN_TARGET),
        held.make_row("the same, all of them in the mempool", HELD_TARGET),
    ]


@dataclass(slots=True)
class _Times:
    """Of the blocks of one kind, in seconds; the bound of each is what was measured beside it."""

    took: list[float] = field(default_factory=list)
    sqlite: list[float] = field(default_factory=list)
    verify: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def note(self, took: float, sqlite_s: float, verify_s: float, *, counts_verify: bool) -> None:
        self.took.append(took)
        self.sqlite.append(sqlite_s)
        self.verify.append(verify_s * counts_verify)
        self.ratios.append(took / (sqlite_s + self.verify[-1]))

    def make_row(self, work: str, target: float) -> Row:
        took_ms, sqlite_ms, verify_ms = (
            median(times[1:] or times) * 1000 for times in (self.took, self.sqlite, self.verify)
        )
        ratio = median(self.ratios[1:] or self.ratios)
        beside = f", bare verify on all cores: {verify_ms:.0f} ms" if verify_ms else ""
        return Row(
            work,
            f"{took_ms:.0f} ms, {ratio:.1f} × the bound",
            f"SQLite alone: {sqlite_ms:.1f} ms{beside}",
            f"≤ {target} × the bound",
            ratio <= target,
            {"ratio": ratio, "ms": took_ms},
            compute_noise(self.ratios[1:]),
        )
