"""A network that fell apart: chains that parted from ours too long ago to replace it by themselves (spec 4,
SPLIT), and the operator's word on which to follow.

Both are small files of the data folder, so that the operator's command works beside a running node and
without one: the node keeps in ``split.json`` which tips it saw, the command writes ``follow.json``.  A word
holds, across restarts, until the block that it names is in our chain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypernode.core.types import HASH_BYTES, ChainHeight, Height
from hypernode.files.own_files import DAMAGED
from hypernode.machine.peers import ForkOverride
from hypernode.node.base.log_dedup import LogDedup
from hypernode.ports.clock import Clock
from hypernode.ports.files import Files

SEEN_NAME: Final = "split.json"
ORDER_NAME: Final = "follow.json"
MAX_TIPS: Final = 64
"""Tips of other chains that are remembered: each grows by a block a slot, so three hours of main's; a block
from before that is named with its height."""
SHOWN_S: Final = 900.0
"""How long a split is shown after the other chain was last told."""
PREFIX_CHARS: Final = 12
"""Of a hash, in the command that the log proposes."""


class UnknownTip(Exception):
    """The operator's override names no block, or several."""


@dataclass(frozen=True, slots=True)
class OtherTip:
    """A block of another chain that was its tip at ``seen_at`` (unix s); ``common`` is the last block that
    this chain shares with ours."""

    height: Height
    block_hash: bytes
    common: Height
    seen_at: int


def load_tips(files: Files) -> tuple[OtherTip, ...]:
    """What the node saw, oldest first; nothing when there is no file or it is damaged: it is told again."""
    try:
        return tuple(
            OtherTip(
                int(one["height"]), _parse_hash(one["block_hash"]), int(one["common"]), int(one["seen_at"])
            )
            for one in json.loads(files.read(SEEN_NAME) or b"[]")
        )
    except DAMAGED:
        return ()


def save_tips(files: Files, tips: Sequence[OtherTip]) -> None:
    """Store the tips that the node saw.  Raises OSError."""
    rows = [
        {"height": t.height, "block_hash": t.block_hash.hex(), "common": t.common, "seen_at": t.seen_at}
        for t in tips
    ]
    files.write(SEEN_NAME, json.dumps(rows, indent=1).encode() + b"\n")


def load_order(files: Files) -> ForkOverride | None:
    """The operator's override, if there is one.  Raises UnknownTip for a file that ``save_order`` did not
    write, OSError."""
    content = files.read(ORDER_NAME)
    if content is None:
        return None
    try:
        fields: Any = json.loads(content)
        return ForkOverride(int(fields["height"]), _parse_hash(fields["block_hash"]))
    except DAMAGED as error:
        raise UnknownTip(
            f"{ORDER_NAME} is damaged ({error}): say ledger follow again, or ledger follow --cancel"
        ) from error


def save_order(files: Files, order: ForkOverride) -> None:
    """Store the operator's override.  Raises OSError."""
    fields = {"height": order.height, "block_hash": order.block_hash.hex()}
    files.write(ORDER_NAME, json.dumps(fields).encode() + b"\n")


def resolve_order(tips: Sequence[OtherTip], text: str, height: Height | None = None) -> ForkOverride:
    """The block that the hash ``text``, or the beginning of one, means: one of the tips that were seen, or
    with its height any block.  Raises UnknownTip."""
    prefix = text.strip().lower()
    if not prefix or len(prefix) > 2 * HASH_BYTES or set(prefix) - set("0123456789abcdef"):
        raise UnknownTip(f"{text!r} is no hash of a block, nor the beginning of one: 40 hexadecimal digits")
    found = {tip.block_hash: tip.height for tip in tips if tip.block_hash.hex().startswith(prefix)}
    if height is not None and len(prefix) == 2 * HASH_BYTES:
        return ForkOverride(height, bytes.fromhex(prefix))
    if len(found) > 1:
        raise UnknownTip(f"{prefix} begins {len(found)} of the tips that were seen: give more digits")
    if not found:
        raise UnknownTip(
            f"{prefix} begins no tip that this node has seen: give all 40 digits, and its --height"
        )
    [(block_hash, seen_height)] = found.items()
    return ForkOverride(seen_height, block_hash)


class Partitions:
    """Reports the chains that the node sees, and knows the operator's override."""

    def __init__(self, files: Files, clock: Clock, log: Callable[[str], None]) -> None:
        self._files = files
        self._clock = clock
        self._log = log
        self._repeats = LogDedup()
        self._tips = {tip.block_hash: tip for tip in load_tips(files)}
        self._words = ""
        self._until = 0.0
        self._done: ForkOverride | None = None
        """Carried out, should its file be still there."""
        self.order: ForkOverride | None = None

    @property
    def words(self) -> str:
        """For the operator, while another chain is told that may not replace ours by itself."""
        return self._words if self._clock.monotonic() < self._until else ""

    @property
    def last(self) -> OtherTip | None:
        """The tip that was reported last of those that parted from ours."""
        return next(reversed(self._tips.values()), None)

    def note(self, own: ChainHeight, reported: ChainHeight, common: Height, reason: str) -> None:
        """A chain is reported that may not replace ours automatically; logged once a minute."""
        monotonic, other = self._clock.monotonic(), reported.block_hash.hex()
        facts = (
            f"{reason}; ours {own.height} {own.block_hash.hex()}, theirs {reported.height} {other}, "
            f"in common up to block {common}; "
            f"to take theirs: python -m hypernode ledger follow {other[:PREFIX_CHARS]}"
        )
        self._words, self._until = f"SPLIT: {facts}", monotonic + SHOWN_S
        if line := self._repeats.on_fault("SPLIT", facts, monotonic):
            self._log(line)
        known = self._tips.pop(reported.block_hash, None)
        seen_at = int(self._clock.now())
        self._tips[reported.block_hash] = OtherTip(reported.height, reported.block_hash, common, seen_at)
        while len(self._tips) > MAX_TIPS:
            del self._tips[next(iter(self._tips))]
        if known is None or known.common != common:
            self._store(lambda: save_tips(self._files, list(self._tips.values())))

    def end(self) -> None:
        """The other chain is ours now."""
        self._words = ""
        self._say_over()
        if self._tips:
            self._tips.clear()
            self._store(lambda: self._files.remove(SEEN_NAME))

    def follow(self, text: str, height: Height | None = None) -> ForkOverride:
        """Take an operator's override, as the command gives it.  Raises UnknownTip, OSError."""
        order = resolve_order(tuple(self._tips.values()), text, height)
        save_order(self._files, order)
        return order

    def look(self) -> bool:
        """Read the operator's override again; True if there is a new one."""
        if not self.words:
            self._say_over()
        try:
            order = load_order(self._files)
        except (UnknownTip, OSError) as problem:
            if line := self._repeats.on_fault(ORDER_NAME, str(problem), self._clock.monotonic()):
                self._log(line)
            return False
        self._repeats.on_end(ORDER_NAME, self._clock.monotonic())
        if order != self._done:
            self._done = None
        elif order is not None:
            return False
        if order == self.order:
            return False
        self.order = order
        if order is None:
            self._log("the operator's word on the chain to follow is withdrawn")
            return False
        self._log(f"by an operator's word: the chain of block {order.height} {order.block_hash.hex()}")
        return True

    def finish(self) -> None:
        """The override's block is in our chain."""
        if self.order is not None:
            self._log(f"done by an operator's word: block {self.order.height} is in our chain")
            self._done, self.order = self.order, None
            self._store(lambda: self._files.remove(ORDER_NAME))
            self.end()

    def describe(self) -> dict[str, object] | None:
        """The operator's override for the status, until it is carried out."""
        order = self.order
        return None if order is None else {"height": order.height, "block_hash": order.block_hash.hex()}

    def _say_over(self) -> None:
        if line := self._repeats.on_end("SPLIT", self._clock.monotonic()):
            self._log(line)

    def _store(self, work: Callable[[], None]) -> None:
        """What is lost when the disk refuses is told again, or done already."""
        try:
            work()
        except OSError as error:
            self._log(f"a file of the split cannot be changed: {error}")


def _parse_hash(text: str) -> bytes:
    block_hash = bytes.fromhex(text)
    if len(block_hash) != HASH_BYTES:
        raise ValueError(f"{text} is no hash of a block")
    return block_hash
