"""The mempool across a restart: saved on a clean stop, read back at start (spec 6, mempool)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypernode.core.errors import Reject
from hypernode.core.types import Message
from hypernode.ports.files import Files
from hypernode.wire.catalogue import LIMITS, CommandId
from hypernode.wire.codec import Command, decode_command, encode_command

FILE_NAME = "mempool.bin"
MAX_SAVED = 10_000
"""Messages that are saved: more than three blocks' worth, and what one frame may count (a peer's mempool may
hold fewer)."""
_LIMITS = replace(LIMITS, mempool_messages=MAX_SAVED)


def save_messages(files: Files, messages: Sequence[Message]) -> None:
    """The newest messages as one frame of the network's own encoding."""
    newest = sorted(messages, key=lambda m: m.timestamp)[-MAX_SAVED:]
    files.write(FILE_NAME, encode_command(Command(CommandId.MEMPOOL, messages=tuple(newest))))


def load_messages(files: Files) -> tuple[Message, ...]:
    """What was saved; nothing when there is no file or none of ours: messages come back from peers."""
    try:
        content = files.read(FILE_NAME)
        return () if content is None else decode_command(content, _LIMITS).messages
    except (Reject, OSError):
        return ()
