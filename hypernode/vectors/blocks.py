"""``blocks.json``: blocks as fields, raw buffer, hash, signature and wire bytes; the genesis (spec 1)."""

from __future__ import annotations

from hypernode.core.address import compute_address
from hypernode.core.block import compute_block_hash, count_sources, create_genesis, encode_raw_block
from hypernode.core.forging import seal_block
from hypernode.core.hashing import h20
from hypernode.core.params.networks import mainnet
from hypernode.core.signing import compute_pubkey, is_valid_signature, recover_pubkeys, sign
from hypernode.core.types import Block
from hypernode.core.validate_block import is_signed_by_forger
from hypernode.vectors.messages import parse_message
from hypernode.vectors.outcome import Agree, Differs, Json, Outcome, compare_fields
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command

_GENESIS_SEED = b"BIG_BANG_HASH"


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind genesis, block or multi."""
    if case["kind"] == "multi":
        return _judge_multi(document, case)
    block = parse_block(case)
    outcome = compare_fields(_select(case, _observe(block)), _observe(block))
    if isinstance(outcome, Agree):
        outcome = _judge_wire(CommandId.BLOCK, (block,), case["command"])
    if not isinstance(outcome, Agree):
        return outcome
    return _judge_genesis(block, case) if case["kind"] == "genesis" else _judge_seal(block, case)


def parse_block(fields: Json) -> Block:
    """A block of JSON, whose bytes are hexadecimal text."""
    return Block(
        height=fields["height"],
        round=fields["round"],
        sir=fields["sir"],
        timestamp=fields["timestamp"],
        previous_hash=bytes.fromhex(fields["previous_hash"]),
        messages=tuple(parse_message(m) for m in fields["txs"]),
        msg_count=fields["msg_count"],
        uniques_sources=fields["uniques_sources"],
        signature=bytes.fromhex(fields["signature"]),
        block_hash=bytes.fromhex(fields["block_hash"]),
        forger=fields["forger"],
        received_by=fields.get("received_by", ""),
    )


def _observe(block: Block) -> dict[str, object]:
    """What ours makes of a block, under the names of the file."""
    raw = encode_raw_block(block)
    return {
        "raw": raw.hex(),
        "block_hash": h20(raw).hex(),
        "msg_count": len(block.messages),
        "uniques_sources": count_sources(block.messages),
        "computed_hash": compute_block_hash(block).hex(),
        "signature_matches_forger": is_signed_by_forger(mainnet(), block, raw),
    }


def _select(case: Json, observed: dict[str, object]) -> dict[str, object]:
    """What is recorded of it.  A block of which nothing is said is to be its forger's."""
    recorded = {name: value for name, value in case.items() if name in observed}
    return {"signature_matches_forger": True, **recorded}


def _judge_wire(command_id: CommandId, blocks: tuple[Block, ...], recorded: str) -> Outcome:
    got = {
        "bytes": encode_command(Command(command_id, blocks=blocks)).hex(),
        "blocks": decode_command(bytes.fromhex(recorded)).blocks,
    }
    return compare_fields({"bytes": recorded, "blocks": blocks}, got)


def _judge_genesis(block: Block, case: Json) -> Outcome:
    """The recorded first block is the one that we begin with, and what was computed from it comes out."""
    if create_genesis(mainnet()) != block:
        return Differs(block, create_genesis(mainnet()))
    keys = recover_pubkeys(block.signature, encode_raw_block(block))
    got = {
        "hash_matches": compute_block_hash(block) == block.block_hash,
        "previous_hash_is_blake_of_GENESIS_SEED": block.previous_hash == h20(_GENESIS_SEED),
        "recovered_pubkeys": [key.hex() for key in keys],
        "recovered_addresses": [compute_address(key, mainnet().address_byte) for key in keys],
    }
    return compare_fields({name: case[name] for name in got if name in case}, got)


def _judge_seal(block: Block, case: Json) -> Outcome:
    """The forger's key and address belong together, and a block that we seal with it is the same block; our
    signature may be another one, it must verify."""
    if not case.get("forger_privkey"):
        return Agree()
    privkey = bytes.fromhex(case["forger_privkey"])
    pubkey = compute_pubkey(privkey)
    parent = Block(block.height - 1, 0, 0, 0, b"", (), 0, 0, b"", block.previous_hash, "")
    address = compute_address(pubkey, mainnet().address_byte)
    ours = seal_block(
        lambda raw: sign(privkey, raw),
        address,
        parent,
        block.round,
        block.sir,
        block.timestamp,
        block.messages,
    )
    expected = {
        "forger_pubkey": case.get("forger_pubkey", pubkey.hex()),
        "forger": block.forger,
        "block_hash": block.block_hash,
        "recorded signature": True,
        "our signature": True,
    }
    raw = encode_raw_block(block)
    got = {
        "forger_pubkey": pubkey.hex(),
        "forger": address,
        "block_hash": ours.block_hash,
        "recorded signature": is_valid_signature(pubkey, block.signature, raw),
        "our signature": is_valid_signature(pubkey, ours.signature, raw),
    }
    return compare_fields(expected, got)


def _judge_multi(document: Json, case: Json) -> Outcome:
    """Several blocks in one command: it comes back byte for byte, and those that are cases of the file too
    are equal to these."""
    blocks = decode_command(bytes.fromhex(case["command"])).blocks
    outcome = _judge_wire(CommandId[case["command_name"].upper()], blocks, case["command"])
    if not isinstance(outcome, Agree):
        return outcome
    known = {one["block_hash"]: one for one in document["cases"] if "block_hash" in one}
    for block in blocks:
        recorded = known.get(block.block_hash.hex())
        if recorded is not None and parse_block(recorded) != block:
            return Differs(parse_block(recorded), block)
        if compute_block_hash(block) != block.block_hash:
            return Differs(block.block_hash.hex(), compute_block_hash(block).hex())
    return Agree() if blocks else Differs("blocks", "none")
