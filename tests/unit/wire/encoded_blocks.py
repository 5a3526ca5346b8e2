"""Blocks whose messages are spoilt in every way, as they go over the wire."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, Message
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from tests.unit.core.builders import make_block, make_message


def spoil(params: ChainParams, number: int, change: str) -> Message:
    """A message with something wrong, or odd, in it."""
    m = make_message(params, number % 7, value=number, params=f"TEST:{number % 3}")
    match change:
        case "bad signature":
            return replace(m, value=m.value + 1)
        case "another's key":
            return replace(m, pubkey=make_message(params, number % 7 + 1).pubkey)
        case "another height":
            return replace(m, block_height=number)
        case "wrong cut":
            return replace(m, recipient=m.recipient[:-1], params=m.recipient[-1] + m.params)
        case "long id":
            return replace(m, txid=m.txid[:32] + b"\0" + m.txid[32:])
        case "short id":
            return replace(m, txid=m.txid[:63])
        case "unsafe params":
            return make_message(params, number % 7, value=number, params="12")
        case "recipient that is none":
            return make_message(params, number % 7, value=number, recipient="nobody")
        case "not ASCII":
            return replace(m, params="\u00e9")
        case "key of another length":
            return replace(m, pubkey=m.pubkey[:-1])
    return m


def encode(blocks: list[Block]) -> bytes:
    return encode_command(Command(CommandId.BLOCKSYNC, blocks=tuple(blocks)))


def make_blocks(params: ChainParams, changes: list[list[str]]) -> list[Block]:
    number = iter(range(10_000))
    sealed = make_block(params)
    return [
        replace(
            sealed,
            height=sealed.height + place,
            messages=tuple(spoil(params, next(number), change) for change in row),
            msg_count=len(row),
        )
        for place, row in enumerate(changes)
    ]
