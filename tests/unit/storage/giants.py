"""Blocks larger than any of ours: many messages, and long texts."""

from __future__ import annotations

from hypernode.core.types import Block, Message
from hypernode.storage.long_texts import LONG_CHARS, PART_CHARS, PIECE_MESSAGES
from tests.unit.storage.chains import block, chain, message

LONG = "x" * LONG_CHARS + "y"
LONGER = "z" * (2 * PART_CHARS + 5)


def many(count: int, salt: object = 0) -> list[Message]:
    """Messages of a few senders, some of them new."""
    return [message((salt, n), sender=f"m{n % 7}", what=(200, 101, 202, 204)[n % 4]) for n in range(count)]


def giants() -> list[Block]:
    """Many messages in one block; long texts in another; the two of a plain chain below and above."""
    blocks = chain(2)
    blocks.append(block(blocks[-1], 5, 0, "g", many(2 * PIECE_MESSAGES + 3)))
    long = [
        message("first", sender="l0"),
        message("params", sender="l1", params=LONGER),
        message("same", sender="l1", params=LONGER),
        message("recipient", sender="l2", recipient=LONG, what=101),
        message("both", sender="l3", recipient=LONGER, params=LONG),
        message("last", sender="l0"),
    ]
    blocks.append(block(blocks[-1], 5, 1, "h", long))
    blocks.append(block(blocks[-1], 6, 0, "g", many(4, "above")))
    return blocks
