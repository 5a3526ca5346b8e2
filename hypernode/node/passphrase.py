"""Where the passphrase of an encrypted wallet comes from: a file, the environment, or a prompt (spec 6)."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hypernode.node.wallet import WalletError

VARIABLE: Final = "HYPERNODE_PASSPHRASE"
"""Name of the environment variable."""
_MAX_FILE_BYTES: Final = 10_000


def get_passphrase(wallet: Path, file: Path | None, environment: Mapping[str, str]) -> str:
    """The passphrase of ``wallet``: first line of ``file``, else the environment, else asked for on the
    terminal.  Raises WalletError when there is none of them."""
    if file is not None:
        return _read(file)
    if environment.get(VARIABLE):
        return environment[VARIABLE]
    if not sys.stdin.isatty():
        remedy = f"Name a file with it (PASSPHRASE_FILE in config.txt), or set {VARIABLE}"
        raise WalletError(wallet, "is encrypted and there is no passphrase", remedy)
    return getpass.getpass(f"Passphrase of {wallet}: ")


def _read(file: Path) -> str:
    remedy = "PASSPHRASE_FILE must name a text file with the passphrase on its first line"
    try:
        with file.open(encoding="utf-8") as lines:
            passphrase = lines.readline(_MAX_FILE_BYTES).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise WalletError(file, f"cannot be read: {type(error).__name__}", remedy) from None
    if not passphrase:
        raise WalletError(file, "has no passphrase", remedy)
    return passphrase
