"""Spec 4: the rules of a block on top of a given block, their classes, and what a break of one means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from tests.oracle.encoding import Block, encode_block
from tests.oracle.keys import Signatures, address_of, h20, number
from tests.oracle.messages import ECDSA, breaks_of_message
from tests.oracle.parameters import Parameters
from tests.oracle.timing import place

CLASS_A = ("1", "4", "5", "7", "8", "10", "11", "12", "15")
CLASS_B = ("2", "3", "6", "9", "14")
CLASS_C = ("13",)


@dataclass(frozen=True)
class Given:
    """What a block is judged by: its parent, its slot's juror, who may send messages for its round, the ids
    of the chain below it, whether that chain has a block of its slot, and the clock (None: none at hand)."""

    parent: Any
    juror: str | None
    senders: Collection[str]
    known_ids: Collection[bytes]
    is_slot_taken: bool
    now: float | None


def encode_raw(b: Any) -> bytes:
    """The raw buffer: what is hashed and signed."""
    header = map(number, (b.height, b.round, b.sir, b.timestamp))
    return b"".join((*header, *(m.txid for m in b.messages), b.previous_hash))


def derive_genesis(p: Parameters, name: str) -> Block:
    """Of a network of one's own (spec 6, networks)."""
    body = Block(0, 0, 0, p.origin, h20(name.encode()), (), 0, 0, bytes(64), b"", p.control)
    return replace(body, block_hash=h20(encode_raw(body)))


def breaks_of_block(p: Parameters, b: Any, given: Given, signatures: Signatures = ECDSA) -> set[str]:
    """The numbers of all rules that a block breaks."""
    found = set()
    parent, messages = given.parent, b.messages
    raw = encode_raw(b)
    if b.height != parent.height + 1 or b.previous_hash != parent.block_hash:
        found.add("1")
    if (b.round, b.sir) <= (parent.round, parent.sir) or b.sir >= p.slots:
        found.add("2")
    is_timely = place(p, b.timestamp) == (b.round, b.sir) and b.timestamp >= parent.timestamp
    if not is_timely or (given.now is not None and b.timestamp > given.now + p.future_s):
        found.add("3")
    if b.block_hash != h20(raw):
        found.add("4")
    if not any(address_of(key, p.address_byte) == b.forger for key in signatures.recover(b.signature, raw)):
        found.add("5")
    if b.forger != given.juror:
        found.add("6")
    if b.msg_count != len(messages) or not p.min_messages <= b.msg_count <= p.max_messages:
        found.add("7")
    if b.uniques_sources != len({m.sender for m in messages}) or b.uniques_sources < p.min_sources:
        found.add("8")
    times_of = [m.timestamp for m in messages]
    oldest, latest = b.timestamp - p.age_s - p.slot_s, b.timestamp + p.future_s
    if times_of != sorted(times_of) or any(not oldest <= t <= latest for t in times_of):
        found.add("9")
    ids = [m.txid for m in messages]
    if len(set(ids)) < len(ids) or any(txid in given.known_ids for txid in ids):
        found.add("10")
    broken = [breaks_of_message(p, m, given.senders, signatures, in_block=True) for m in messages]
    if any(one & {"M1", "M2", "M3"} for one in broken):
        found.add("11")
    if given.is_slot_taken:
        found.add("12")
    if any(one & {"M4", "M5", "M6"} for one in broken):
        found.add("13")
    size = len(encode_block(b))
    if size > p.max_bytes:
        found.add("14")
    if size > p.giant_bytes:
        found.add("15")
    return found


def class_of(p: Parameters, b: Any, rule: str) -> str:
    """A, B or C: two rules are milder where legacy nodes forge, as far as those themselves read."""
    is_upper_bound = b.msg_count == len(b.messages) and b.msg_count > p.max_messages
    is_mere_size = rule == "15" or (rule == "7" and is_upper_bound)
    if p.mixed and is_mere_size and len(encode_block(b)) <= p.mixed_bytes:
        return "B"
    for name, rules in (("A", CLASS_A), ("B", CLASS_B), ("C", CLASS_C)):
        if rule in rules:
            return name
    raise ValueError(rule)


def is_refused(p: Parameters, b: Any, rule: str, *, fetched: bool, most_hold: bool) -> bool:
    """Whether a break refuses the block; ``fetched`` in a branch, else forged by us or pushed to us."""
    if rule in ("1", "10", "12"):
        return True
    if (b.height, b.block_hash) in p.exceptions:
        return False
    if b.height < p.lenient_below and rule in ("2", "3", "4", "5", "6", "7", "8", "9", "11"):
        return False
    class_ = class_of(p, b, rule)
    if class_ == "C":
        return not p.mixed
    if class_ == "B":
        return not (p.mixed and fetched and most_hold)
    return True
