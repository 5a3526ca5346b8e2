"""A companion that commits all the time, in a process of its own, while we go through its ledger."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hypernode.core.registrations.registry import UNREGISTER
from hypernode.pow.ledger import index as ledger_index
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    blocks,
    collateral,
    funding,
    registering,
    row,
    text_of,
    time_of,
    write,
)

LAST = FIRST + 1_500
AT = FIRST + 1_400
EVERY = 40
"""Queries of ours between two looks at the writer."""
PATIENCE = 8
"""Time-outs of the writer without a commit: where many processes share two cores a query may take one."""
ROWS = [
    *(funding(FIRST + 1, n, 10_000 * n + 1) for n in (1, 2, 3)),
    *(registering(FIRST + 400 * n, n) for n in (1, 2, 3)),
    row(FIRST + 1_300, collateral(2), collateral(2), 0, UNREGISTER, text_of(2)),
]
# blocks come as fast as it can write them, each in a commit of its own, like a node that is catching up
WRITER = f"""
import sqlite3, sys
from pathlib import Path
from hypernode.devnet import pow_ledger
from tests.unit.pow.ledgers import blocks
pow_ledger.BUSY_TIMEOUT_S = 0.25
path, mode, stop, told = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
height, refused = {LAST}, 0
with pow_ledger.open_ledger(path, journal_mode=mode) as ledger:
    while not stop.exists():
        try:
            ledger.append(blocks(height + 1, height + 1))
            height += 1
        except sqlite3.OperationalError:
            refused += 1
        told.with_suffix(".new").write_text(f"{{height}} {{refused}}")
        told.with_suffix(".new").replace(told)
        if height == {LAST + 2}:
            print("begun", flush=True)
"""


class Writer:
    """The other process, as a hook before our queries: every so often it must get a commit through."""

    def __init__(self, told: Path) -> None:
        self._told = told
        self.asked = 0

    def count(self) -> tuple[int, int]:
        """How high it is, and how often it gave up waiting for us (250 ms)."""
        height, refused = self._told.read_text().split()
        return int(height), int(refused)

    def wait_for_commit(self) -> bool:
        self.asked += 1
        if self.asked % EVERY == 0:
            before, refused_before = self.count()
            height, refused = before, refused_before
            while height == before:
                assert refused - refused_before < PATIENCE, "we hold the ledger between two queries"
                time.sleep(0.001)
                height, refused = self.count()
        return False


@contextmanager
def writing(path: Path, journal_mode: str) -> Iterator[Writer]:
    stop, told = path.with_name("stop"), path.with_name("told")
    command = [sys.executable, "-c", WRITER, str(path), journal_mode, str(stop), str(told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            yield Writer(told)
        finally:
            stop.touch()
            assert process.wait() == 0


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL"])
def test_a_companion_goes_on_committing_through_a_first_derivation(
    tmp_path: Path, journal_mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_index, "LONG_SCAN_ROWS", 1_000)
    path = tmp_path / "ledger.db"
    write(path, blocks(FIRST, LAST, ROWS), journal_mode=journal_mode)
    with writing(path, journal_mode) as writer:
        registry = LedgerRegistry(
            LedgerFile(path), NETWORK, RegistryOptions(chunk_rows=20), is_stopped=writer.wait_for_commit
        )
        _, state = registry.derive_at(time_of(AT))
    registry.close()
    assert [(e.collateral, e.weight) for e in state.entries] == [(collateral(1), 1), (collateral(3), 3)]
    assert writer.asked > 3 * EVERY
