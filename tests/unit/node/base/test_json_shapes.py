"""The JSON of messages, blocks and heights is what existing scripts read."""

from __future__ import annotations

import json

from hypernode.core.types import Block, ChainHeight, Message
from hypernode.node.base.json_shapes import block_to_object, height_to_object, message_to_list

MESSAGE = Message(b"\xab" * 64, 7, 1000, "sender", "recipient", 202, "START", 3, b"\xcd" * 64, 1005)
BLOCK = Block(
    height=7,
    round=1,
    sir=2,
    timestamp=1010,
    previous_hash=b"\x01" * 20,
    messages=(MESSAGE,),
    msg_count=1,
    uniques_sources=1,
    signature=b"\x02" * 64,
    block_hash=b"\x03" * 20,
    forger="forger",
)


def test_a_message_is_a_list_in_the_order_of_the_spec() -> None:
    expected = ["ab" * 64, 7, 1000, "sender", "recipient", 202, "START", 3, "cd" * 64, 1005]
    assert message_to_list(MESSAGE) == expected


def test_a_block_is_an_object_with_the_keys_of_the_spec() -> None:
    shown = block_to_object(BLOCK)
    assert list(shown) == [
        "txs",
        "height",
        "round",
        "sir",
        "timestamp",
        "previous_hash",
        "msg_count",
        "uniques_sources",
        "signature",
        "block_hash",
        "received_by",
        "forger",
    ]
    assert shown["txs"] == [message_to_list(MESSAGE)]
    assert shown["previous_hash"] == "01" * 20
    assert shown["signature"] == "02" * 64
    assert shown["block_hash"] == "03" * 20
    assert json.loads(json.dumps(shown)) == shown


def test_a_height_is_an_object_with_eight_keys() -> None:
    shown = height_to_object(ChainHeight(9, 3, 4, b"\xef" * 20, 5, 6, 7, 8))
    assert shown == {
        "height": 9,
        "round": 3,
        "sir": 4,
        "block_hash": "ef" * 20,
        "uniques": 5,
        "uniques_round": 6,
        "forgers": 7,
        "forgers_round": 8,
    }
