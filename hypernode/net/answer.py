"""What a handler returns: a command, or an answer that is encoded already.

Objects of an answer have three to ten times its bytes.  What is large is therefore encoded where it is read,
block by block, and what is too large to be held at all is made while it is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias

from hypernode.wire.catalogue import LIMITS, Limits
from hypernode.wire.codec import Command, decode_command
from hypernode.wire.framing import Checksums


@dataclass(frozen=True, slots=True)
class Encoded:
    """An answer's payload.  ``rows``: how many blocks and messages were read for it."""

    payload: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class InTurn:
    """A payload of ``size`` bytes in pieces, each read when the one before has gone.  ``pieces`` raises
    Ignore where the rest cannot be had any more.  ``checksums``: of all of them, which a checked stream needs
    (``wire.framing.Checksums``)."""

    size: int
    pieces: AsyncIterator[bytes]
    checksums: Checksums | None = None


Answer: TypeAlias = Command | Encoded | InTurn


async def read_answer(answer: Answer, limits: Limits = LIMITS) -> Command:
    """The command that an answer is, as its asker will read it: for code that looks into one.  Raises what
    ``pieces`` raises."""
    if isinstance(answer, Command):
        return answer
    if isinstance(answer, Encoded):
        return decode_command(answer.payload, limits)
    return decode_command(b"".join([piece async for piece in answer.pieces]), limits)
