"""How many bytes a block or message has on the wire, without writing it there (spec 2, Command).

The rules on the size of a block (spec 4, rules 14 and 15) are about these bytes, and so are the budgets of
answers; ``wire.codec`` writes exactly as many, which a property test holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hypernode.core.packed_messages import PackedMessages
from hypernode.core.types import Block, Message

_PLAIN_BYTES: Final = 14
"""Of a message whose five texts have below 128 bytes: nine tags and five lengths."""
_TAG_BYTES: Final = 1
"""Every field of a block and of a message has a number below 16."""
MAX_HEADER_BYTES: Final = 256
"""Of a block without its messages, at most: two ids, two hashes, an address and six numbers."""
MAX_HEIGHT_GROWTH: Final = 4
"""Bytes by which a message of a mempool, with height 0, may grow in a block."""
_COMMAND_BYTES: Final = 2
"""Field 1 of a payload: which command it is."""


def compute_message_size(message: Message) -> int:
    """Bytes of a message as an entry of a block or of a command: its tag, its length, and itself."""
    m = message
    if (
        len(m.params) < 0x80
        and len(m.recipient) < 0x80
        and m.params.isascii()
        and m.recipient.isascii()
        and (len(m.sender) < 0x80 and len(m.txid) < 0x80 and len(m.pubkey) < 0x80 and m.sender.isascii())
    ):
        # nearly all: nine tags, five lengths of a byte each, and seven bits a byte of the numbers
        size = (
            _PLAIN_BYTES
            + len(m.txid)
            + len(m.sender)
            + len(m.recipient)
            + len(m.params)
            + len(m.pubkey)
            + (m.block_height.bit_length() + 6) // 7
            + (m.timestamp.bit_length() + 6) // 7
            + (m.what.bit_length() + 6) // 7
            + (m.value.bit_length() + 6) // 7
            + (not m.block_height)
            + (not m.timestamp)
            + (not m.what)
            + (not m.value)
        )
        return size + (2 if size < 0x80 else 3)
    texts = (message.sender, message.recipient, message.params)
    size = sum(map(_count_text, texts)) + _count_bytes(len(message.txid)) + _count_bytes(len(message.pubkey))
    for number in (message.block_height, message.timestamp, message.what, message.value):
        size += _TAG_BYTES + _count_number(number)
    return _count_bytes(size)


def compute_block_size(block: Block) -> int:
    """Bytes of a whole block, which spec 4 calls the encoded block: without the tag and length that it has
    within a command."""
    messages = block.messages
    if isinstance(messages, PackedMessages):
        return _compute_header_size(block) + messages.encoded_bytes
    return _compute_header_size(block) + sum(map(compute_message_size, messages))


def _compute_header_size(block: Block) -> int:
    size = sum(
        _TAG_BYTES + _count_number(number)
        for number in (
            *(block.height, block.round, block.sir, block.timestamp),
            *(block.msg_count, block.uniques_sources),
        )
    )
    size += sum(_count_bytes(len(part)) for part in (block.previous_hash, block.signature, block.block_hash))
    return size + _count_text(block.forger)


def compute_entry_size(block_size: int) -> int:
    """Bytes of an encoded block as an entry of a command: with its tag and its length."""
    return _count_bytes(block_size)


def count_within(block_sizes: Iterable[int], most_bytes: int) -> int:
    """How many of the first blocks of these sizes have at most so many bytes together; at least one, if there
    is any."""
    count = 0
    for size in block_sizes:
        most_bytes -= size
        if count and most_bytes < 0:
            break
        count += 1
    return count


def compute_payload_size(block_sizes: tuple[int, ...]) -> int:
    """Bytes of the payload of a command that carries blocks of these sizes and nothing else."""
    return _COMMAND_BYTES + sum(map(compute_entry_size, block_sizes))


def _count_text(text: str) -> int:
    return _count_bytes(len(text) if text.isascii() else len(text.encode()))


def _count_bytes(size: int) -> int:
    """Bytes of a field with its length before it."""
    return _TAG_BYTES + _count_number(size) + size


def _count_number(number: int) -> int:
    """Bytes of a number that is not negative: seven bits each."""
    return (number.bit_length() + 6) // 7 or 1
