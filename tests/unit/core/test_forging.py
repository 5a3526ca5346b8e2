from collections import Counter
from dataclasses import replace

import pytest

from hypernode.core.block import compute_block_hash
from hypernode.core.encoded_size import compute_message_size
from hypernode.core.forging import (
    TooFewMessages,
    find_forging_violation,
    seal_block,
    select_messages,
    validate_forging,
)
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.validate_block import find_violations
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from tests.unit.core.builders import (
    NETWORKS,
    OWN,
    ROUND,
    SIR,
    get_address,
    get_sign,
    make_block,
    make_context,
    make_message,
    make_messages,
    make_parent,
    name_network,
)

both = pytest.mark.parametrize("params", NETWORKS, ids=name_network)


def test_all_that_fit_come_by_time_and_keep_their_order_within_a_second() -> None:
    late, a, b = (make_message(OWN, i, t) for i, t in ((0, 9), (1, 5), (2, 5)))
    assert select_messages(OWN, [late, a, b], 10) == [a, b, late]
    assert select_messages(OWN, [late, b, a], 10) == [b, a, late]


def test_too_many_are_spread_over_senders_newest_first() -> None:
    flood = [make_message(OWN, 0, 100 + i) for i in range(20)]
    few = [make_message(OWN, n, n) for n in (1, 2, 3)]
    chosen = select_messages(OWN, flood + few, 6)
    assert Counter(m.sender for m in chosen) == {
        get_address(OWN, 0): 3,
        get_address(OWN, 1): 1,
        get_address(OWN, 2): 1,
        get_address(OWN, 3): 1,
    }
    assert [m.timestamp for m in chosen] == [1, 2, 3, 117, 118, 119]


def test_no_more_than_the_limit() -> None:
    assert select_messages(OWN, make_messages(OWN), 0) == []
    assert len(select_messages(OWN, make_messages(OWN), 3)) == 3


def test_what_rule_14_has_no_room_for_waits_its_turn() -> None:
    flood = [make_message(OWN, 0, 100 + i, params="x" * 200) for i in range(40)]
    few = [make_message(OWN, n, n) for n in (1, 2, 3)]
    params = replace(OWN, max_block_bytes=8_000)
    chosen = select_messages(params, flood + few, 100)
    assert 15 < len(chosen) < 25
    assert {get_address(OWN, n) for n in range(4)} == {m.sender for m in chosen}
    assert flood[-1] in chosen
    assert flood[0] not in chosen
    block = make_block(params, messages=chosen)
    pushed = encode_command(Command(CommandId.BLOCK, blocks=(block,)))
    assert len(pushed) <= params.max_block_bytes < len(pushed) + 500 + compute_message_size(flood[0])
    assert select_messages(replace(OWN, max_block_bytes=100), flood, 100) == []


def test_what_rule_9_keeps_out_of_the_block_stays_out() -> None:
    at = 10_000
    oldest = at - OWN.message_age_s - OWN.slot_s
    messages = [make_message(OWN, 0, t) for t in (oldest - 1, oldest, at + 5, at + 6)]
    assert select_messages(OWN, messages, 9, timestamp=at) == messages[1:3]


@pytest.mark.parametrize(
    ("numbers", "enough"), [((0, 1, 2, 0), True), ((0, 1, 2), False), ((0, 1, 0, 1), False), ((), False)]
)
def test_four_messages_of_three_senders_make_a_block(numbers: tuple[int, ...], enough: bool) -> None:
    verdict = find_forging_violation(OWN, make_messages(OWN, numbers))
    assert (verdict is None) is enough
    if enough:
        validate_forging(OWN, make_messages(OWN, numbers))
    else:
        with pytest.raises(TooFewMessages, match=r"^6-node: .* are needed$"):
            validate_forging(OWN, make_messages(OWN, numbers))


@both
def test_a_sealed_block_holds_every_rule(params: ChainParams) -> None:
    block = make_block(params)
    assert find_violations(params, block, make_context(params, block)) == ()
    assert block.block_hash == compute_block_hash(block)
    assert {m.block_height for m in block.messages} == {block.height}
    assert (block.msg_count, block.uniques_sources) == (4, 3)


def test_a_block_is_sealed_with_the_signature_of_what_it_holds() -> None:
    signed = []

    def sign(buffer: bytes) -> bytes:
        signed.append(buffer)
        return get_sign(0)(buffer)

    parent = make_parent(OWN)
    block = seal_block(sign, "address", parent, ROUND, SIR, 5, [])
    assert signed == [b"".join(n.to_bytes(4, "big") for n in (42, ROUND, SIR, 5)) + parent.block_hash]
    assert block == replace(block, forger="address", height=42, previous_hash=parent.block_hash)
