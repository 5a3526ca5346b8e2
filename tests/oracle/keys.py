"""Spec 1: hashes, addresses and signatures, by python-ecdsa, which the program does not use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from ecdsa import BadSignatureError, SECP256k1, VerifyingKey
from ecdsa.util import sigdecode_string

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CURVE_ORDER = SECP256k1.order


def h20(data: bytes) -> bytes:
    """BLAKE2b with a digest of 20 bytes, no key, no salt."""
    return hashlib.blake2b(data, digest_size=20).digest()


def h4(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=4).digest()


def number(value: int) -> bytes:
    """As on signed buffers; raises OverflowError for what is no unsigned integer of 4 bytes."""
    return value.to_bytes(4, "big")


def address_of(pubkey: bytes, net: int) -> str:
    body = bytes([net]) + h20(pubkey)
    raw = body + h4(body)
    value, text = int.from_bytes(raw, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def is_address(text: str, net: int) -> bool:
    """34 characters, 25 bytes, the right checksum and the network's byte."""
    if len(text) != 34 or any(c not in ALPHABET for c in text):
        return False
    value = 0
    for c in text:
        value = value * 58 + ALPHABET.index(c)
    if value >= 1 << 200:
        return False
    raw = value.to_bytes(25, "big")
    # base 58 writes a zero byte at the beginning as a 1, and no other way
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return raw[0] == net and raw[21:] == h4(raw[:21]) and len(text) - len(text.lstrip("1")) == zeros


def shorten(signature: bytes) -> bytes:
    """An id of 65 to 96 bytes, as some legacy nodes seal: r is the first 32, s all the rest as an integer."""
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big") if 64 < len(signature) <= 96 and s < 1 << 256 else signature


def is_signed(pubkey: bytes, signature: bytes, buffer: bytes) -> bool:
    if len(pubkey) != 64 or len(signature) != 64:
        return False
    try:
        key = VerifyingKey.from_string(pubkey, curve=SECP256k1)
        return bool(key.verify(signature, buffer, hashfunc=hashlib.sha1, sigdecode=sigdecode_string))
    except (BadSignatureError, ValueError, AssertionError):
        return False
    except Exception as problem:
        if type(problem).__name__ == "MalformedPointError":
            return False
        raise


def recover(signature: bytes, buffer: bytes) -> list[bytes]:
    """The keys that could have signed."""
    if len(signature) != 64:
        return []
    try:
        keys = VerifyingKey.from_public_key_recovery(signature, buffer, SECP256k1, hashfunc=hashlib.sha1)
    except (ValueError, ZeroDivisionError, AssertionError):
        return []
    except Exception as problem:
        if type(problem).__name__ in ("SquareRootError", "MalformedPointError", "JacobiError"):
            return []
        raise
    return [key.to_string() for key in keys]


@dataclass(frozen=True)
class Signatures:
    """How signatures are judged; a simulation that signs in a quicker way hands in its own."""

    is_signed: Callable[[bytes, bytes, bytes], bool] = is_signed
    recover: Callable[[bytes, bytes], list[bytes]] = recover
