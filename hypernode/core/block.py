"""Blocks: the buffer that is signed and hashed, and the first one (spec 1; spec 6, networks)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.hashing import h20
from hypernode.core.long_messages import LongMessages, MappedMessages
from hypernode.core.message import normalise_cut
from hypernode.core.packed_messages import list_senders, list_txids
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.types import ID_BYTES, UINT32_MAX, Block, Message

_MAIN_GENESIS: Final = Block(
    height=0,
    round=0,
    sir=0,
    timestamp=1_534_716_000,
    previous_hash=h20(b"BIG_BANG_HASH"),
    messages=(),
    msg_count=0,
    uniques_sources=0,
    signature=bytes.fromhex(
        "4f9be873ed7f4ef047abee6a2266c7586b019cb69d76b782988a574642604c5f"
        "31ce7597a49e018f76253c1418cb0549a3b8db3d42453c661c15eee8a62d4215"
    ),
    block_hash=bytes.fromhex("87d5ad9988b88dda92aa988267e30c89479fc2d2"),
    forger="BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn",
)


def encode_raw_block(block: Block) -> bytes:
    """height, round, sir, timestamp, every txid in block order, previous_hash: what is hashed and signed.

    Raises Reject(Rule.DATA) when a number is no uint32."""
    numbers = (block.height, block.round, block.sir, block.timestamp)
    if not all(0 <= number <= UINT32_MAX for number in numbers):
        raise Reject(Rule.DATA, "a number of the block is not an unsigned number of 32 bits")
    txids = b"".join(list_txids(block.messages))
    return b"".join(number.to_bytes(4, "big") for number in numbers) + txids + block.previous_hash


def compute_block_hash(block: Block) -> bytes:
    """H20 of the raw buffer.  It needs the messages' ids, so a header alone has no computable hash."""
    return h20(encode_raw_block(block))


def count_sources(messages: Iterable[Message]) -> int:
    """Distinct senders."""
    return len(list_senders(messages))


def to_header(block: Block) -> Block:
    """The block without its messages; the counts stay."""
    return replace(block, messages=())


def normalise_block(params: ChainParams, block: Block) -> Block:
    """A block from outside in the form in which it is validated and stored: every message with its fields
    divided as the spec says, and with the block's height (which is not signed: spec 4, a valid block)."""

    def normalise(m: Message) -> Message:
        cut = normalise_cut(m, params.address_byte)
        return cut if cut.block_height == block.height else replace(cut, block_height=block.height)

    if isinstance(block.messages, LongMessages):
        return replace(block, messages=MappedMessages(block.messages, normalise))
    return replace(block, messages=tuple(map(normalise, block.messages)))


def create_genesis(params: ChainParams) -> Block:
    """The first block: main's as it is, or one derived from the network's name, origin and control address
    (its signature is of zeros and not checked)."""
    if params.genesis == "main":
        return _MAIN_GENESIS
    unhashed = Block(
        height=0,
        round=0,
        sir=0,
        timestamp=params.origin_of_time,
        previous_hash=h20(params.name.encode()),
        messages=(),
        msg_count=0,
        uniques_sources=0,
        signature=bytes(ID_BYTES),
        block_hash=b"",
        forger=params.control_pos,
    )
    return replace(unhashed, block_hash=compute_block_hash(unhashed))
