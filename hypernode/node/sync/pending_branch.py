"""Blocks of a branch beside ours that wait until it is whole: blocks of ours go only for all of it.

They are not judged before, so whoever gives them may fill them as it likes: they are put into files, and
there is an end to how much of them is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from hypernode.core.long_messages import LongMessages
from hypernode.core.types import Height
from hypernode.machine.peers import ForkOverride
from hypernode.node.chain.block_validation import Prepared
from hypernode.node.chain.spooled_blocks import put_away
from hypernode.ports.files import Files
from hypernode.ports.signing import Offload
from hypernode.ports.storage_faults import StorageFault

MAX_BRANCH_BLOCKS: Final = 2_000
"""Blocks of a diverging branch that are kept before it is measured: what two of main's rounds and a long
outage need is far below."""
MAX_BRANCH_MESSAGES: Final = 200_000
"""Messages of these blocks: three of main's rounds with blocks of 3,000, more than may go by itself."""
MAX_BRANCH_BYTES: Final = 256 * 1024 * 1024
"""Of these messages, in files: as many of the longest that policy takes, and two giant blocks."""


class PendingBranch:
    """What was fetched and is not stored yet, in order."""

    def __init__(self, files: Files, run: Offload) -> None:
        self._files = files
        self._run = run
        self._blocks: list[Prepared] = []

    @property
    def blocks(self) -> Sequence[Prepared]:
        return self._blocks

    @property
    def last(self) -> Height:
        """The height of the last block; there must be one."""
        return self._blocks[-1].block.height

    def extend(self, blocks: Sequence[Prepared]) -> None:
        """Add blocks that follow."""
        self._blocks += blocks

    def clear(self) -> None:
        """Forget the blocks: they are stored, or useless."""
        self._blocks = []

    def cut(self, height: Height) -> None:
        """Drop this block and those above it."""
        self._blocks = [each for each in self._blocks if each.block.height < height]

    def find_hash(self, height: Height) -> bytes | None:
        """The hash of the block at a height, if it is pending."""
        return next((each.block.block_hash for each in self._blocks if each.block.height == height), None)

    def is_much(self, order: ForkOverride | None) -> bool:
        """Too much to wait for the rest; an operator's order needs its block, however far."""
        if order is not None and self.last < order.height:
            return False
        messages = sum(len(each.block.messages) for each in self._blocks)
        if len(self._blocks) >= MAX_BRANCH_BLOCKS or messages >= MAX_BRANCH_MESSAGES:
            return True
        long = (each.block.messages for each in self._blocks if isinstance(each.block.messages, LongMessages))
        return sum(messages.encoded_bytes for messages in long) >= MAX_BRANCH_BYTES

    async def put_away(self) -> None:
        """Write to a file what is not in one yet.  Raises StorageFault."""
        held = [each for each in self._blocks if not isinstance(each.block.messages, LongMessages)]
        if not held:
            return
        work = partial(put_away, [prepared.block for prepared in held], self._files)
        try:
            blocks = iter(await self._run(work))
        except OSError as error:
            raise StorageFault(f"a branch cannot be put away: {error}") from error
        self._blocks = [
            each if isinstance(each.block.messages, LongMessages) else replace(each, block=next(blocks))
            for each in self._blocks
        ]
