"""An encoded block in pieces, for one that is too large to be held: byte for byte what ``wire.codec`` writes.

``encode_block_ends`` gives what comes before and behind its messages, ``encode_entry`` one message as an
entry of a block, and ``encode_long_entry`` what comes around its long texts.
"""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.types import Block, Message
from hypernode.wire import command_pb2 as pb
from hypernode.wire.codec import write_block, write_message

_ENTRY_TAG = b"\x32"
"""Field 6 of a block."""
_RECIPIENT_TAG = b"\x2a"
_PARAMS_TAG = b"\x42"


def encode_block_ends(header: Block) -> tuple[bytes, bytes]:
    """A block without its messages: what is written before them, and behind."""
    wire = pb.Block()
    write_block(replace(header, messages=()), wire)
    whole = wire.SerializeToString()
    for name in ("height", "round", "sir", "ts", "previous_hash"):
        wire.ClearField(name)
    behind = wire.SerializePartialToString()
    return whole[: len(whole) - len(behind)], behind


def encode_body(message: Message) -> bytes:
    """A message."""
    wire = pb.TX()
    write_message(message, wire)
    return wire.SerializeToString()


def encode_entry(message: Message) -> bytes:
    """A message as an entry of a block."""
    body = encode_body(message)
    return _ENTRY_TAG + encode_number(len(body)) + body


def encode_long_entry(
    message: Message, recipient_bytes: int, params_bytes: int
) -> tuple[bytes, bytes, bytes]:
    """The same of a message whose recipient and params have so many bytes, whatever they are here: what comes
    before the one, between them, and behind the other."""
    before = _write(message, "txid", "block_height", "timestamp", "sender")
    before += _RECIPIENT_TAG + encode_number(recipient_bytes)
    between = _write(message, "what", "value") + _PARAMS_TAG + encode_number(params_bytes)
    behind = _write(message, "pubkey")
    size = len(before) + recipient_bytes + len(between) + params_bytes + len(behind)
    return _ENTRY_TAG + encode_number(size) + before, between, behind


def _write(message: Message, *names: str) -> bytes:
    """Some fields of a message."""
    return pb.TX(**{name: getattr(message, name) for name in names}).SerializePartialToString()


def encode_number(number: int) -> bytes:
    """A number that is not negative, seven bits a byte."""
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def encode_payload_start(command_id: int, block_size: int) -> bytes:
    """What comes before an encoded block of that size which is alone in the payload of a command."""
    return bytes((0x08, command_id, 0x2A)) + encode_number(block_size)
