"""Values for tests of the wire: the shared vectors as the types of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypernode.core.types import Block, ChainHeight, Message

VECTORS = Path(__file__).parents[2] / "vectors"


def load_cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))["cases"]
    return cases


def to_message(fields: dict[str, Any]) -> Message:
    return Message(
        txid=bytes.fromhex(fields["txid"]),
        block_height=fields["block_height"],
        timestamp=fields["timestamp"],
        sender=fields["sender"],
        recipient=fields["recipient"],
        what=fields["what"],
        params=fields["params"],
        value=fields["value"],
        pubkey=bytes.fromhex(fields["pubkey"]),
    )


def to_block(fields: dict[str, Any]) -> Block:
    return Block(
        height=fields["height"],
        round=fields["round"],
        sir=fields["sir"],
        timestamp=fields["timestamp"],
        previous_hash=bytes.fromhex(fields["previous_hash"]),
        messages=tuple(to_message(tx) for tx in fields["txs"]),
        msg_count=fields["msg_count"],
        uniques_sources=fields["uniques_sources"],
        signature=bytes.fromhex(fields["signature"]),
        block_hash=bytes.fromhex(fields["block_hash"]),
        forger=fields["forger"],
    )


def to_height(fields: dict[str, Any]) -> ChainHeight:
    return ChainHeight(**{**fields, "block_hash": bytes.fromhex(fields["block_hash"])})


MESSAGE = Message(
    txid=b"\x01" * 64,
    block_height=0,
    timestamp=1_571_770_650,
    sender="B9a8v7EeYjyuqBaZydfNFSFWiJNi664Rg2",
    recipient="BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn",
    what=202,
    params="TEST:1",
    value=3,
    pubkey=b"\x02" * 64,
)
BLOCK = Block(
    height=7,
    round=3,
    sir=2,
    timestamp=1_571_770_700,
    previous_hash=b"\x03" * 20,
    messages=(MESSAGE,),
    msg_count=1,
    uniques_sources=1,
    signature=b"\x04" * 64,
    block_hash=b"\x05" * 20,
    forger="BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn",
)
HEIGHT = ChainHeight(94, 3361, 0, b"\x06" * 20, 10, 4, 4, 3)
