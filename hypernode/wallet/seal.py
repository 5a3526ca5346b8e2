"""The private key of an encrypted wallet: scrypt and AES-256-GCM, the parameters in the file (spec 1).

``kdf``: {name, n, r, p, salt}; ``cipher``: {name, nonce}; ``privkey``: base64 of ciphertext and tag.
The tag also covers address and public key.
"""

from __future__ import annotations

import contextlib
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt

_KDF: Final = "scrypt"
_CIPHER: Final = "aes-256-gcm"
SCRYPT_N: Final = 2**15
"""32 MiB and a tenth of a second: what a small server can spare at every start."""
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
_MAX_N: Final = 2**20
_MAX_R: Final = 16
_MAX_P: Final = 8
"""Bounds on what a file may ask for: 2 GiB at most."""
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class SealBroken(ValueError):
    """The key cannot be decrypted: the passphrase is wrong, or the file is damaged."""


def seal_key(
    privkey: bytes, passphrase: str, bound: bytes, token: Callable[[int], bytes]
) -> dict[str, object]:
    """The fields of the file that hold ``privkey`` under ``passphrase``; ``bound`` is what the seal
    covers beside it."""
    salt, nonce = token(_SALT_BYTES), token(_NONCE_BYTES)
    key = _derive(_list_readings(passphrase)[0], salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
    cipher.update(bound)
    sealed, tag = cipher.encrypt_and_digest(privkey)
    return {
        "privkey": _encode(sealed + tag),
        "kdf": {"name": _KDF, "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "salt": _encode(salt)},
        "cipher": {"name": _CIPHER, "nonce": _encode(nonce)},
    }


def open_seal(content: Mapping[str, Any], passphrase: str, bound: bytes) -> bytes:
    """The private key in the file's fields.  Raises SealBroken."""
    try:
        kdf, cipher_parameters = content["kdf"], content["cipher"]
        if kdf["name"] != _KDF or cipher_parameters["name"] != _CIPHER:
            raise SealBroken(f"the wallet's key is not sealed with {_KDF} and {_CIPHER}")
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        if not _are_bounded(n, r, p):
            raise SealBroken("the wallet's kdf asks for too much")
        salt = b64decode(kdf["salt"], validate=True)
        nonce = b64decode(cipher_parameters["nonce"], validate=True)
        raw = b64decode(content["privkey"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, SealBroken):
            raise
        raise SealBroken("the wallet says encrypted, but kdf, cipher or privkey are damaged") from None
    if len(raw) <= _TAG_BYTES or len(nonce) != _NONCE_BYTES:
        raise SealBroken("the wallet's sealed key is damaged")
    for reading in _list_readings(passphrase):
        cipher = AES.new(_derive(reading, salt, n, r, p), AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(bound)
        with contextlib.suppress(ValueError):
            return cipher.decrypt_and_verify(raw[:-_TAG_BYTES], raw[-_TAG_BYTES:])
    raise SealBroken("wrong passphrase, or the wallet was changed")


def _list_readings(passphrase: str) -> list[bytes]:
    """The bytes that a passphrase may stand for, what new wallets are sealed with first: UTF-8 with letters
    and their accents in one, as keyboards and editors differ in that; as it came; and Latin-1, with which
    wallets were sealed before.  Bytes of another encoding stand for themselves."""
    composed = unicodedata.normalize("NFC", passphrase)
    readings = [text.encode("utf-8", "surrogateescape") for text in (composed, passphrase)]
    with contextlib.suppress(UnicodeEncodeError):
        readings.append(passphrase.encode("latin-1"))
    with contextlib.suppress(UnicodeEncodeError):
        readings.append(composed.encode("latin-1"))
    return list(dict.fromkeys(readings))


def _are_bounded(n: object, r: object, p: object) -> bool:
    for number, most in ((n, _MAX_N), (r, _MAX_R), (p, _MAX_P)):
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
            return False
    return isinstance(n, int) and n > 1 and n & (n - 1) == 0


def _derive(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    key = scrypt(passphrase, salt, _KEY_BYTES, N=n, r=r, p=p)
    if not isinstance(key, bytes):
        raise TypeError("one key was asked for")
    return key


def _encode(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
