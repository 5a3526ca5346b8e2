"""Texts of messages that are too long for a row: stored in parts, with a stand-in in their place.

Legacy nodes bound neither params nor recipient: one message of a mixed network may have 100 MB.  A row
that long would be held several times by SQLite and by us, whoever reads it; so ``params`` and ``addresses``
hold a stand-in, and the parts are read by who needs the whole text.  A stand-in is not ASCII, so no valid
message (M1) has one for its own text.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from hypernode.core.packed_messages import PackedMessages
from hypernode.core.types import Block, Message
from hypernode.storage.interface import Reader, Transaction

LONG_CHARS: Final = 16 * 1024
"""A text of more is long: an address has 34 characters, params that policy takes 256 at most."""
PIECE_MESSAGES: Final = 4_000
"""Messages of a giant block that are stored at a time: what others are stored with together."""
PART_CHARS: Final = 256 * 1024
"""Of a row: what is held at a time, a few times over."""
_MARK: Final = "\u2026"
_STAND_IN_CHARS: Final = 1 + 2 * hashlib.sha256().digest_size

CREATE: Final = """CREATE TABLE long_texts(
    digest BLOB NOT NULL, part INTEGER NOT NULL, bytes INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY(digest, part)) STRICT"""
_ADD: Final = "INSERT OR IGNORE INTO long_texts VALUES(?, ?, ?, ?)"
_PARTS: Final = "SELECT count(*), total(bytes) FROM long_texts WHERE digest = ?"
_PART: Final = "SELECT text FROM long_texts WHERE digest = ? AND part = ?"


def is_stand_in(text: str) -> bool:
    """Whether what a row has is only the name of the text."""
    return text[:1] == _MARK and len(text) == _STAND_IN_CHARS


def has_stand_in(message: Message) -> bool:
    """Whether a message, as its row has it, lacks a long text."""
    return is_stand_in(message.params) or is_stand_in(message.recipient)


def is_giant(block: Block) -> bool:
    """Whether a block is stored in pieces."""
    if len(block.messages) > PIECE_MESSAGES:
        return True
    return not isinstance(block.messages, PackedMessages) and any(map(has_long_text, block.messages))


def has_long_text(message: Message) -> bool:
    """Whether a message has a text that is stored in parts."""
    return len(message.params) > LONG_CHARS or len(message.recipient) > LONG_CHARS


async def store_long_texts(transaction: Transaction, messages: Sequence[Message]) -> Sequence[Message]:
    """The messages as their rows have them, once their long texts are stored; packed ones have none."""
    if isinstance(messages, PackedMessages):
        return messages
    return [await _shorten(transaction, m) if has_long_text(m) else m for m in messages]


async def _shorten(transaction: Transaction, m: Message) -> Message:
    params, recipient = [await _store(transaction, text) for text in (m.params, m.recipient)]
    return replace(m, params=params, recipient=recipient)


async def _store(transaction: Transaction, text: str) -> str:
    if len(text) <= LONG_CHARS:
        return text
    summed = hashlib.sha256()
    for part in _split(text):
        summed.update(part.encode())
    digest = summed.digest()
    for number, part in enumerate(_split(text)):
        await transaction.execute(_ADD, (digest, number, len(part.encode()), part))
    return _MARK + digest.hex()


def _split(text: str) -> Iterator[str]:
    return (text[start : start + PART_CHARS] for start in range(0, len(text), PART_CHARS))


async def restore_blocks(reader: Reader, blocks: Iterable[Block]) -> list[Block]:
    """The blocks with the texts that the rows of their messages name."""
    return [await _restore_block(reader, block) for block in blocks]


async def _restore_block(reader: Reader, block: Block) -> Block:
    if not any(map(has_stand_in, block.messages)):
        return block
    return replace(block, messages=tuple([await restore_message(reader, m) for m in block.messages]))


async def restore_message(reader: Reader, m: Message) -> Message:
    """A message with the texts that its row names."""
    if not has_stand_in(m):
        return m
    params, recipient = [
        "".join([part async for part in read_parts(reader, text)]) for text in (m.params, m.recipient)
    ]
    return replace(m, params=params, recipient=recipient)


async def count_parts(reader: Reader, text: str) -> tuple[int, int]:
    """Parts and bytes of the text that a row names; no part where it is the text itself."""
    if not is_stand_in(text):
        return 0, len(text.encode())
    [(count, size)] = await reader.fetch_all(_PARTS, (_get_digest(text),))
    return (count, int(size)) if count else (0, len(text.encode()))


async def read_parts(reader: Reader, text: str) -> AsyncIterator[str]:
    """The text that a row names, in its parts; or in one, where it is the text itself."""
    count, _ = await count_parts(reader, text)
    if not count:
        yield text
    for part in range(count):
        [(found,)] = await reader.fetch_all(_PART, (_get_digest(text), part))
        yield str(found)


def _get_digest(stand_in: str) -> bytes:
    try:
        return bytes.fromhex(stand_in[1:])
    except ValueError:  # a text of the lenient history that only looks like one
        return b""
