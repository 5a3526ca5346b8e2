"""The locks of one home: its data folder and its wallet, each for one process alone."""

from __future__ import annotations

from hypernode.config.settings import Settings
from hypernode.files.own_files import make_folder
from hypernode.wallet.locks import Lock, acquire_lock


def lock_data(settings: Settings) -> Lock:
    """The data folder, for this process alone; it is made if there is none.  Raises as ``acquire_lock``."""
    make_folder(settings.data_path)
    return acquire_lock(settings.lock_path, f"data folder {settings.data_path}", guarded=settings.data_path)


def lock_wallet(settings: Settings) -> Lock:
    """The wallet, which may not be there yet, for this process alone.  Raises as ``acquire_lock``."""
    path = settings.wallet_path
    return acquire_lock(settings.wallet_lock_path, f"wallet {path}", guarded=path)
