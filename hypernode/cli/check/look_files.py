"""Gathers facts for ``health.files``.  It only reads: nothing is created or left behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil

from hypernode.app.home import check_new_wallet
from hypernode.cli.check.inquiry import Inquiry, in_thread
from hypernode.config.run_file import read_run
from hypernode.config.settings import Settings
from hypernode.core.timeline import compute_round_slot
from hypernode.files.own_files import explain
from hypernode.health.files import ConfigFacts, DiskFacts, LedgerFacts, LockFacts, WalletFacts
from hypernode.ports.storage_faults import StorageFault
from hypernode.storage.interface import OtherNetwork, StorageError
from hypernode.storage.journal import inspect_journal
from hypernode.storage.ledger import open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase
from hypernode.wallet.locks import find_holder
from hypernode.wallet.passphrase import VARIABLE, get_passphrase
from hypernode.wallet.pos_wallet import (
    WalletError,
    find_exposure,
    load_open_wallet,
    load_wallet,
    read_wallet_address,
)

FULL_BYTES = 1 << 20
"""Some hours of a log, or thousands of lines of the journal: a disk with less has no room.  More is not asked
for, as a small one of their own is enough for both."""


async def look_at_config(inquiry: Inquiry) -> ConfigFacts:
    """The configuration, which could be read."""
    settings = inquiry.settings
    path = settings.config_path
    return ConfigFacts(str(path), path.exists(), settings.params.name, remarks=inquiry.remarks)


async def look_at_wallet(inquiry: Inquiry) -> WalletFacts:
    """Wallet and journal."""
    return await in_thread(lambda: _read_wallet(inquiry.settings))


def _read_wallet(settings: Settings) -> WalletFacts:
    path = settings.wallet_path
    try:
        owner = path.stat().st_uid
        exposure = find_exposure(path)
    except FileNotFoundError:
        return WalletFacts(str(path), exists=False, problem=_find_why_none_is_made(settings))
    address, problem, is_encrypted, is_checked = "", "", False, True
    try:
        address = read_wallet_address(path, settings.params.address_byte)
        is_encrypted = load_open_wallet(path, settings.params.address_byte) is None
        is_checked = not is_encrypted or _try_passphrase(settings)
    except WalletError as error:
        problem = str(error)
    journal = settings.journal_path
    return WalletFacts(
        path=str(path),
        exists=True,
        problem=problem,
        exposure=exposure,
        owner=owner,
        user=os.geteuid(),
        address=address,
        is_encrypted=is_encrypted,
        is_checked=is_checked,
        journal_path=str(journal),
        has_journal=journal.exists(),
        journal_problem=_find_journal_problem(journal),
        has_ledger=settings.ledger_path.exists(),
    )


def _find_why_none_is_made(settings: Settings) -> str:
    """Why a start would not make a wallet where there is none; empty if it would."""
    try:
        check_new_wallet(settings, is_asked_for=False)
    except WalletError as error:
        return str(error)
    return ""


def _try_passphrase(settings: Settings) -> bool:
    """Whether there was a passphrase to open the wallet with; nobody is asked for one.  Raises WalletError
    for a wrong one."""
    path = settings.wallet_path
    if settings.passphrase_path is None and not os.environ.get(VARIABLE):
        return False
    load_wallet(
        path,
        settings.params.address_byte,
        lambda: get_passphrase(path, settings.passphrase_path, os.environ),
    )
    return True


def _find_journal_problem(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        asyncio.run(inspect_journal(path))
    except (StorageError, StorageFault) as error:
        return str(error)
    return ""


async def look_at_lock(inquiry: Inquiry) -> LockFacts:
    """Who has the data folder and the wallet."""
    return await in_thread(lambda: _read_locks(inquiry.settings))


def _read_locks(settings: Settings) -> LockFacts:
    data, wallet = str(settings.data_path), str(settings.wallet_path)
    try:
        data_pid, wallet_pid = find_holder(settings.lock_path), find_holder(settings.wallet_lock_path)
    except OSError as fault:
        return LockFacts(data, wallet, None, None, explain(fault))
    if data_pid is None and (run := read_run(settings.data_path)) is not None:
        # somebody removed the lock of a node that runs: it makes it again (app.lock_watch)
        data_pid = run.pid
    return LockFacts(data, wallet, data_pid, wallet_pid)


async def look_at_disk(inquiry: Inquiry) -> DiskFacts:
    """Room and rights where the node writes."""
    return await in_thread(lambda: _read_disk(inquiry.settings))


def _read_disk(settings: Settings) -> DiskFacts:
    folders = (settings.home, settings.data_path, settings.logs_path, settings.wallet_path.parent)
    there = dict.fromkeys(_find_existing(folder) for folder in folders)
    data = _find_existing(settings.data_path)
    usage, system = psutil.disk_usage(str(data)), os.statvfs(data)
    is_read_only = bool(system.f_flag & os.ST_RDONLY)
    return DiskFacts(
        path=str(data),
        free_bytes=usage.free,
        # some file systems have no table of files, and say 0 of 0
        free_files=system.f_favail if system.f_files else None,
        sizes=(_measure(settings.data_path), _measure(settings.logs_path)),
        unwritable=tuple(
            str(folder) for folder in there if not is_read_only and not os.access(folder, os.W_OK)
        ),
        is_read_only=is_read_only,
        full_wallet=_find_full(settings.wallet_path.parent, data),
        full_logs=_find_full(settings.logs_path, data),
    )


def _find_full(folder: Path, data: Path) -> str:
    """The folder where it is on another file system than the data, and that has no room; else empty."""
    there = _find_existing(folder)
    if there.stat().st_dev == data.stat().st_dev or psutil.disk_usage(str(there)).free >= FULL_BYTES:
        return ""
    return str(there)


def _find_existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _measure(folder: Path) -> int:
    """Bytes of the files right in it: it has no folders of ours."""
    total = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            total += path.stat().st_size
        except OSError:
            """It went while we looked: a -wal file, a rotated log."""
    return total


async def look_at_ledger(inquiry: Inquiry) -> LedgerFacts:
    """Our own ledger: opened, its tip read, nothing counted."""
    holder = (await inquiry.once(look_at_lock)).data_pid
    return await in_thread(lambda: asyncio.run(_read_ledger(inquiry, is_running=holder is not None)))


async def _read_ledger(inquiry: Inquiry, *, is_running: bool) -> LedgerFacts:
    settings = inquiry.settings
    path = settings.ledger_path
    if not path.exists():
        return LedgerFacts(str(path), exists=False)
    try:
        ledger = await open_ledger_to_read(SnapshotDatabase(path, traceless=True), settings.params)
        try:
            tip = ledger.get_height()
        finally:
            await ledger.close()
    except (StorageError, StorageFault) as error:
        is_foreign = isinstance(error, OtherNetwork)
        return LedgerFacts(str(path), exists=True, problem=str(error), is_foreign=is_foreign)
    present, _ = compute_round_slot(settings.params, inquiry.now)
    return LedgerFacts(str(path), True, "", tip.height, tip.round, present, is_running)
