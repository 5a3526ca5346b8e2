"""Messages, blocks and heights as JSON values, as existing scripts read them (spec 6, command lines).

Hashes, ids and keys are lower-case hexadecimal text.  Node and client share these, so that what a node
says of itself and what a client prints have one shape.
"""

from __future__ import annotations

from hypernode.core.types import Block, ChainHeight, Message


def message_to_list(message: Message) -> list[object]:
    """[txid, height, timestamp, sender, recipient, what, params, value, pubkey, received]."""
    return [
        message.txid.hex(),
        message.block_height,
        message.timestamp,
        message.sender,
        message.recipient,
        message.what,
        message.params,
        message.value,
        message.pubkey.hex(),
        message.received,
    ]


def block_to_object(block: Block) -> dict[str, object]:
    """A block, or a header: ``txs`` empty while ``msg_count`` is not."""
    return {
        "txs": [message_to_list(message) for message in block.messages],
        "height": block.height,
        "round": block.round,
        "sir": block.sir,
        "timestamp": block.timestamp,
        "previous_hash": block.previous_hash.hex(),
        "msg_count": block.msg_count,
        "uniques_sources": block.uniques_sources,
        "signature": block.signature.hex(),
        "block_hash": block.block_hash.hex(),
        "received_by": block.received_by,
        "forger": block.forger,
    }


def height_to_object(height: ChainHeight) -> dict[str, object]:
    """The eight keys of spec 1, height."""
    return {
        "height": height.height,
        "round": height.round,
        "sir": height.sir,
        "block_hash": height.block_hash.hex(),
        "uniques": height.uniques,
        "uniques_round": height.uniques_round,
        "forgers": height.forgers,
        "forgers_round": height.forgers_round,
    }
