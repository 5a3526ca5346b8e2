"""Keys, messages and blocks to try the rules on: valid unless told otherwise, and the same each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from hypernode.core.address import compute_address
from hypernode.core.block import create_genesis, to_header
from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import devnet, mainnet, testnet
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Message, Registration
from hypernode.core.validate_block import BlockContext
from hypernode.core.validate_message import check_messages

ROUND = 7
SIR = 3

MIXED = replace(mainnet(), lenient_below=0)
"""Main without its early history."""
OWN = devnet(1_700_000_000, 6, "control", testnet().control_pos)
"""A network of our own."""
NETWORKS = (MIXED, OWN)


def name_network(params: ChainParams) -> str:
    """For the ids of parametrized tests."""
    return "mixed" if params.mixed else "own"


@cache
def get_privkey(number: int) -> bytes:
    """The private key of a made-up hypernode."""
    return sha256(f"hypernode {number}".encode()).digest()


@cache
def get_pubkey(number: int) -> bytes:
    """Its public key."""
    return compute_pubkey(get_privkey(number))


def get_address(params: ChainParams, number: int) -> str:
    """Its address on a network."""
    return compute_address(get_pubkey(number), params.address_byte)


def get_sign(number: int) -> Callable[[bytes], bytes]:
    """What signs with its key."""
    return lambda buffer: sign(get_privkey(number), buffer)


def make_message(
    network: ChainParams, number: int = 0, timestamp: int | None = None, **fields: Any
) -> Message:
    """A message of hypernode ``number`` to hypernode 1, in the slot of ``make_block``."""
    at = compute_slot_start(network, ROUND, SIR) if timestamp is None else timestamp
    values: dict[str, Any] = {
        "sender": get_address(network, number),
        "recipient": get_address(network, 1),
        "what": 202,
        "params": "TEST:1",
        "value": ROUND,
        **fields,
    }
    return create_message(get_sign(number), get_pubkey(number), timestamp=at, **values)


def make_messages(params: ChainParams, numbers: Sequence[int] = (0, 1, 2, 0)) -> list[Message]:
    """One message each of the hypernodes named, of one second, all different."""
    return [make_message(params, number, value=i) for i, number in enumerate(numbers)]


def make_parent(params: ChainParams) -> Block:
    """The header of a block of the slot before; nothing is on its hash."""
    return replace(
        to_header(create_genesis(params)),
        height=41,
        round=ROUND,
        sir=SIR - 1,
        timestamp=compute_slot_start(params, ROUND, SIR - 1) + 1,
        block_hash=b"p" * 20,
    )


def make_block(
    params: ChainParams,
    parent: Block | None = None,
    messages: Sequence[Message] | None = None,
    *,
    forger: int = 0,
    round_: int = ROUND,
    sir: int = SIR,
    timestamp: int | None = None,
) -> Block:
    """A block of hypernode ``forger`` on top of ``make_parent``."""
    return seal_block(
        get_sign(forger),
        get_address(params, forger),
        make_parent(params) if parent is None else parent,
        round_,
        sir,
        compute_slot_start(params, round_, sir) + 2 if timestamp is None else timestamp,
        make_messages(params) if messages is None else messages,
    )


def make_context(params: ChainParams, block: Block, **fields: Any) -> BlockContext:
    """A context in which the block breaks nothing, unless ``fields`` say otherwise."""
    values: dict[str, Any] = {
        "parent": make_parent(params),
        "juror": block.forger,
        "registered": frozenset(get_address(params, number) for number in range(10)),
        "known_ids": frozenset(),
        "slot_taken": False,
        "bad_messages": check_messages(params, block.messages),
        "now": float(block.timestamp),
        **fields,
    }
    return BlockContext(**values)


def make_registration(params: ChainParams, number: int, weight: int = 1) -> Registration:
    """Hypernode ``number`` on a list."""
    return Registration(
        f"bis{number}", f"10.0.0.{number}", "6969", get_address(params, number), f"bis{number}", weight
    )
