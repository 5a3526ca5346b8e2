"""Cheap chains for tests of storage, which judges no rules: hashes and ids that only differ."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from hypernode.core.block import create_genesis
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Block, ChainHeight, Message

NETWORK: ChainParams = mainnet()
GENESIS: Block = create_genesis(NETWORK)


def digest(*parts: object, size: int = 20) -> bytes:
    return hashlib.blake2b(repr(parts).encode(), digest_size=size).digest()


def message(
    name: object, sender: str = "a", recipient: str = "b", what: int = 203, params: str = "", **fields: object
) -> Message:
    """A message whose id follows from ``name``; further fields replace the defaults."""
    made = Message(
        txid=digest("txid", name, size=64),
        block_height=0,
        timestamp=1_600_000_000,
        sender=sender,
        recipient=recipient,
        what=what,
        params=params,
        value=7,
        pubkey=digest("key", sender, size=64),
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # fields of a message


def block(
    parent: Block,
    round_: int,
    sir: int,
    forger: str = "f",
    messages: Sequence[Message] = (),
    salt: object = 0,
) -> Block:
    """A block on ``parent``."""
    height = parent.height + 1
    sealed = tuple(replace(m, block_height=height) for m in messages)
    return Block(
        height=height,
        round=round_,
        sir=sir,
        timestamp=1_600_000_000 + height,
        previous_hash=parent.block_hash,
        messages=sealed,
        msg_count=len(sealed),
        uniques_sources=len({m.sender for m in sealed}),
        signature=digest("signature", height, salt, size=64),
        block_hash=digest("hash", parent.block_hash, round_, sir, forger, salt, [m.txid for m in sealed]),
        forger=forger,
    )


def chain(length: int, per_round: int = 3, salt: object = 0, parent: Block = GENESIS) -> list[Block]:
    """Blocks on ``parent``, from round 1 on, each with four messages of a few senders."""
    blocks: list[Block] = []
    for i in range(length):
        messages = [
            message((salt, parent.height, i, n), sender=f"s{(i + n) % 5}", what=(200, 101, 202, 204)[n])
            for n in range(4)
        ]
        below = blocks[-1] if blocks else parent
        position = below.height
        blocks.append(
            block(below, 1 + position // per_round, position % per_round, f"f{i % 4}", messages, salt)
        )
    return blocks


def recount(blocks: Sequence[Block]) -> ChainHeight:
    """The measures of a whole chain, counted as spec 1 words them; ``blocks`` begin with genesis."""
    tip, counted = blocks[-1], [b for b in blocks if b.height > 0]
    before = [b for b in counted if b.round < tip.round]
    present = [b for b in counted if b.round == tip.round]
    return ChainHeight(
        tip.height,
        tip.round,
        tip.sir,
        tip.block_hash,
        uniques=len({m.sender for b in before for m in b.messages}),
        uniques_round=len({m.sender for b in present for m in b.messages}),
        forgers=len({b.forger for b in before}),
        forgers_round=len({b.forger for b in present}) if counted else 1,
    )
