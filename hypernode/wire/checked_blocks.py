"""Blocks of an answer decoded, normalised and verified in one go, in a process that is given the bytes.

The answer's tags were walked where it came (``wire.tags``), which settles what is over our limits.  Here it
is parsed, every message is cut where the spec cuts it and held against M1 to M3 (spec 4), and packed with its
verdict (``core.packed_messages``).  Nothing is decided about blocks: that needs the chain.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Final

from hypernode.core.address import is_valid_address
from hypernode.core.block import normalise_block
from hypernode.core.encoded_size import compute_message_size
from hypernode.core.packed_messages import PackedMessages, Packer, Places, Tables, can_pack
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, Timestamp
from hypernode.core.validate_message import check_messages, is_safe_params
from hypernode.wire.codec import parse_command
from hypernode.wire.tags import read_number

PIECE_BYTES: Final = 256 * 1024
"""Of an answer that is given away at a time: some 1,100 messages, 40 ms of one core."""
_COMMAND_BYTES: Final = 2
_BLOCK_TAG: Final = 0x2A


def split_answer(payload: bytes, most: int = PIECE_BYTES) -> list[bytes]:
    """An answer with blocks as answers with some of them each, in order; one whose tags were walked.  What is
    not written as nodes write it stays in one piece."""
    view, starts, begun = memoryview(payload), [], _COMMAND_BYTES
    position = begun
    while position < len(payload):
        if payload[position] != _BLOCK_TAG:
            return [payload]
        size, start = read_number(payload, position + 1)
        if start + size - begun > most and position > begun:
            starts.append((begun, position))
            begun = position
        position = start + size
    starts.append((begun, position))
    return [b"".join((view[:_COMMAND_BYTES], view[begun:end])) for begun, end in starts]


def check_blocks(params: ChainParams, payload: bytes, received: Timestamp) -> tuple[Block, ...]:
    """The blocks of an answer that came at ``received`` (unix s), their messages packed with what is wrong
    with them; where they cannot be packed they are cut and have no verdicts.  Raises Reject for what is no
    command."""
    blocks = [normalise_block(params, block) for block in parse_command(payload, received).blocks]
    packer = Packer()
    places = [packer.number(block.messages) for block in blocks]
    tables = packer.finish()
    if not can_pack(tables):
        return tuple(blocks)
    unsafe = _Unsafe(params, tables)
    try:
        return tuple(
            replace(block, messages=_pack(params, block, tables, at, unsafe, received))
            for block, at in zip(blocks, places, strict=True)
        )
    except OverflowError:  # a number of more than 32 bits
        return tuple(blocks)


class _Unsafe:
    """Places in the tables that make a message break M4 or M5, whatever else is in it."""

    def __init__(self, network: ChainParams, tables: Tables) -> None:
        recipients, params = enumerate(tables.recipients), enumerate(tables.params)
        self._recipients = {n for n, text in recipients if not is_valid_address(text, network.address_byte)}
        self._params = {n for n, text in params if not is_safe_params(text)}

    def is_free_of(self, places: Places) -> bool:
        _, recipients, params = places
        return self._recipients.isdisjoint(recipients) and self._params.isdisjoint(params)


def _pack(
    network: ChainParams, block: Block, tables: Tables, places: Places, unsafe: _Unsafe, received: Timestamp
) -> PackedMessages:
    messages = block.messages
    signers, recipients, params = places
    return PackedMessages(
        height=block.height,
        received=received,
        tables=tables,
        txids=tuple([m.txid for m in messages]),
        timestamps=array("I", [m.timestamp for m in messages]),
        signers=signers,
        recipients=recipients,
        whats=array("I", [m.what for m in messages]),
        params=params,
        values=array("I", [m.value for m in messages]),
        encoded_bytes=sum(map(compute_message_size, messages)),
        faults=check_messages(network, messages),
        is_safe=unsafe.is_free_of(places),
    )
