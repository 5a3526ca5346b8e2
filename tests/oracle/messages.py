"""Spec 4: what makes a message valid (M1 to M6), and what a mempool asks of it besides."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from tests.oracle.keys import Signatures, address_of, is_address, number, shorten
from tests.oracle.parameters import Parameters

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
SAFE = re.compile(r"[A-Za-z0-9 .,:;_\-/+=@#()]*")
ECDSA = Signatures()


def encode_signed(m: Any) -> bytes:
    """The signed buffer; raises ValueError or OverflowError for what has none."""
    texts = [text.encode("ascii") for text in (m.sender, m.recipient, m.params)]
    return b"".join((number(m.timestamp), texts[0], texts[1], number(m.what), texts[2], number(m.value)))


def is_in_range(m: Any) -> bool:
    values = (m.block_height, m.timestamp, m.what, m.value)
    return all(0 <= value < 1 << 32 for value in values)


def is_readable(params: str) -> bool:
    """M5."""
    return len(params) <= 256 and bool(SAFE.fullmatch(params)) and not NUMBER.fullmatch(params)


def find_cut(m: Any, net: int) -> tuple[str, int, str] | None:
    """Recipient, what and params as the signed buffer must be cut, where that is certain: the 34 characters
    behind the sender are a valid address."""
    rest = encode_signed(m)[4 + len(m.sender) : -4]
    recipient, tail = rest[:34].decode("latin-1"), rest[34:]
    if not is_address(recipient, net) or len(tail) < 4:
        return None
    return recipient, int.from_bytes(tail[:4], "big"), tail[4:].decode("latin-1")


def breaks_of_message(
    p: Parameters,
    m: Any,
    senders: Collection[str],
    signatures: Signatures = ECDSA,
    *,
    in_block: bool = False,
) -> set[str]:
    """All of M1 to M6 that a message breaks; long ids are of blocks of mixed networks alone."""
    txid = shorten(m.txid) if in_block and p.mixed else m.txid
    found = set()
    try:
        buffer: bytes | None = encode_signed(m)
    except (ValueError, OverflowError):
        buffer = None
    is_formed = len(m.pubkey) == 64 and len(txid) == 64 and is_address(m.sender, p.address_byte)
    if buffer is None or not is_formed or not is_in_range(m):
        found.add("M1")
    if address_of(m.pubkey, p.address_byte) != m.sender:
        found.add("M2")
    if buffer is None or not signatures.is_signed(m.pubkey, txid, buffer):
        found.add("M3")
    if not is_address(m.recipient, p.address_byte):
        found.add("M4")
    if not is_readable(m.params):
        found.add("M5")
    if m.sender not in senders and m.sender != p.control:
        found.add("M6")
    return found


def is_in_time(p: Parameters, timestamp: int, now: float) -> bool:
    """For the mempool: at most 5 s ahead and at most 3,600 s back."""
    return now - p.age_s <= timestamp <= now + p.future_s


def is_known(m: Any, others: Sequence[Any]) -> bool:
    """Whether it or its twin is among those of a mempool and of a chain: equal signed buffers are one."""
    return any(other.txid == m.txid or encode_signed(other) == encode_signed(m) for other in others)


def is_taken(
    p: Parameters,
    m: Any,
    now: float,
    senders: Collection[str],
    held: Sequence[Any],
    chained: Sequence[Any],
    signatures: Signatures = ECDSA,
) -> bool:
    """Whether a mempool takes a message: all six rules everywhere, its time, neither it nor its twin known,
    and its sender below the quota.  ``held`` are messages of one round."""
    return (
        not breaks_of_message(p, m, senders, signatures)
        and is_in_time(p, m.timestamp, now)
        and not is_known(m, [*held, *chained])
        and sum(other.sender == m.sender for other in held) < p.quota
    )
