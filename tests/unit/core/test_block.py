from dataclasses import replace

import pytest

from hypernode.core.block import (
    compute_block_hash,
    count_sources,
    create_genesis,
    encode_raw_block,
    normalise_block,
    to_header,
)
from hypernode.core.errors import Reject
from hypernode.core.hashing import h20
from hypernode.core.params.networks import mainnet
from hypernode.core.validate_block import is_signed_by_forger
from tests.unit.core.builders import MIXED, OWN, make_block, make_messages


def test_raw_buffer_is_numbers_then_ids_then_the_hash_below() -> None:
    block = make_block(OWN)
    raw = encode_raw_block(block)
    assert raw[:16] == b"".join(
        n.to_bytes(4, "big") for n in (block.height, block.round, block.sir, block.timestamp)
    )
    assert raw[16:-20] == b"".join(m.txid for m in block.messages)
    assert raw[-20:] == block.previous_hash
    assert compute_block_hash(block) == h20(raw) == block.block_hash


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Reject, match="32 bits"):
        encode_raw_block(replace(make_block(OWN), height=2**32))


def test_genesis_of_main_hashes_and_is_signed_by_the_control_address() -> None:
    genesis = create_genesis(mainnet())
    assert compute_block_hash(genesis) == genesis.block_hash
    assert genesis.forger == mainnet().control_pos
    assert is_signed_by_forger(mainnet(), genesis, encode_raw_block(genesis))


def test_genesis_elsewhere_follows_from_the_network() -> None:
    genesis = create_genesis(OWN)
    assert (genesis.height, genesis.round, genesis.sir) == (0, 0, 0)
    assert genesis.timestamp == OWN.origin_of_time
    assert genesis.forger == OWN.control_pos
    assert genesis.previous_hash == h20(b"devnet")
    assert genesis.block_hash == compute_block_hash(genesis)
    assert create_genesis(replace(OWN, name="other")).block_hash != genesis.block_hash


def test_a_private_network_may_begin_with_the_genesis_of_main() -> None:
    assert create_genesis(replace(OWN, genesis="main")) == create_genesis(mainnet())


def test_sources_are_distinct_senders() -> None:
    assert count_sources(make_messages(MIXED, (0, 1, 0))) == 2
    assert count_sources([]) == 0


def test_a_header_has_no_messages_but_their_number() -> None:
    block = make_block(MIXED)
    header = to_header(block)
    assert header.messages == ()
    assert header.msg_count == len(block.messages)
    assert header.block_hash == block.block_hash


def test_a_block_from_outside_gets_its_own_height_and_cuts() -> None:
    block = make_block(OWN)
    m = block.messages[0]
    assert m.block_height == block.height
    # the first byte of what moves to the recipient, and the first of params to what
    served = replace(
        m,
        block_height=0,
        recipient=m.recipient + "\0",
        what=int.from_bytes(m.what.to_bytes(4, "big")[1:] + m.params[:1].encode(), "big"),
        params=m.params[1:],
    )
    assert normalise_block(OWN, replace(block, messages=(served, *block.messages[1:]))) == block
