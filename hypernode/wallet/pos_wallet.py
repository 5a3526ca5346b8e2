"""The node's key: the file ``poswallet.json`` and the Signer on it (spec 1, wallet file).

Address and public key are computed again from the private key and must match, or the wallet is refused and
the differing field named.  An encrypted wallet holds the private key sealed as ``wallet.seal`` says.
Files are written whole or not at all, mode 0600, and a wallet that is there is never written over.
"""

from __future__ import annotations

import binascii
import errno
import glob
import json
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypernode.core.address import compute_address, is_valid_address
from hypernode.core.signing import CURVE_ORDER, PRIVKEY_BYTES, compute_pubkey, sign
from hypernode.core.types import PUBKEY_BYTES
from hypernode.files.own_files import is_lasting, make_new, place_new, read_bounded, sync_file
from hypernode.files.text_files import TwiceSaid, decode_text, load_json
from hypernode.wallet.seal import SealBroken, open_seal, seal_key

MAX_FILE_BYTES: Final = 100_000
"""A wallet has some 400 bytes; whatever is larger is another file."""
_REMEDY: Final = "Name the wallet (--wallet), or make one with --action wallet"
_LAST_TIME: Final = 2**53
"""Unix seconds: far beyond any wallet, and a whole number as a float too."""
_MARK_BYTES: Final = 8
"""Random, in the name of a file that becomes a wallet: two that are made at once are two files."""

GetPassphrase = Callable[[], str]
"""Asked only for an encrypted wallet.  Raises WalletError when there is none to be had."""


class WalletError(ValueError):
    """A wallet that cannot be used (exit 78): the file, what is wrong with it, what to do.  Never holds a
    key."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = str(path)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Wallet:
    """Our key; implements the Signer port.  Its text never shows the private key."""

    address: str
    pubkey: bytes
    privkey: bytes = field(repr=False)
    label: str = ""
    created: int = 0
    is_encrypted: bool = False

    def sign(self, buffer: bytes) -> bytes:
        """A signature of 64 bytes (spec 1)."""
        return sign(self.privkey, buffer)


def make_wallet(
    privkey: bytes, address_byte: int, *, label: str = "", created: int = 0, is_encrypted: bool = False
) -> Wallet:
    """The wallet of a private key on the network of ``address_byte``.  Raises ValueError for a bad key."""
    pubkey = compute_pubkey(privkey)
    return Wallet(compute_address(pubkey, address_byte), pubkey, privkey, label, created, is_encrypted)


def draw_privkey(token: Callable[[int], bytes]) -> bytes:
    """A new private key from a source of random bytes."""
    while True:
        privkey = token(PRIVKEY_BYTES)
        if 0 < int.from_bytes(privkey, "big") < CURVE_ORDER:
            return privkey


def create_wallet(
    path: Path,
    address_byte: int,
    *,
    token: Callable[[int], bytes],
    created: int,
    label: str = "",
    passphrase: str = "",
) -> Wallet:
    """Make a new wallet and its file; encrypted where there is a passphrase.  Raises WalletError, also when
    the file is there already."""
    wallet = make_wallet(
        draw_privkey(token), address_byte, label=label, created=created, is_encrypted=bool(passphrase)
    )
    content = _describe(wallet)
    if passphrase:
        content |= seal_key(wallet.privkey, passphrase, _bound_text(wallet.address, wallet.pubkey), token)
    else:
        content["privkey"] = _encode(wallet.privkey)
    _write_new(path, json.dumps(content), token)
    return wallet


def load_wallet(path: Path, address_byte: int, get_passphrase: GetPassphrase) -> Wallet:
    """The wallet of a file, verified.  Raises WalletError and says which field differs."""
    content = _read(path)
    _check_single(path)
    pubkey = _get_bytes(path, content, "pubkey", PUBKEY_BYTES)
    address = _get_text(path, content, "address")
    is_encrypted = bool(content.get("encrypted", False))
    if is_encrypted:
        try:
            privkey = open_seal(content, get_passphrase(), _bound_text(address, pubkey))
        except SealBroken as error:
            raise WalletError(path, str(error), "Give the passphrase that the wallet was made with") from None
    else:
        privkey = _get_bytes(path, content, "privkey", PRIVKEY_BYTES)
    return _verify(path, content, privkey, address_byte)


def load_open_wallet(path: Path, address_byte: int) -> Wallet | None:
    """The wallet of a file, verified, or None for an encrypted one: it stays closed.  Raises WalletError."""
    if _read(path).get("encrypted"):
        return None
    return load_wallet(path, address_byte, lambda: "")


def read_wallet_address(path: Path, address_byte: int) -> str:
    """The address that the file says, its form checked but not the key: enough for a client's hello, and
    needs no passphrase.  Raises WalletError."""
    address = _get_text(path, _read(path), "address")
    if not is_valid_address(address, address_byte):
        raise WalletError(path, "address is none of this network", "Name the wallet's network (--network)")
    return address


def find_exposure(path: Path) -> str:
    """What is wrong with the file's permissions, in words with a remedy; empty when only we may read it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"{path} may be read by others (mode {mode:04o}): chmod 600 {path}"
    folder = path.parent.stat().st_mode
    if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
        words = "may be written to by others, who can put another wallet there"
        return f"{path.parent} {words}: chmod o-w {path.parent}"
    return ""


def _verify(path: Path, content: Mapping[str, Any], privkey: bytes, address_byte: int) -> Wallet:
    """Spec 1: what is stored must be what the private key gives."""
    remedy = "Restore the file from a backup; the node does not start with a damaged wallet"
    try:
        wallet = make_wallet(
            privkey,
            address_byte,
            label=str(content.get("label", "")),
            created=_get_time(content.get("created")),
            is_encrypted=bool(content.get("encrypted", False)),
        )
    except ValueError:
        raise WalletError(path, "privkey is no private key", remedy) from None
    if _get_bytes(path, content, "pubkey", PUBKEY_BYTES) != wallet.pubkey:
        raise WalletError(path, "pubkey differs from the one that the private key gives", remedy)
    stored = _get_text(path, content, "address")
    if stored != wallet.address:
        problem = f"address differs: the file says {stored!a}, the key gives {wallet.address}"
        raise WalletError(
            path, problem, f"{remedy}; for another network's wallet name that network (--network)"
        )
    return wallet


def _describe(wallet: Wallet) -> dict[str, object]:
    """The fields of the file but the private key, in the order that operators know."""
    return {
        "encrypted": wallet.is_encrypted,
        "pubkey": _encode(wallet.pubkey),
        "privkey": "",
        "address": wallet.address,
        "label": wallet.label,
        "created": wallet.created,
    }


def _bound_text(address: str, pubkey: bytes) -> bytes:
    """What an encrypted key is bound to: sealed keys cannot be exchanged between files."""
    return address.encode("utf-8") + pubkey


def _encode(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise WalletError(path, "is no file", _REMEDY)
        if found.st_size > MAX_FILE_BYTES:
            raise WalletError(path, "is too large for a wallet", _REMEDY)
        if not found.st_size:
            remedy = "Restore it from a backup. If there never was one, remove it and start again"
            raise WalletError(
                path, "is empty: a start was killed, or the disk full, when it was made", remedy
            )
        content = load_json(decode_text(read_bounded(path, MAX_FILE_BYTES)))
    except OSError as error:
        raise WalletError(path, f"cannot be read: {error.strerror}", _REMEDY) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, WalletError):
            raise
        if isinstance(error, TwiceSaid):
            raise WalletError(path, str(error), "Restore the file from a backup") from None
        # without the error's own words: they may quote the file
        raise WalletError(path, "is no JSON", "Restore the file from a backup") from None
    if not isinstance(content, dict):
        raise WalletError(path, "is no wallet: expected an object", "Restore the file from a backup")
    return content


def _get_text(path: Path, content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise WalletError(path, f"{name} is missing or no text", "Restore the file from a backup")
    return value


def _get_bytes(path: Path, content: Mapping[str, Any], name: str, size: int) -> bytes:
    try:
        raw = b64decode(_get_text(path, content, name), validate=True)
    except (binascii.Error, ValueError) as error:
        if isinstance(error, WalletError):
            raise
        raise WalletError(path, f"{name} is no base64", "Restore the file from a backup") from None
    if len(raw) != size:
        raise WalletError(path, f"{name} has {len(raw)} bytes, not {size}", "Restore the file from a backup")
    return raw


def _get_time(value: object) -> int:
    """Unix seconds; 0 for what is no time, which is no fault: nothing uses it."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= _LAST_TIME else 0


def _write_new(path: Path, text: str, token: Callable[[int], bytes]) -> None:
    """Whole and on disk, or not there; never over a wallet that exists."""
    temporary = path.with_name(f".{path.name}.{token(_MARK_BYTES).hex()}.new")
    try:
        with make_new(temporary) as file:
            file.write(text.encode("utf-8"))
            sync_file(file)
        try:
            place_new(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except FileExistsError:
        remedy = "Move it away first, or name another one (--wallet)"
        raise WalletError(path, "is there already", remedy) from None
    except OSError as error:
        if not is_lasting(error) and error.errno != errno.ENOENT:
            error.filename = str(path)
            raise
        remedy = "Make the folder one that this user may write to"
        raise WalletError(path, f"cannot be written: {error.strerror or error}", remedy) from error


def _check_single(path: Path) -> None:
    """A wallet has one name: by each of two it would have a journal of its own.  What a start left that was
    killed while it made this one goes."""
    try:
        found = path.stat()
        if found.st_nlink > 1:
            for other in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
                if os.path.samestat(other.lstat(), found):
                    other.unlink()
            found = path.stat()
    except OSError as error:
        raise WalletError(path, f"cannot be read: {error.strerror}", _REMEDY) from error
    if found.st_nlink > 1:
        problem = f"has {found.st_nlink} names (hard links), and by each of them slots could be signed twice"
        remedy = f"Make it a file of its own: cp -p {path} {path}.own && mv {path}.own {path}"
        raise WalletError(path, problem, remedy)
