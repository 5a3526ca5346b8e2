"""Spec 2 (command): blocks and messages as bytes on the wire, and read from them, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """Named as the fields of spec 1."""

    txid: bytes
    block_height: int
    timestamp: int
    sender: str
    recipient: str
    what: int
    params: str
    value: int
    pubkey: bytes


@dataclass(frozen=True)
class Block:
    """Named as the fields of spec 1; ``messages`` are its txs."""

    height: int
    round: int
    sir: int
    timestamp: int
    previous_hash: bytes
    messages: Sequence[Any]
    msg_count: int
    uniques_sources: int
    signature: bytes
    block_hash: bytes
    forger: str


def encode_varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def encode_field(number: int, value: int | bytes | str) -> bytes:
    """An integer is of wire type 0, all else of wire type 2 with its length."""
    if isinstance(value, int):
        return encode_varint(number << 3) + encode_varint(value)
    data = value.encode() if isinstance(value, str) else value
    return encode_varint(number << 3 | 2) + encode_varint(len(data)) + data


def encode_message(m: Any, height: int) -> bytes:
    """``TX``; what is in a block has the block's height."""
    values = (m.txid, height, m.timestamp, m.sender, m.recipient, m.what, m.value, m.params, m.pubkey)
    return b"".join(encode_field(number, value) for number, value in enumerate(values, 1))


def encode_block(b: Any) -> bytes:
    """``Block``."""
    before = (b.height, b.round, b.sir, b.timestamp, b.previous_hash)
    after = (b.msg_count, b.uniques_sources, b.signature, b.block_hash, b.forger)
    return (
        b"".join(encode_field(number, value) for number, value in enumerate(before, 1))
        + b"".join(encode_field(6, encode_message(m, b.height)) for m in b.messages)
        + b"".join(encode_field(number, value) for number, value in enumerate(after, 7))
    )


def split_fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, integer or bytes), as they come."""
    at = 0

    def read_varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = read_varint()
        if tag & 7 == 0:
            yield tag >> 3, read_varint()
        elif tag & 7 == 2:
            length = read_varint()
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {tag & 7} is in no command")


def decode_message(data: bytes) -> Message:
    found = {8: b"", **dict(split_fields(data))}
    return Message(
        txid=found[1],
        block_height=found[2],
        timestamp=found[3],
        sender=found[4].decode(),
        recipient=found[5].decode(),
        what=found[6],
        value=found[7],
        params=found[8].decode(),
        pubkey=found[9],
    )


def decode_block(data: bytes) -> Block:
    fields = list(split_fields(data))
    found = dict(fields)
    return Block(
        height=found[1],
        round=found[2],
        sir=found[3],
        timestamp=found[4],
        previous_hash=found[5],
        messages=tuple(decode_message(value) for number, value in fields if number == 6),
        msg_count=found[7],
        uniques_sources=found[8],
        signature=found[9],
        block_hash=found[10],
        forger=found[11].decode(),
    )


def decode_command(data: bytes) -> tuple[int, list[Block], list[Message]]:
    """Number of the command, its blocks and its messages."""
    fields = list(split_fields(data))
    blocks = [decode_block(value) for number, value in fields if number == 5]
    messages = [decode_message(value) for number, value in fields if number == 6]
    return dict(fields)[1], blocks, messages
