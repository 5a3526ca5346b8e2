"""Chunks of a ledger: what is read of them at once is what their rows say, and of one chain."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.registrations.registry import COIN
from hypernode.devnet.pow_ledger import open_ledger
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger import index as ledger_index
from hypernode.pow.ledger import registry as ledger_registry
from hypernode.pow.ledger.chunks import ChunkReader, ReadChunk
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from hypernode.pow.ledger.values import to_units
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    blocks,
    collateral,
    funding,
    registering,
    roll_back_to,
    row,
    time_of,
    write,
)

INSERT = "INSERT INTO transactions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
ADDRESSES = st.one_of(
    st.none(), st.binary(max_size=3), st.sampled_from(["", "a", "b\n", "\n", "c\0d", "é", "f" * 56])
)
AMOUNTS = st.one_of(st.none(), st.integers(0, 9), st.decimals(0, 10**6, places=8).map(float))
VALUES = st.tuples(
    st.one_of(st.none(), st.integers(-3, 9)), ADDRESSES, ADDRESSES, *[AMOUNTS] * 3
)  # height, sender, recipient, amount, fee, reward


def fill(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with open_ledger(path), closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM transactions")
        for number, (height, sender, recipient, amount, fee, reward) in enumerate(rows):
            values = (height, number, sender, recipient, amount, "s", "k", f"{height}", fee, reward, "", "")
            connection.execute(INSERT, values)
        connection.commit()


def read(path: Path, spans: list[tuple[int, int]], *, ahead: bool) -> list[ReadChunk]:
    chunks = ChunkReader(NETWORK, verify=False)
    with LedgerFile(path).open() as reader:
        return list(chunks.read(reader, [(span, True) for span in spans], ahead=ahead))


def to_key(address: str | bytes | None) -> bytes:
    return address if isinstance(address, bytes) else (address or "").encode()


def add(units: int | None, other: int | None) -> int | None:
    return None if units is None or other is None else units + other


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(VALUES, max_size=12), ahead=st.booleans())
def test_moves_are_those_of_the_rows_whatever_is_in_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], ahead: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "chunks.db"
    fill(path, rows)
    sent: Counter[bytes] = Counter()
    received: Counter[bytes] = Counter()
    for height, sender, recipient, amount, fee, reward in rows:
        units = [None if value is None else to_units(value) for value in (amount, fee, reward)]
        spent, got = add(units[0], units[1]), add(units[0], units[2])
        if height is not None and spent is not None:
            sent[to_key(sender)] += spent
        if height is not None and got is not None:
            received[to_key(recipient)] += got
    seen_sent: Counter[bytes] = Counter()
    seen_received: Counter[bytes] = Counter()
    for chunk in read(path, [(1, 5), (6, 10), (11, 15)], ahead=ahead):
        assert chunk.moves is not None
        for sender, spent in zip(chunk.moves.senders, chunk.moves.spent, strict=True):
            if spent is not None:
                seen_sent[sender or b""] += spent
        for recipient, got in zip(chunk.moves.recipients, chunk.moves.got, strict=True):
            if got is not None:
                seen_received[recipient or b""] += got
    assert (seen_sent, seen_received) == (sent, received)
    # an address that moved nothing moved something all the same
    assert (set(seen_sent), set(seen_received)) == (set(sent), set(received))


def test_what_is_read_ahead_is_the_same_and_comes_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write(path, blocks(FIRST, FIRST + 90, [funding(FIRST + 1, 1), registering(FIRST + 44, 1)]))
    spans = [(first, first + 6) for first in range(1, 100, 7)]
    assert read(path, spans, ahead=True) == read(path, spans, ahead=False)
    assert [read.chunk.first for read in read(path, spans, ahead=True)] == [first for first, _ in spans]


class Changed:
    """A registry whose ledger gets another end right before one of its queries."""

    def __init__(self, path: Path, at: int) -> None:
        self.path, self.at, self.asked = path, at, 0
        self.registry = LedgerRegistry(
            LedgerFile(path), NETWORK, RegistryOptions(chunk_rows=10), is_stopped=self._ask
        )

    def _ask(self) -> bool:
        self.asked += 1
        if self.asked == self.at:
            roll_back_to(self.path, FIRST + 10)
            write(self.path, blocks(FIRST + 11, FIRST + 99, NEW, fork=1))
        return False

    def list_weights(self) -> list[tuple[str, int]]:
        state = self.registry.derive_at(time_of(FIRST + 60))[1]
        return [(entry.collateral, entry.weight) for entry in state.entries]


OLD = [funding(FIRST + 1, 1), funding(FIRST + 1, 2), registering(FIRST + 30, 1)]
NEW = [row(FIRST + 20, collateral(2), FUNDER, 9_000), registering(FIRST + 50, 2, fork=1)]

WITH_OLD = [(collateral(1), 1)]
WITH_NEW = [(collateral(2), 0)]


@pytest.mark.parametrize("ahead", [False, True])
def test_a_rollback_while_reading_never_mixes_two_chains_in_a_list(
    tmp_path: Path, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_index, "LONG_SCAN_ROWS", 1 if ahead else 10**9)
    outcomes = []
    for at in range(2, 100, 3):
        path = tmp_path / f"{at}.db"
        write(path, blocks(FIRST, FIRST + 99, OLD))
        changed = Changed(path, at)
        outcomes.append(changed.list_weights())
        if changed.asked < at:
            break
        assert changed.list_weights() == WITH_NEW, at
        changed.registry.close()
    assert all(outcome in (WITH_OLD, WITH_NEW) for outcome in outcomes)
    assert outcomes[0] == WITH_NEW
    assert outcomes[-1] == WITH_OLD


def test_a_ledger_that_is_rolled_back_at_every_attempt_is_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_registry, "ATTEMPTS", 1)
    path = tmp_path / "ledger.db"
    write(path, blocks(FIRST, FIRST + 99, OLD))
    changed = Changed(path, 20)
    with pytest.raises(PowNotReady, match=r"ledger.db: block 8\d+ was rolled back while .* trying again"):
        changed.list_weights()
    assert changed.list_weights() == WITH_NEW


def test_the_weight_counts_mirror_rows_and_rows_out_of_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    rows = blocks(FIRST, FIRST + 90, [funding(FIRST + 1, 1, 9_999.01), registering(FIRST + 5, 1)])
    # a mirror row and one of an earlier block come long after, in a chunk of their own
    rows += [
        row(-FIRST - 80, "Hypernode Payouts", collateral(1), 0.5),
        row(FIRST + 4, FUNDER, collateral(1), 0.5),
    ]
    write(path, rows)
    write(path, blocks(FIRST + 91, FIRST + 160))
    registry = LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions(chunk_rows=10))
    (entry,) = registry.derive_at(time_of(FIRST + 100))[1].entries
    assert entry.weight == 1
    assert registry._index._sealed > 9
    (feed,) = registry.derive_feed(FIRST + 100)[1]
    assert feed[1].is_near
    with LedgerFile(path).open() as reader:
        found = registry._index.find_balances(reader, [(collateral(1), FIRST + 5)])
    assert found[collateral(1), FIRST + 5] == 10_000 * COIN
