"""What is kept of a ledger between two runs: it spares a scan and never changes a list."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import UNREGISTER, PowRow
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.types import Registration
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger import index as ledger_index
from hypernode.pow.ledger.cache import Chunk, open_cache
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    blocks,
    collateral,
    funding,
    registering,
    roll_back_to,
    row,
    text_of,
    time_of,
    write,
)

CHUNK = 10
ROWS = [
    *(funding(FIRST + 1, n, 10_000 * n) for n in (1, 2, 3, 4)),
    row(FIRST + 2, collateral(3), collateral(4), 1),
    row(FIRST + 3, collateral(4), collateral(3), 1, fee=0),
    *(registering(FIRST + 10 + n, n) for n in (1, 2, 3)),
    row(FIRST + 40, collateral(1), collateral(1), 0, UNREGISTER, text_of(1)),
]
LAST = FIRST + 150


class Opened:
    """A registry that counts its queries, and can be stopped after some of them."""

    def __init__(self, path: Path, params: ChainParams = NETWORK, **options: object) -> None:
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.asked = 0
        self.stop_at = 0
        self.registry = LedgerRegistry(
            LedgerFile(path, 0.05, 2),
            params,
            RegistryOptions(chunk_rows=CHUNK, **options),  # type: ignore[arg-type]
            is_stopped=self._ask,
            log=self.log.append,
            warn=self.warnings.append,
        )

    def _ask(self) -> bool:
        self.asked += 1
        return self.asked == self.stop_at

    def list_at(self, height: int) -> tuple[Registration, ...]:
        self.asked = 0
        found, state = self.registry.derive_at(time_of(height))
        assert found == height
        return state.entries

    def close(self) -> None:
        self.registry.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ledger = tmp_path / "ledger.db"
    write(ledger, blocks(FIRST, LAST, ROWS))
    return ledger


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "registrations.db"


def list_fresh(path: Path, height: int) -> tuple[Registration, ...]:
    opened = Opened(path)
    entries = opened.list_at(height)
    opened.close()
    return entries


def test_a_restart_costs_no_scan(path: Path, kept: Path) -> None:
    first = Opened(path, cache_path=kept)
    entries = first.list_at(FIRST + 100)
    whole_scan = first.asked
    first.close()
    again = Opened(path, cache_path=kept)
    assert again.list_at(FIRST + 100) == entries
    assert again.asked < 20 < whole_scan
    assert [e.collateral for e in again.list_at(FIRST + 100)] == [collateral(2), collateral(3)]
    assert again.warnings == []
    again.close()


def test_a_registration_of_a_later_round_needs_no_scan(path: Path, kept: Path) -> None:
    opened = Opened(path, cache_path=kept)
    opened.list_at(FIRST + 100)
    write(path, blocks(LAST + 1, LAST + 30, [registering(LAST + 1, 4)]))
    entries = opened.list_at(LAST + 5)
    assert entries[-1].collateral == collateral(4)
    assert entries[-1].weight == 3
    assert opened.asked < 40
    assert entries == list_fresh(path, LAST + 5)
    opened.close()


def test_a_ledger_that_grows_between_runs_is_read_on(path: Path, kept: Path) -> None:
    for step in range(6):
        opened = Opened(path, cache_path=kept)
        height = FIRST + 100 + 20 * step
        assert opened.list_at(height) == list_fresh(path, height)
        opened.close()
        new = [row(LAST + 20 * step + 3, collateral(2), collateral(4), 400), registering(LAST + 41, 4)]
        write(path, blocks(LAST + 20 * step + 1, LAST + 20 * step + 20, new))
    assert opened.warnings == []


def test_a_rollback_below_what_is_sealed_is_noticed_after_a_restart(path: Path, kept: Path) -> None:
    opened = Opened(path, cache_path=kept)
    opened.list_at(FIRST + 100)
    opened.close()
    roll_back_to(path, FIRST + 30)
    other = [registering(FIRST + 32, 4, fork=1), row(FIRST + 31, collateral(4), collateral(2), 20_000)]
    write(path, blocks(FIRST + 31, LAST, other, fork=1))
    opened = Opened(path, cache_path=kept)
    assert opened.list_at(FIRST + 100) == list_fresh(path, FIRST + 100)
    assert any("read anew" in warning for warning in opened.warnings)
    opened.close()


def test_a_rolled_back_checkpoint_is_told_once_not_at_every_start(path: Path, kept: Path) -> None:
    opened = Opened(path, cache_path=kept)
    opened.list_at(LAST - 25)
    opened.close()
    roll_back_to(path, LAST - 26)
    write(path, blocks(LAST - 25, LAST, fork=1))
    told = []
    for _ in range(3):
        opened = Opened(path, cache_path=kept)
        opened.list_at(FIRST + 20)
        opened.close()
        told.append(len(opened.warnings))
    assert (told[0] > 0, told[1:]) == (True, [0, 0])


def test_a_rollback_to_the_very_end_of_what_is_sealed_is_noticed(path: Path, kept: Path) -> None:
    # rows of a block may be sealed while its miner's row is not: such a block must not be trusted
    for fork, height in enumerate(range(LAST - 18, LAST - 3)):
        roll_back_to(path, FIRST + 100)
        pairs = [row(h, collateral(4), collateral(2), 0.5) for h in range(FIRST + 101, LAST + 61)]
        write(path, blocks(FIRST + 101, LAST, pairs, fork=2 * fork))
        opened = Opened(path, cache_path=kept)
        opened.list_at(FIRST + 120)
        opened.close()
        roll_back_to(path, height)
        new = [registering(height + 1, 4), *pairs]
        write(path, blocks(height + 1, LAST + 60, new, fork=2 * fork + 1))
        opened = Opened(path, cache_path=kept)
        entries = opened.list_at(LAST + 20)
        assert [e.collateral for e in entries][-1] == collateral(4), height
        assert entries == list_fresh(path, LAST + 20), height
        opened.close()


@pytest.mark.parametrize("end_at", [1, 2, 3, 5, 8, 13, 21, 27, 34, 41])
def test_a_scan_that_was_ended_goes_on_as_if_it_had_not(
    path: Path, kept: Path, end_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_index, "BATCH_CHUNKS", 3)
    opened = Opened(path, cache_path=kept)
    opened.stop_at = end_at
    with pytest.raises(PowNotReady, match="because the node stops"):
        opened.list_at(FIRST + 100)
    opened.stop_at = 0
    assert opened.list_at(FIRST + 100) == list_fresh(path, FIRST + 100)
    opened.close()


def test_a_long_scan_tells_how_far_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_index, "LONG_SCAN_ROWS", 50)
    opened = Opened(path)
    opened.list_at(FIRST + 100)
    assert 5 <= len(opened.log) <= 10
    assert "(100 %)" in opened.log[-1]
    opened.log.clear()
    opened.list_at(FIRST + 101)
    assert opened.log == []
    opened.close()


@pytest.mark.parametrize("change", ["network", "verify"])
def test_what_was_kept_under_other_parameters_is_forgotten(path: Path, kept: Path, change: str) -> None:
    opened = Opened(path, cache_path=kept)
    opened.list_at(FIRST + 100)
    whole_scan = opened.asked
    opened.close()
    if change == "network":
        opened = Opened(path, replace(NETWORK, collateral_unit=5_000), cache_path=kept)
    else:
        opened = Opened(path, cache_path=kept, verify=True)
    entries = opened.list_at(FIRST + 100)
    assert opened.asked > 0.8 * whole_scan
    assert [e.weight for e in entries] == ([3, 3] if change == "network" else [])
    opened.close()


def write_text(path: Path) -> None:
    path.write_bytes(b"no database" * 500)


def write_format(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")


def cut_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


@pytest.mark.parametrize("damage", [write_text, write_format, cut_pages])
def test_a_damaged_file_is_made_again(path: Path, kept: Path, damage: Callable[[Path], None]) -> None:
    opened = Opened(path, cache_path=kept)
    entries = opened.list_at(FIRST + 100)
    opened.close()
    damage(kept)
    opened = Opened(path, cache_path=kept)
    assert opened.list_at(FIRST + 100) == entries
    assert "made again" in opened.warnings[0]
    opened.close()


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
def test_what_lies_in_its_place_is_not_written_to(path: Path, kept: Path, kind: str) -> None:
    victim = kept.with_name("victim.db")
    with closing(sqlite3.connect(victim)) as connection:
        connection.execute("CREATE TABLE precious(x)")
    before = victim.read_bytes()
    match kind:
        case "link":
            kept.symlink_to(victim)
        case "hard link":
            kept.hardlink_to(victim)
        case "pipe":
            os.mkfifo(kept)
        case _:
            kept.mkdir()
    tool = Opened(path, cache_path=kept, copy_cache=True)
    assert tool.list_at(FIRST + 100)
    tool.close()
    if kind == "folder":
        with pytest.raises(PowNotReady, match="cannot be made"):
            open_cache(kept, log=lambda text: None)
        return
    opened = Opened(path, cache_path=kept)
    assert opened.list_at(FIRST + 100)
    assert "made again" in opened.warnings[0]
    opened.close()
    assert victim.read_bytes() == before
    assert kept.is_file()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_tool_reads_a_copy_beside_the_node(path: Path, kept: Path) -> None:
    node = Opened(path, cache_path=kept)
    entries = node.list_at(FIRST + 100)
    tool = Opened(path, cache_path=kept, copy_cache=True)
    assert tool.list_at(FIRST + 100) == entries
    assert tool.asked < 20
    tool.list_at(FIRST + 60)
    tool.close()
    node.close()
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT height FROM checkpoints").fetchall() == [(FIRST + 100,)]
    missing = Opened(path, cache_path=kept.with_name("none.db"), copy_cache=True)
    assert missing.list_at(FIRST + 100) == entries
    missing.close()
    assert not kept.with_name("none.db").exists()


def test_a_file_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    with pytest.raises(PowNotReady, match="cannot be made"):
        open_cache(tmp_path / "no folder" / "registrations.db", log=lambda text: None)


def test_a_file_that_cannot_be_written_is_explained(path: Path, kept: Path) -> None:
    opened = Opened(path, cache_path=kept)
    opened.list_at(FIRST + 100)
    with closing(sqlite3.connect(kept)) as other:
        other.execute("DROP TABLE checkpoints")
    with pytest.raises(PowNotReady, match="remove this file"):
        opened.list_at(FIRST + 20)
    opened.close()


@pytest.mark.parametrize(("verified", "stored"), [(True, "true"), (False, "false"), (UNCHECKED, "null")])
def test_a_row_is_kept_with_what_is_known_of_its_signature(verified: bool | Unchecked, stored: str) -> None:
    kept = PowRow(FIRST, 1.5, "a", "b", 1, 2, 3, UNREGISTER, "text", "hash", verified, "fault")
    cache = open_cache(None, log=print)
    with cache.transaction():
        cache.put_chunks([Chunk(1, 1, FIRST, FIRST, 0, 0, FIRST, (kept,))])
    [chunk] = cache.list_chunks()
    assert chunk.rows == (kept,)
    [(text,)] = cache._fetch("SELECT rows FROM chunks")
    assert str(text).endswith(f'"hash", {stored}, "fault"]]')
    cache.close()
