"""Keys and signatures on secp256k1 (spec 1).  Nothing else touches the curve's library.

The signed digest is SHA-1 of the buffer, padded on the left with zeros to the 32 bytes that the library
wants; it only accepts low s, so a high one is exchanged for its twin before verifying: both are valid
on the network.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final

from coincurve import PrivateKey, PublicKey

from hypernode.core.types import ID_BYTES, MAX_ID_BYTES, PUBKEY_BYTES

CURVE_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""n: r and s lie from 1 to n - 1."""
PRIVKEY_BYTES: Final = 32
_HALF_BYTES: Final = ID_BYTES // 2
_RECOVERY_IDS: Final = range(4)


def compute_pubkey(privkey: bytes) -> bytes:
    """The public key (64 bytes, x then y) of a private key of 32 bytes.  Raises ValueError for a bad one."""
    return PrivateKey(_require_privkey(privkey)).public_key.format(compressed=False)[1:]


def sign(privkey: bytes, buffer: bytes) -> bytes:
    """Signature of ``buffer``: 64 bytes, r then s, with low s.  Raises ValueError for a bad key."""
    key = PrivateKey(_require_privkey(privkey))
    return key.sign_recoverable(_digest(buffer), hasher=None)[:ID_BYTES]


def is_valid_signature(
    pubkey: bytes, signature: bytes, buffer: bytes, *, allow_long_ids: bool = False
) -> bool:
    """Whether ``signature`` is one of ``buffer`` by ``pubkey``.  Never raises, whatever the bytes.

    ``allow_long_ids``: also signatures of 65 to 96 bytes as some legacy nodes seal them, r the first 32
    bytes and s all the rest (spec 1: in blocks of mixed networks only)."""
    longest = MAX_ID_BYTES if allow_long_ids else ID_BYTES
    if len(pubkey) != PUBKEY_BYTES or not ID_BYTES <= len(signature) <= longest:
        return False
    r, s = _split(signature)
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        return False
    try:
        key = PublicKey(b"\x04" + pubkey)
    except ValueError:  # not on the curve
        return False
    return key.verify(_encode_der(r, min(s, CURVE_ORDER - s)), _digest(buffer), hasher=None)


def recover_pubkeys(signature: bytes, buffer: bytes) -> list[bytes]:
    """The public keys that ``signature`` (64 bytes) of ``buffer`` can be of, by recovery id; at most four,
    none for a malformed signature."""
    if len(signature) != ID_BYTES:
        return []
    keys = []
    for recovery_id in _RECOVERY_IDS:
        try:
            key = PublicKey.from_signature_and_message(
                signature + bytes([recovery_id]), _digest(buffer), hasher=None
            )
        except ValueError:  # no point of the curve for this id
            continue
        keys.append(key.format(compressed=False)[1:])
    return keys


def compute_twin(txid: bytes) -> bytes:
    """The other id of the same message: (r, n - s), 64 bytes.  An id that is no signature is its own."""
    if not ID_BYTES <= len(txid) <= MAX_ID_BYTES:
        return txid
    r, s = _split(txid)
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        return txid
    return txid[:_HALF_BYTES] + (CURVE_ORDER - s).to_bytes(_HALF_BYTES, "big")


def _digest(buffer: bytes) -> bytes:
    return bytes(12) + sha1(buffer, usedforsecurity=False).digest()


def _split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:_HALF_BYTES], "big"), int.from_bytes(signature[_HALF_BYTES:], "big")


def _encode_der(r: int, s: int) -> bytes:
    """The form that the library reads: two ASN.1 integers, each with a zero byte before a set top bit."""
    body = b"".join(
        b"\x02" + bytes([length]) + number.to_bytes(length, "big")
        for number, length in ((r, r.bit_length() // 8 + 1), (s, s.bit_length() // 8 + 1))
    )
    return b"\x30" + bytes([len(body)]) + body


def _require_privkey(privkey: bytes) -> bytes:
    if len(privkey) != PRIVKEY_BYTES:
        raise ValueError(f"a private key has {PRIVKEY_BYTES} bytes, not {len(privkey)}")
    return privkey
