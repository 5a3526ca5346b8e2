"""Spec 1 and 4: what a message and a block must hold, on top of a given block, on a network of our own.

Signatures are judged by python-ecdsa, which the program does not use.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ecdsa import BadSignatureError, SECP256k1, VerifyingKey
from ecdsa.util import sigdecode_string

from tests.oracle.drawing import h20
from tests.oracle.registering import ALPHABET

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
SAFE = re.compile(r"[A-Za-z0-9 .,:;_\-/+=@#()]*")


@dataclass(frozen=True)
class Times:
    """The numbers of a network that the rules need."""

    origin: int
    slot_s: int
    slots: int
    closing: int
    net: int
    control: str
    future_s: float = 5
    age_s: int = 3_600

    def place(self, t: float) -> tuple[int, int]:
        """Round and slot of a time."""
        length = self.slot_s * (self.slots + self.closing)
        round_, rest = divmod(t - self.origin, length)
        return int(round_), int(rest // self.slot_s)


@dataclass(frozen=True)
class Given:
    """What a block is judged by."""

    parent: Any
    juror: str | None
    senders: Collection[str]
    known_ids: Collection[bytes]
    is_slot_taken: bool
    now: float


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def address_of(pubkey: bytes, net: int) -> str:
    body = bytes([net]) + h20(pubkey)
    raw = body + hashlib.blake2b(body, digest_size=4).digest()
    value, text = int.from_bytes(raw, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def is_address(text: str, net: int) -> bool:
    if len(text) != 34 or any(c not in ALPHABET for c in text):
        return False
    value = 0
    for c in text:
        value = value * 58 + ALPHABET.index(c)
    if value >= 1 << 200:
        return False
    raw = value.to_bytes(25, "big")
    checksum = hashlib.blake2b(raw[:21], digest_size=4).digest()
    # base 58 writes a zero byte at the beginning as a 1, and no other way
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return raw[0] == net and raw[21:] == checksum and len(text) - len(text.lstrip("1")) == zeros


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


def breaks_of_message(times: Times, m: Any, senders: Collection[str]) -> set[str]:
    """M1 to M6."""
    found = set()
    buffer = (
        number(m.timestamp) + m.sender.encode() + m.recipient.encode() + number(m.what) + m.params.encode()
    ) + number(m.value)
    if len(m.pubkey) != 64 or len(m.txid) != 64 or not is_address(m.sender, times.net):
        found.add("M1")
    if address_of(m.pubkey, times.net) != m.sender:
        found.add("M2")
    if not is_signed(m.pubkey, m.txid, buffer):
        found.add("M3")
    if not is_address(m.recipient, times.net):
        found.add("M4")
    if len(m.params) > 256 or not SAFE.fullmatch(m.params) or NUMBER.fullmatch(m.params):
        found.add("M5")
    if m.sender not in senders and m.sender != times.control:
        found.add("M6")
    return found


def breaks_of_block(times: Times, b: Any, given: Given) -> set[str]:
    """The numbers of all rules that a block breaks."""
    found = set()
    parent, messages = given.parent, b.messages
    raw = b"".join(map(number, (b.height, b.round, b.sir, b.timestamp)))
    raw += b"".join(m.txid for m in messages) + b.previous_hash
    if b.height != parent.height + 1 or b.previous_hash != parent.block_hash:
        found.add("1")
    if (b.round, b.sir) <= (parent.round, parent.sir) or b.sir >= times.slots:
        found.add("2")
    is_timely = times.place(b.timestamp) == (b.round, b.sir) and b.timestamp >= parent.timestamp
    if not is_timely or b.timestamp > given.now + times.future_s:
        found.add("3")
    if b.block_hash != h20(raw):
        found.add("4")
    if not any(address_of(key, times.net) == b.forger for key in recover(b.signature, raw)):
        found.add("5")
    if b.forger != given.juror:
        found.add("6")
    if b.msg_count != len(messages) or not 4 <= b.msg_count <= 10_000:
        found.add("7")
    if b.uniques_sources != len({m.sender for m in messages}) or b.uniques_sources < 2:
        found.add("8")
    times_of = [m.timestamp for m in messages]
    oldest = b.timestamp - times.age_s - times.slot_s
    if times_of != sorted(times_of) or any(not oldest <= t <= b.timestamp + 5 for t in times_of):
        found.add("9")
    ids = [m.txid for m in messages]
    if len(set(ids)) < len(ids) or any(txid in given.known_ids for txid in ids):
        found.add("10")
    broken = [breaks_of_message(times, m, given.senders) for m in messages]
    if any(one & {"M1", "M2", "M3"} for one in broken):
        found.add("11")
    if given.is_slot_taken:
        found.add("12")
    if any(one & {"M4", "M5", "M6"} for one in broken):
        found.add("13")
    return found
