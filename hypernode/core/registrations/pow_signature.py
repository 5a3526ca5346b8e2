"""Verifies a row of the companion's ledger, and signs one (spec 5, verifying a transaction).

A hypernode that checks these does not have to believe its companion's disk.  The key is given with the
row, and the sender's address must follow from it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

import base58
import coincurve
from Crypto.Hash import RIPEMD160, SHA1
from Crypto.PublicKey import RSA
from Crypto.Signature import eddsa, pkcs1_15

_CHECKSUM_BYTES: Final = 4
_SECP256K1_PREFIX: Final = bytes.fromhex("4f545b")
_SECP256K1_KEY_BYTES: Final = 33
_ED25519_PREFIX: Final = bytes.fromhex("03b86cf3")
_ED25519_KEY_BYTES: Final = 32
_RSA_ADDRESS_CHARS: Final = 56
_SECP256K1_ADDRESS_CHARS: Final = 37
_ED25519_ADDRESS_CHARS: Final = 54


@dataclass(frozen=True, slots=True)
class SignedRow:
    """What a row's signature covers, and the row's own ``signature`` and ``public_key`` (base64).
    ``amount`` in 1e-8 BIS."""

    timestamp: float
    address: str
    recipient: str
    amount: int
    operation: str
    openfield: str
    signature: str
    public_key: str


def encode_pow_buffer(
    timestamp: float, address: str, recipient: str, amount: int, operation: str, openfield: str
) -> bytes:
    """The signed bytes of a PoW transaction: a tuple of six texts, written as Python does."""
    whole, part = divmod(amount, 100_000_000)
    texts = (f"{timestamp:.2f}", address, recipient, f"{whole}.{part:08d}", operation, openfield)
    return str(texts).encode()


def compute_secp256k1_address(pubkey: bytes) -> str:
    """``Bis1…``, 37 characters, of a compressed key (33 bytes)."""
    hashed = RIPEMD160.new(hashlib.sha256(pubkey).digest()).digest()
    body = _SECP256K1_PREFIX + hashed
    return _encode_base58(body + hashlib.sha256(hashlib.sha256(body).digest()).digest()[:_CHECKSUM_BYTES])


def compute_ed25519_address(pubkey: bytes) -> str:
    """``Bis1…``, 54 characters, of a key of 32 bytes."""
    body = _ED25519_PREFIX + pubkey
    return _encode_base58(body + hashlib.sha256(body).digest()[:_CHECKSUM_BYTES])


def _encode_base58(raw: bytes) -> str:
    return base58.b58encode(raw).decode("ascii")


def compute_rsa_address(pem: bytes) -> str:
    """56 hex characters of the PEM text of a key."""
    return hashlib.sha224(pem).hexdigest()


def compute_secp256k1_pubkey(secret: bytes) -> bytes:
    """The compressed key (33 bytes) of a secret of 32.  Raises ValueError for 0 or one above the order."""
    return coincurve.PrivateKey(secret).public_key.format(compressed=True)


def compute_ed25519_pubkey(secret: bytes) -> bytes:
    """The key (32 bytes) of a secret of 32."""
    return eddsa.import_private_key(secret).public_key().export_key(format="raw")


def sign_secp256k1(secret: bytes, buffer: bytes) -> bytes:
    """DER with low s over SHA-256."""
    return coincurve.PrivateKey(secret).sign(buffer)


def sign_ed25519(secret: bytes, buffer: bytes) -> bytes:
    """64 bytes (RFC 8032)."""
    return eddsa.new(eddsa.import_private_key(secret), "rfc8032").sign(buffer)


def is_valid_pow_signature(row: SignedRow) -> bool:
    """Whether the sender signed this row with the key that its address follows from.  The length of
    the address tells the kind of key.  Never raises: what is malformed is not valid."""
    try:
        key = base64.b64decode(row.public_key, validate=True)
        signature = base64.b64decode(row.signature, validate=True)
        buffer = encode_pow_buffer(
            row.timestamp, row.address, row.recipient, row.amount, row.operation, row.openfield
        )
        if len(row.address) == _RSA_ADDRESS_CHARS:
            return compute_rsa_address(key) == row.address and _is_rsa_valid(key, signature, buffer)
        if len(row.address) == _SECP256K1_ADDRESS_CHARS and len(key) == _SECP256K1_KEY_BYTES:
            good = compute_secp256k1_address(key) == row.address
            return good and _is_secp256k1_valid(key, signature, buffer)
        if len(row.address) == _ED25519_ADDRESS_CHARS and len(key) == _ED25519_KEY_BYTES:
            return compute_ed25519_address(key) == row.address and _is_ed25519_valid(key, signature, buffer)
    except (ValueError, TypeError, IndexError):
        return False
    return False


def _is_rsa_valid(pem: bytes, signature: bytes, buffer: bytes) -> bool:
    try:
        pkcs1_15.new(RSA.import_key(pem)).verify(SHA1.new(buffer), signature)
    except (ValueError, TypeError, IndexError):
        return False
    return True


def _is_secp256k1_valid(key: bytes, signature: bytes, buffer: bytes) -> bool:
    # libsecp256k1 itself refuses a high s: it verifies normalised signatures only
    return coincurve.PublicKey(key).verify(signature, buffer)


def _is_ed25519_valid(key: bytes, signature: bytes, buffer: bytes) -> bool:
    try:
        eddsa.new(eddsa.import_public_key(key), "rfc8032").verify(buffer, signature)
    except ValueError:
        return False
    return True
