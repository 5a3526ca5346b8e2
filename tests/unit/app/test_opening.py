"""What the daemon opens at its start, and leaves closed where it cannot be used."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.app.daemon import _open_ledger
from hypernode.config.settings import Flags, Settings, load_settings
from hypernode.core.params.networks import mainnet
from hypernode.core.params.networks import testnet as make_testnet
from hypernode.ports.storage_faults import StorageFault
from hypernode.storage import ledger as ledger_module
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger


def make_settings(folder: Path) -> Settings:
    (folder / "data").mkdir()
    return replace(load_settings(Flags(), folder)[0], params=mainnet())


def open_and_close(settings: Settings) -> str:
    """Why the node is halted."""

    async def run() -> str:
        ledger, fault = await _open_ledger(settings)
        await ledger.close()
        return fault

    return asyncio.run(run())


def assert_none_new(before: set[threading.Thread]) -> None:
    """A thread more would keep the process from ending."""
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
        assert not thread.is_alive(), thread


def test_a_ledger_of_another_network_halts_and_leaves_no_thread(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)

    async def make() -> None:
        await (await open_ledger(InlineDatabase(settings.ledger_path), make_testnet())).close()

    asyncio.run(make())
    before = set(threading.enumerate())
    assert "is of another network" in open_and_close(settings)
    assert_none_new(before)


def test_a_disk_that_refuses_later_leaves_no_thread_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: object) -> None:
        raise StorageFault("the disk is full: make room")

    monkeypatch.setattr(ledger_module, "migrate", fail)
    before = set(threading.enumerate())
    with pytest.raises(StorageFault):
        open_and_close(make_settings(tmp_path))
    assert_none_new(before)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_in_its_place_halts(tmp_path: Path, kind: str) -> None:
    settings = make_settings(tmp_path)
    if kind == "folder":
        settings.ledger_path.mkdir()
    else:
        settings.ledger_path.symlink_to(tmp_path / "elsewhere.db")
    assert str(settings.ledger_path) in open_and_close(settings)
    assert not (tmp_path / "elsewhere.db").exists()
