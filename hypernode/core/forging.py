"""Making a block: which messages, whether they are enough, and the seal (spec 6, forging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Final

from hypernode.core.block import compute_block_hash, count_sources, encode_raw_block
from hypernode.core.encoded_size import MAX_HEADER_BYTES, MAX_HEIGHT_GROWTH, compute_message_size
from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import Block, Message, Round, Slot, Timestamp

_BLOCK_AND_FRAME_BYTES: Final = MAX_HEADER_BYTES + 64
"""What a pushed block has besides its messages: its own fields, and those of the command around it, since the
whole payload may have no more than rule 14 says of the block."""


def select_messages(
    params: ChainParams, candidates: Sequence[Message], limit: int, timestamp: Timestamp | None = None
) -> list[Message]:
    """At most ``limit`` messages for a block, by timestamp; those of one second keep their order.

    When there are more, or more than rule 14 lets into a block that is pushed, each sender in turn gives its
    newest, then its next one, and so on; the others wait.  With the block's ``timestamp``, messages that rule
    9 would not let into it stay out."""
    fitting = [m for m in candidates if timestamp is None or _fits(params, m, timestamp)]
    room = params.max_block_bytes - _BLOCK_AND_FRAME_BYTES
    if len(fitting) > limit or _count_fitting(fitting, room) < len(fitting):
        fitting = _spread_over_senders(fitting)[: max(0, limit)]
        fitting = fitting[: _count_fitting(fitting, room)]
    place = {m.txid: i for i, m in enumerate(candidates)}
    return sorted(fitting, key=lambda m: (m.timestamp, place[m.txid]))


def _count_fitting(messages: Sequence[Message], room: int) -> int:
    """How many of the first messages fit into a block, by bytes."""
    for count, m in enumerate(messages):
        room -= compute_message_size(m) + MAX_HEIGHT_GROWTH
        if room < 0:
            return count
    return len(messages)


class TooFewMessages(Reject):
    """A block cannot be made of these messages (``Rule.FORGING``)."""


def find_forging_violation(params: ChainParams, messages: Sequence[Message]) -> Violation | None:
    """Why no block can be made of these messages: too few of them, or of too few senders.  None if one
    can."""
    # [REJECT] messages enough, of senders enough
    if len(messages) < params.min_block_messages:
        return Violation(Rule.FORGING, f"{len(messages)} messages, {params.min_block_messages} are needed")
    sources = count_sources(messages)
    if sources < params.min_forge_sources:
        return Violation(
            Rule.FORGING, f"messages of {sources} senders, {params.min_forge_sources} are needed"
        )
    return None


def validate_forging(params: ChainParams, messages: Sequence[Message]) -> None:
    """Raises TooFewMessages with what ``find_forging_violation`` finds."""
    if (broken := find_forging_violation(params, messages)) is not None:
        raise TooFewMessages.of(broken)


def seal_block(
    sign: Callable[[bytes], bytes],
    address: str,
    parent: Block,
    round_: Round,
    sir: Slot,
    timestamp: Timestamp,
    messages: Sequence[Message],
) -> Block:
    """``draft_block`` and ``sign_block`` in one."""
    return sign_block(sign, draft_block(address, parent, round_, sir, timestamp, messages))


def draft_block(
    address: str, parent: Block, round_: Round, sir: Slot, timestamp: Timestamp, messages: Sequence[Message]
) -> Block:
    """The block of ``address`` on top of ``parent``, hashed but not signed; ``messages`` in block order.

    Raises Reject(Rule.DATA) when a number is no uint32."""
    height = parent.height + 1
    unhashed = Block(
        height=height,
        round=round_,
        sir=sir,
        timestamp=timestamp,
        previous_hash=parent.block_hash,
        messages=tuple(replace(m, block_height=height) for m in messages),
        msg_count=len(messages),
        uniques_sources=count_sources(messages),
        signature=b"",
        block_hash=b"",
        forger=address,
    )
    return replace(unhashed, block_hash=compute_block_hash(unhashed))


def sign_block(sign: Callable[[bytes], bytes], draft: Block) -> Block:
    """A draft with its forger's signature."""
    return replace(draft, signature=sign(encode_raw_block(draft)))


def _fits(params: ChainParams, m: Message, timestamp: Timestamp) -> bool:
    oldest = timestamp - params.message_age_s - params.slot_s
    return oldest <= m.timestamp <= timestamp + params.future_allowed_s


def _spread_over_senders(messages: Sequence[Message]) -> list[Message]:
    """Every sender's newest message, then everybody's next one: senders in the order of their newest
    messages."""
    queues: dict[str, list[Message]] = {}
    for m in sorted(messages, key=lambda m: m.timestamp, reverse=True):
        queues.setdefault(m.sender, []).append(m)
    return [m for m in chain.from_iterable(zip_longest(*queues.values())) if m is not None]
