"""Every rule of a block: what holds breaks nothing, what does not breaks it alone, and where that counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hypernode.core.chain_params import ChainParams
from hypernode.core.encoded_size import compute_block_size
from hypernode.core.errors import Ignore, Reject, TooFewHold, Verdict
from hypernode.core.rules import BLOCK_RULES, UNCHECKED, Rule, RuleClass, Violation
from hypernode.core.signing import compute_twin
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.core.validate_block import (
    LENIENT,
    STRUCTURAL,
    BlockContext,
    Origin,
    find_breaks,
    is_refused,
    validate_block,
)
from hypernode.core.validate_message import check_messages
from tests.unit.core.builders import (
    MIXED,
    NETWORKS,
    OWN,
    ROUND,
    SIR,
    get_address,
    get_pubkey,
    make_block,
    make_context,
    make_message,
    make_messages,
    make_parent,
    name_network,
)

Judged = tuple[ChainParams, Block, BlockContext]
"""A block, and all that it is judged by."""

both = pytest.mark.parametrize("network", NETWORKS, ids=name_network)


def judge(network: ChainParams, block: Block, **fields: object) -> Judged:
    """The block in a context that is fine but for ``fields``."""
    return network, block, make_context(network, block, **fields)


def break_1_height(network: ChainParams) -> Judged:
    parent = replace(make_parent(network), height=make_parent(network).height + 1)
    return judge(network, make_block(network), parent=parent)


def break_1_hash(network: ChainParams) -> Judged:
    parent = replace(make_parent(network), block_hash=b"q" * 20)
    return judge(network, make_block(network), parent=parent)


def break_2_same_slot(network: ChainParams) -> Judged:
    parent = replace(make_parent(network), sir=SIR)
    return judge(network, make_block(network, parent), parent=parent)


def break_2_closing_slot(network: ChainParams) -> Judged:
    start = compute_slot_start(network, ROUND, network.slots)
    messages = [make_message(network, number, start, value=i) for i, number in enumerate((0, 1, 2, 0))]
    return judge(network, make_block(network, messages=messages, sir=network.slots))


def break_3_other_slot(network: ChainParams) -> Judged:
    late = compute_slot_start(network, ROUND, SIR + 1)
    messages = [make_message(network, number, late, value=i) for i, number in enumerate((0, 1, 2, 0))]
    return judge(network, make_block(network, messages=messages, timestamp=late))


def break_3_before_parent(network: ChainParams) -> Judged:
    block = make_block(network)
    return judge(network, block, parent=replace(make_parent(network), timestamp=block.timestamp + 1))


def break_3_future(network: ChainParams) -> Judged:
    block = make_block(network)
    return judge(network, block, now=block.timestamp - 5.01)


def break_4_hash(network: ChainParams) -> Judged:
    return judge(network, replace(make_block(network), block_hash=b"z" * 20))


def break_5_signer(network: ChainParams) -> Judged:
    block = make_block(network)
    other = make_block(network, forger=1)
    return judge(network, replace(block, signature=other.signature))


def break_5_malformed(network: ChainParams) -> Judged:
    return judge(network, replace(make_block(network), signature=b""))


def break_5_cached_key(network: ChainParams) -> Judged:
    block = replace(make_block(network), signature=bytes(64))
    return judge(network, block, forger_pubkey=get_pubkey(0))


def break_6_other_juror(network: ChainParams) -> Judged:
    return judge(network, make_block(network), juror=get_address(network, 1))


def break_6_no_juror(network: ChainParams) -> Judged:
    return judge(network, make_block(network), juror=None)


def break_7_count(network: ChainParams) -> Judged:
    return judge(network, replace(make_block(network), msg_count=5))


def break_7_too_few(network: ChainParams) -> Judged:
    return judge(network, make_block(network, messages=make_messages(network, (0, 1, 2))))


def break_7_too_many(network: ChainParams) -> Judged:
    return judge(replace(network, max_block_messages=3, mixed_block_bytes=0), make_block(network))


def break_8_sources(network: ChainParams) -> Judged:
    return judge(network, replace(make_block(network), uniques_sources=2))


def break_8_one_sender(network: ChainParams) -> Judged:
    return judge(network, make_block(network, messages=make_messages(network, (0, 0, 0, 0))))


def break_9_order(network: ChainParams) -> Judged:
    start = compute_slot_start(network, ROUND, SIR)
    messages = [make_message(network, i, start + 1 - (i == 2)) for i in range(4)]
    return judge(network, make_block(network, messages=messages))


def break_9_too_old(network: ChainParams) -> Judged:
    block = make_block(network)
    oldest = block.timestamp - network.message_age_s - network.slot_s
    messages = [make_message(network, 5, oldest - 1), *make_messages(network)]
    return judge(network, make_block(network, messages=messages))


def break_9_future(network: ChainParams) -> Judged:
    block = make_block(network)
    messages = [*make_messages(network), make_message(network, 5, block.timestamp + 6)]
    return judge(network, make_block(network, messages=messages))


def break_10_twice(network: ChainParams) -> Judged:
    messages = make_messages(network)
    return judge(network, make_block(network, messages=[*messages, messages[-1]]))


def break_10_in_chain(network: ChainParams) -> Judged:
    block = make_block(network)
    return judge(network, block, known_ids=frozenset((block.messages[0].txid,)))


def break_11_signature(network: ChainParams) -> Judged:
    messages = make_messages(network)
    messages[1] = replace(messages[1], value=99)
    return judge(network, make_block(network, messages=messages))


def break_11_judged_elsewhere(network: ChainParams) -> Judged:
    block = make_block(network)
    return judge(network, block, bad_messages={block.messages[2].txid: "M3: the signature is invalid"})


def break_12_slot(network: ChainParams) -> Judged:
    return judge(network, make_block(network), slot_taken=True)


def break_13_recipient(network: ChainParams) -> Judged:
    messages = [*make_messages(network), make_message(network, recipient="nobody")]
    return judge(network, make_block(network, messages=messages))


def break_13_params(network: ChainParams) -> Judged:
    messages = [*make_messages(network), make_message(network, params="123")]
    return judge(network, make_block(network, messages=messages))


def break_13_stranger(network: ChainParams) -> Judged:
    messages = [*make_messages(network), make_message(network, 77)]
    return judge(network, make_block(network, messages=messages))


def break_14_over_a_push(network: ChainParams) -> Judged:
    block = make_block(network)
    return judge(replace(network, max_block_bytes=compute_block_size(block) - 1), block)


def break_15_over_an_answer(network: ChainParams) -> Judged:
    block = make_block(network)
    size = compute_block_size(block)
    bounds = {"max_block_bytes": size, "giant_block_bytes": size - 1, "mixed_block_bytes": size - 1}
    return judge(replace(network, **bounds), block)  # type: ignore[arg-type]  # fields of a network


BREAKERS: dict[Callable[[ChainParams], Judged], str] = {
    function: name.split("_")[1] for name, function in list(globals().items()) if name.startswith("break_")
}
each_break = pytest.mark.parametrize("breaker", list(BREAKERS), ids=lambda f: f.__name__)


def test_every_rule_is_broken_here() -> None:
    assert set(BREAKERS.values()) == set(BLOCK_RULES) == {str(n) for n in range(1, 16)}


@both
@pytest.mark.parametrize("origin", list(Origin))
def test_a_valid_block_is_taken_from_everywhere(network: ChainParams, origin: Origin) -> None:
    assert validate_block(*judge(network, make_block(network)), origin) == ()


@both
@each_break
def test_a_break_is_found_alone_and_by_its_number(
    network: ChainParams, breaker: Callable[[ChainParams], Judged]
) -> None:
    found = find_breaks(*breaker(network))
    assert [(b.rule.number, b.cls) for b in found] == [
        (BREAKERS[breaker], BLOCK_RULES[BREAKERS[breaker]].cls)
    ]
    assert found[0].reason


@each_break
@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("majority", [False, True])
def test_networks_of_our_own_refuse_every_break(
    breaker: Callable[[ChainParams], Judged], origin: Origin, majority: bool
) -> None:
    with pytest.raises(Verdict) as refused:
        validate_block(*breaker(OWN), origin, majority)
    assert refused.value.rule.label == f"rule {BREAKERS[breaker]}"
    assert isinstance(refused.value, Ignore) == (BREAKERS[breaker] == "14" and origin is Origin.PUSHED)


@each_break
@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("majority", [False, True])
def test_mixed_networks_refuse_by_class_and_origin(
    breaker: Callable[[ChainParams], Judged], origin: Origin, majority: bool
) -> None:
    rule = BREAKERS[breaker]
    merciful = BLOCK_RULES[rule].cls is RuleClass.B and origin is Origin.FETCHED and majority
    if merciful or BLOCK_RULES[rule].cls is RuleClass.C:
        assert [b.rule.number for b in validate_block(*breaker(MIXED), origin, majority)] == [rule]
    else:
        with pytest.raises(Verdict) as refused:
            validate_block(*breaker(MIXED), origin, majority)
        assert refused.value.rule.label == f"rule {rule}"
        assert isinstance(refused.value, Ignore) == (rule == "14" and origin is not Origin.OWN)
        assert isinstance(refused.value, TooFewHold) == (rule == "14" and origin is Origin.FETCHED)


@both
@pytest.mark.parametrize("bound", ["max_block_bytes", "giant_block_bytes"])
def test_a_block_of_just_so_many_bytes_is_taken(network: ChainParams, bound: str) -> None:
    block = make_block(network)
    exact = replace(network, **{bound: compute_block_size(block)})  # type: ignore[arg-type]
    assert validate_block(*judge(exact, block), Origin.PUSHED) == ()


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("limit", [{"giant_block_bytes": 9}, {"max_block_messages": 3}])
def test_mixed_networks_take_giant_blocks_up_to_what_legacy_nodes_read(
    limit: dict[str, int], more: int
) -> None:
    block = make_block(MIXED)
    bound = compute_block_size(block) - more
    network = replace(MIXED, **limit, mixed_block_bytes=bound)  # type: ignore[arg-type]
    judged = judge(network, block)
    rule = "15" if "giant_block_bytes" in limit else "7"
    if more:
        with pytest.raises(Reject, match=f"rule {rule}"):
            validate_block(*judged, Origin.FETCHED, majority_holds=True)
    else:
        assert [b.rule.number for b in validate_block(*judged, Origin.FETCHED, majority_holds=True)] == [rule]
    for origin, majority in ((Origin.FETCHED, False), (Origin.PUSHED, True), (Origin.OWN, True)):
        with pytest.raises(Verdict, match=f"rule {rule}") as refused:
            validate_block(*judged, origin, majority)
        assert isinstance(refused.value, TooFewHold) == (origin is Origin.FETCHED and not more)


def test_a_block_that_lies_about_its_count_has_no_mercy_for_having_many() -> None:
    block = replace(make_block(MIXED), msg_count=5)
    [brk] = find_breaks(*judge(replace(MIXED, max_block_messages=3), block))
    assert (brk.rule, brk.cls) == (Rule.B7, RuleClass.A)


@each_break
def test_early_history_forgives_rules_2_to_9_and_11(breaker: Callable[[ChainParams], Judged]) -> None:
    network, block, context = breaker(MIXED)
    lenient = replace(network, lenient_below=block.height + 1)
    rule = BREAKERS[breaker]
    if rule in ("1", "10", "12", "14", "15"):
        with pytest.raises(Verdict):
            validate_block(lenient, block, context, Origin.FETCHED)
    else:
        assert [b.rule.number for b in validate_block(lenient, block, context, Origin.FETCHED)] == [rule]


def test_leniency_ends_at_its_height() -> None:
    network, block, context = break_4_hash(MIXED)
    with pytest.raises(Reject):
        validate_block(replace(network, lenient_below=block.height), block, context, Origin.FETCHED)


@both
@each_break
def test_an_exception_forgives_all_but_what_makes_a_chain(
    network: ChainParams, breaker: Callable[[ChainParams], Judged]
) -> None:
    judged_network, block, context = breaker(network)
    excepted = replace(judged_network, exceptions=((block.height, block.block_hash),))
    rule = BREAKERS[breaker]
    brk = Violation(BLOCK_RULES[rule], "")
    if brk.rule in STRUCTURAL:
        assert is_refused(excepted, block, brk, Origin.PUSHED)
    else:
        assert [b.rule.number for b in validate_block(excepted, block, context, Origin.PUSHED)] == [rule]


def test_a_block_that_the_network_left_is_refused() -> None:
    network, block, context = judge(OWN, make_block(OWN))
    left = replace(network, dead_tips=((block.height, block.block_hash),))
    with pytest.raises(Reject, match="left this branch"):
        validate_block(left, block, context, Origin.FETCHED, majority_holds=True)


@both
def test_several_breaks_come_in_the_order_of_the_rules(network: ChainParams) -> None:
    block = replace(make_block(network), height=9, msg_count=1, signature=b"", block_hash=b"")
    found = find_breaks(network, block, make_context(network, block, slot_taken=True))
    assert [b.rule.number for b in found] == ["1", "4", "5", "7", "12"]


@both
def test_a_number_that_does_not_fit_breaks_and_does_not_raise(network: ChainParams) -> None:
    block = replace(make_block(network), height=2**32)
    assert [b.rule.number for b in find_breaks(*judge(network, block))] == ["1", "4", "5"]


@both
def test_the_clock_is_left_out_for_blocks_of_the_past(network: ChainParams) -> None:
    assert find_breaks(*judge(network, make_block(network), now=None)) == ()


@both
def test_a_juror_that_is_not_known_is_not_asked_for(network: ChainParams) -> None:
    assert find_breaks(*judge(network, make_block(network), juror=UNCHECKED)) == ()


@both
def test_a_forger_is_known_by_a_cached_key_or_its_own_signature(network: ChainParams) -> None:
    block = make_block(network)
    assert find_breaks(*judge(network, block, forger_pubkey=get_pubkey(0))) == ()
    assert find_breaks(*judge(network, block, forger_pubkey=get_pubkey(1))) == ()
    twin = replace(block, signature=compute_twin(block.signature))
    assert find_breaks(*judge(network, twin)) == ()


@both
def test_messages_may_share_a_second_and_come_from_the_edges(network: ChainParams) -> None:
    at = make_block(network).timestamp
    edges = (at - network.message_age_s - network.slot_s, at, at, at + network.future_allowed_s)
    messages = [make_message(network, i, timestamp) for i, timestamp in enumerate(edges)]
    assert find_breaks(*judge(network, make_block(network, messages=messages))) == ()


@both
def test_long_ids_are_sealed_on_mixed_networks_only(network: ChainParams) -> None:
    messages = make_messages(network)
    messages[0] = replace(messages[0], txid=messages[0].txid[:32] + bytes(32) + messages[0].txid[32:])
    breaks = find_breaks(*judge(network, make_block(network, messages=messages)))
    assert [b.rule.number for b in breaks] == ([] if network.mixed else ["11"])


@both
def test_heights_inside_messages_are_not_judged(network: ChainParams) -> None:
    block = make_block(network)
    messages = tuple(replace(m, block_height=0) for m in block.messages)
    assert find_breaks(*judge(network, replace(block, messages=messages))) == ()


@both
def test_verdicts_from_elsewhere_are_the_same(network: ChainParams) -> None:
    _, block, context = break_11_signature(network)
    judged = replace(context, bad_messages=check_messages(network, block.messages))
    assert find_breaks(network, block, judged) == find_breaks(network, block, context)


def test_what_is_lenient_and_what_is_structural_part_the_rules() -> None:
    assert LENIENT | STRUCTURAL | {Rule.B13, Rule.B14, Rule.B15} == set(BLOCK_RULES.values())
    assert not LENIENT & STRUCTURAL
