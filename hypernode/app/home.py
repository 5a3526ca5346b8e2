"""Whether a hypernode lives in a folder, and whether a new one may begin there (docs/adr/0028).

A mistyped ``--home``, a cron line without its ``cd`` or a disk that is not mounted must not make a new
hypernode with a new key beside the real one, which nobody registered and nobody misses.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hypernode.config.networks import is_built_in
from hypernode.config.parameter_table import ConfigError
from hypernode.config.settings import CONFIG_NAME, WALLET_NAME, Flags, Settings
from hypernode.wallet.pos_wallet import WalletError

_LEDGER: Final = Path("data", "ledger.db")


def check_home(settings: Settings, flags: Flags) -> None:
    """Raises ConfigError unless a hypernode lives in the run folder: its configuration, its wallet or its
    ledger is there; or the command line names the folder, which is there, and what else to go by."""
    home = settings.home
    check_named_home(settings, flags)
    if any(os.path.lexists(home / name) for name in (CONFIG_NAME, WALLET_NAME, _LEDGER)):
        return
    is_named = flags.home is not None or flags.index is not None
    has_network_file = flags.network is not None and not is_built_in(flags.network)
    if is_named and (flags.config is not None or flags.wallet is not None or has_network_file):
        return
    expected = f"no hypernode lives here: there is neither {CONFIG_NAME} nor {WALLET_NAME}"
    raise ConfigError(str(home), 0, "", expected, _REMEDY)


def check_named_home(settings: Settings, flags: Flags) -> None:
    """Raises ConfigError for a run folder that the command line names and that is not there."""
    is_named = flags.home is not None or flags.index is not None
    if is_named and not settings.home.is_dir():
        raise ConfigError(str(settings.home), 0, "", "there is no such folder", _REMEDY)


_REMEDY: Final = (
    "Name the folder of your node (--home), or start it there; to begin a new one: "
    "hn_instance.py --action wallet"
)


def check_new_wallet(settings: Settings, *, is_asked_for: bool) -> None:
    """Before a wallet is made.  ``is_asked_for``: by a command of its own, not by a first start.  Raises
    WalletError where the real one must be somewhere else."""
    path, journal = settings.wallet_path, settings.journal_path
    if os.path.lexists(journal):
        remedy = "Restore the wallet from a backup, or mount its disk; for a new one move the journal away"
        raise WalletError(path, f"is not there, but the journal of what it signed is ({journal})", remedy)
    if not is_asked_for and path != settings.home / WALLET_NAME:
        remedy = "Name the wallet that there is, mount its disk, or make it with --action wallet"
        raise WalletError(path, "is not there", remedy)
    if not path.parent.is_dir():
        remedy = "Mount its disk, or make the folder"
        raise WalletError(path, "cannot be made, for its folder is not there", remedy)
