"""Where the passphrase of an encrypted wallet comes from: a file, the environment, or a prompt (spec 6)."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hypernode.files.text_files import decode_text, split_lines
from hypernode.wallet.pos_wallet import WalletError

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
        remedy = f"Name a file with one (PASSPHRASE_FILE in config.txt), or set {VARIABLE}"
        raise WalletError(wallet, "needs a passphrase and there is none", remedy)
    return getpass.getpass(f"Passphrase of {wallet}: ")


def get_new_passphrase(wallet: Path, file: Path | None, environment: Mapping[str, str]) -> str:
    """The passphrase for a wallet to be made; on a terminal asked for twice.  Raises WalletError."""
    passphrase = get_passphrase(wallet, file, environment)
    is_prompted = file is None and not environment.get(VARIABLE)
    if is_prompted and getpass.getpass("The same again: ") != passphrase:
        raise WalletError(wallet, "the two passphrases differ", "Try again")
    if not passphrase:
        raise WalletError(wallet, "an empty passphrase protects nothing", "Try again")
    return passphrase


def _read(file: Path) -> str:
    remedy = "PASSPHRASE_FILE must name a text file with the passphrase on its first line"
    try:
        with file.open("rb") as content:
            passphrase = _take_first_line(content.read(_MAX_FILE_BYTES))
    except OSError as error:
        raise WalletError(file, f"cannot be read: {error.strerror}", remedy) from None
    if not passphrase:
        raise WalletError(file, "has no passphrase", remedy)
    return passphrase


def _take_first_line(raw: bytes) -> str:
    """With any editor's mark and line end; bytes that are no text of Unicode stand for themselves."""
    try:
        text = decode_text(raw)
    except ValueError:
        text = raw.decode("utf-8", "surrogateescape")
    return split_lines(text)[0]
