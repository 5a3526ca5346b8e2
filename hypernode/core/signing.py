"""Keys and signatures on secp256k1 (spec 1).  Nothing else touches the curve's library.

The signed digest is SHA-1 of the buffer, padded on the left with zeros to the 32 bytes that the library
wants; it only accepts low s, so a high one is exchanged for its twin before verifying: both are valid
on the network.

Verifying calls the library below coincurve's classes: these want signatures in DER and parse a key anew for
each, a tenth of the whole on top.  Every call of the library releases the GIL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final

from coincurve import PrivateKey, PublicKey
from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]  # a C extension
from coincurve.context import GLOBAL_CONTEXT

from hypernode.core.types import ID_BYTES, MAX_ID_BYTES, PUBKEY_BYTES

CURVE_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""n: r and s lie from 1 to n - 1."""
PRIVKEY_BYTES: Final = 32
_HALF_BYTES: Final = ID_BYTES // 2
_RECOVERY_IDS: Final = range(4)
CACHED_KEYS: Final = 4_096
"""Parsed public keys that are remembered: a network has some hundred senders.  Half a MB."""
_TOP_OF_LOW_S: Final = 0x7F
"""First byte of s: below it s is low; with it s may be either, and is normalised."""

_CONTEXT: Final = GLOBAL_CONTEXT.ctx
_SIGNATURE: Final = ffi.typeof("secp256k1_ecdsa_signature *")
_PUBKEY: Final = ffi.typeof("secp256k1_pubkey *")
_PADDING: Final = bytes(12)


def compute_pubkey(privkey: bytes) -> bytes:
    """The public key (64 bytes, x then y) of a private key of 32 bytes.  Raises ValueError for a bad one."""
    return PrivateKey(_require_privkey(privkey)).public_key.format(compressed=False)[1:]


def sign(privkey: bytes, buffer: bytes) -> bytes:
    """Signature of ``buffer``: 64 bytes, r then s, with low s.  Raises ValueError for a bad key."""
    key = PrivateKey(_require_privkey(privkey))
    return key.sign_recoverable(_digest(buffer), hasher=None)[:ID_BYTES]


def is_valid_signature(
    pubkey: bytes, signature: bytes, buffer: bytes | Iterable[bytes], *, allow_long_ids: bool = False
) -> bool:
    """Whether ``signature`` is one of ``buffer`` by ``pubkey``.  Never raises, whatever the bytes; a buffer
    that is too long to be held comes in parts.

    ``allow_long_ids``: also signatures of 65 to 96 bytes as some legacy nodes seal them, r the first 32
    bytes and s all the rest (spec 1: in blocks of mixed networks only)."""
    if len(signature) != ID_BYTES:
        if not allow_long_ids or not ID_BYTES < len(signature) <= MAX_ID_BYTES:
            return False
        signature = _shorten(signature)
    key = _parse_pubkey(pubkey) if len(pubkey) == PUBKEY_BYTES else None
    parsed = ffi.new(_SIGNATURE)
    # Refused: r or s of n and above.  One of zero parses, and verifies nothing.
    if key is None or not lib.secp256k1_ecdsa_signature_parse_compact(_CONTEXT, parsed, signature):
        return False
    if signature[_HALF_BYTES] >= _TOP_OF_LOW_S:
        lib.secp256k1_ecdsa_signature_normalize(_CONTEXT, parsed, parsed)
    return bool(lib.secp256k1_ecdsa_verify(_CONTEXT, parsed, _digest(buffer), key))


def recover_pubkeys(signature: bytes, buffer: bytes) -> list[bytes]:
    """The public keys that ``signature`` (64 bytes) of ``buffer`` can be of, by recovery id; at most four,
    none for a malformed signature."""
    return list(generate_pubkeys(signature, buffer))


def generate_pubkeys(signature: bytes, buffer: bytes) -> Iterator[bytes]:
    """What ``recover_pubkeys`` lists, one by one: each costs as much as verifying, and one of the first two
    is nearly always the right one."""
    if len(signature) != ID_BYTES:
        return
    digest = _digest(buffer)
    for recovery_id in _RECOVERY_IDS:
        try:
            key = PublicKey.from_signature_and_message(signature + bytes([recovery_id]), digest, hasher=None)
        except ValueError:  # no point of the curve for this id
            continue
        yield key.format(compressed=False)[1:]


def compute_twin(txid: bytes) -> bytes:
    """The other id of the same message: (r, n - s), 64 bytes.  An id that is no signature is its own."""
    if not ID_BYTES <= len(txid) <= MAX_ID_BYTES:
        return txid
    r, s = _split(txid)
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        return txid
    return txid[:_HALF_BYTES] + (CURVE_ORDER - s).to_bytes(_HALF_BYTES, "big")


@lru_cache(maxsize=CACHED_KEYS)
def _parse_pubkey(pubkey: bytes) -> Any:
    """The library's form of a public key; None for one that is not on the curve."""
    key = ffi.new(_PUBKEY)
    is_parsed = lib.secp256k1_ec_pubkey_parse(_CONTEXT, key, b"\x04" + pubkey, 1 + PUBKEY_BYTES)
    return key if is_parsed else None


def _digest(buffer: bytes | Iterable[bytes]) -> bytes:
    summed = sha1(usedforsecurity=False)
    for part in (buffer,) if isinstance(buffer, bytes) else buffer:
        summed.update(part)
    return _PADDING + summed.digest()


def _shorten(signature: bytes) -> bytes:
    """A long id in 64 bytes; zeros, which verify nothing, where s does not fit."""
    r, s = signature[:_HALF_BYTES], signature[_HALF_BYTES:]
    return r + s[-_HALF_BYTES:] if not any(s[:-_HALF_BYTES]) else bytes(ID_BYTES)


def _split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:_HALF_BYTES], "big"), int.from_bytes(signature[_HALF_BYTES:], "big")


def _require_privkey(privkey: bytes) -> bytes:
    if len(privkey) != PRIVKEY_BYTES:
        raise ValueError(f"a private key has {PRIVKEY_BYTES} bytes, not {len(privkey)}")
    return privkey
