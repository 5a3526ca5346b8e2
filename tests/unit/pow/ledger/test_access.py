"""A ledger is opened only where nothing is made beside it; whatever is in its place is said, and waited
out."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger import source as ledger_source
from hypernode.pow.ledger.access import find_unopenable, hold_openable, is_wal
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry
from hypernode.pow.ledger.source import LedgerPowSource
from tests.unit.pow.ledgers import FIRST, NETWORK, blocks, time_of, write

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is another user's."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)


def list_beside(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


@pytest.mark.usefixtures("others")
def test_nothing_is_made_beside_a_closed_wal_ledger_of_another_user(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30), journal_mode="WAL")
    assert list_beside(path) == {"ledger.db"}
    with pytest.raises(PowNotReady, match=r"without its ledger\.db-wal and ledger\.db-shm"):
        LedgerRegistry(LedgerFile(path), NETWORK).derive_at(time_of(FIRST + 5))
    assert "start the PoW node" in LedgerRegistry(LedgerFile(path), NETWORK).get_status(0).problem
    assert list_beside(path) == {"ledger.db"}


@pytest.mark.usefixtures("others")
def test_a_wal_ledger_that_lacks_one_of_the_two_is_not_opened(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30), journal_mode="WAL")
    for name in ("ledger.db-wal", "ledger.db-shm"):
        path.with_name(name).touch()
        assert "without its" in find_unopenable(path)
        path.with_name(name).unlink()


@pytest.mark.usefixtures("others")
def test_a_wal_ledger_that_its_node_has_open_is_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as node:
        node.execute("PRAGMA journal_mode=WAL").fetchall()
        node.execute("CREATE TABLE misc (block_height INTEGER, difficulty TEXT)")
        write(path, blocks(FIRST, FIRST + 30), journal_mode="WAL")
        assert LedgerRegistry(LedgerFile(path), NETWORK).derive_at(time_of(FIRST + 5))[0] == FIRST + 5


def test_a_wal_ledger_of_our_own_user_is_read(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30), journal_mode="WAL")
    assert LedgerRegistry(LedgerFile(path), NETWORK).derive_at(time_of(FIRST + 5))[0] == FIRST + 5


@pytest.mark.usefixtures("others")
def test_while_it_is_held_nobody_takes_the_two_away(path: Path) -> None:
    """Else a node that stops right between our look and SQLite's would let it make them."""
    with ExitStack() as stack:
        node = stack.enter_context(closing(sqlite3.connect(path)))
        node.execute("PRAGMA journal_mode=WAL").fetchall()
        node.execute("CREATE TABLE transactions (x)")
        stack.enter_context(hold_openable(path))
        node.close()
        assert list_beside(path) == {"ledger.db", "ledger.db-wal", "ledger.db-shm"}


def test_a_rollback_ledger_of_another_user_is_read(path: Path, others: None) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    assert not is_wal(path)
    assert find_unopenable(path) == ""


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def make_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def make_loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def make_file_above(path: Path) -> Path:
    path.write_text("x")
    return path / "ledger.db"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "no such file"),
        (lambda path: path.with_name("l" * 300), "the name is too long"),
        (lambda path: path.with_name("l\0l"), "it is no path"),
        (make_folder, "this is no file"),
        (make_pipe, "this is no file"),
        (make_loop, "links lead round in a circle"),
        (make_file_above, "no such file"),
    ],
)
def test_what_is_no_file_is_a_trouble_that_is_said(
    path: Path, make: Callable[[Path], Path], words: str
) -> None:
    place = make(path)
    status = LedgerRegistry(LedgerFile(place), NETWORK).get_status(0)
    assert words in status.problem
    with pytest.raises(PowNotReady, match=words):
        LedgerRegistry(LedgerFile(place), NETWORK).derive_round(5)
    assert not is_wal(place)


@contextmanager
def as_stranger() -> Iterator[None]:
    """As a user without rights; root may look everywhere."""
    uid = os.geteuid()
    os.seteuid(NOBODY if uid == 0 else uid)
    try:
        yield
    finally:
        os.seteuid(uid)


def test_a_folder_that_may_not_be_searched_is_a_trouble_that_is_said(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    path.parent.chmod(0)
    try:
        with as_stranger():
            problem = LedgerRegistry(LedgerFile(path), NETWORK).get_status(0).problem
    finally:
        path.parent.chmod(0o700)
    assert "this user may not look there" in problem
    assert str(path) in problem


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.ENOTCONN])
def test_a_mount_that_went_away_is_a_trouble_that_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> int:
            raise OSError(code, os.strerror(code))

        patch.setattr(os, "open", fail)
        assert registry.get_status(0).height == 0
        with pytest.raises(PowNotReady, match=r"ledger\.db"):
            registry.derive_at(time_of(FIRST + 5))
    assert registry.derive_at(time_of(FIRST + 5))[0] == FIRST + 5


def test_a_link_that_is_swung_to_another_ledger_is_followed(path: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    write(first, blocks(FIRST, FIRST + 30))
    write(second, blocks(FIRST, FIRST + 40, fork=1))
    path.symlink_to(first)
    registry = LedgerRegistry(LedgerFile(path), NETWORK)
    assert registry.get_status(time_of(FIRST + 30)).height == FIRST + 30
    path.unlink()
    path.symlink_to(second)
    assert registry.get_status(time_of(FIRST + 40)).height == FIRST + 40
    assert registry.derive_at(time_of(FIRST + 15))[0] == FIRST + 15


def test_a_commit_into_the_wal_of_a_linked_ledger_is_noticed(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.db"
    path.symlink_to(real)
    with closing(sqlite3.connect(real)) as node:
        node.execute("PRAGMA journal_mode=WAL").fetchall()
        node.execute("CREATE TABLE misc (block_height INTEGER, difficulty TEXT)")
        before = LedgerFile(path).read_version()
        node.execute("INSERT INTO misc VALUES (1, '')")
        node.commit()
        assert LedgerFile(path).read_version() != before


def test_a_disk_that_never_answers_holds_nobody_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    answers = threading.Event()
    real_open = os.open

    def hang(*args: Any, **options: Any) -> int:
        if str(args[0]) == str(path):
            answers.wait(20)
        return real_open(*args, **options)

    async def scenario() -> None:
        source = LedgerPowSource(path, NETWORK)
        assert (await source.get_status(time_of(FIRST + 30))).problem == ""
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", hang)
            patch.setattr(ledger_source, "STUCK_S", 0.05)
            for _ in range(3):
                assert "nothing comes back" in (await source.get_status(0)).problem
            with pytest.raises(PowNotReady, match="nothing comes back"):
                await source.get_block_hashes([FIRST])
            answers.set()
        while (await source.get_status(time_of(FIRST + 30))).problem:
            await asyncio.sleep(0.01)
        await source.close()

    asyncio.run(scenario())
