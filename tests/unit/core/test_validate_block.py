"""Every rule of a block: what holds breaks nothing, what does not breaks it alone, and where that counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hypernode.core.encoded_size import compute_block_size
from hypernode.core.errors import Ignore, Reject, TooFewHold, Verdict
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import BLOCK_RULES, UNCHECKED, Rule, RuleClass, Violation
from hypernode.core.signing import compute_twin
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.core.validate_block import (
    LENIENT,
    STRUCTURAL,
    BlockContext,
    Origin,
    find_violations,
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

both = pytest.mark.parametrize("params", NETWORKS, ids=name_network)


def judge(params: ChainParams, block: Block, **fields: object) -> Judged:
    """The block in a context that is fine but for ``fields``."""
    return params, block, make_context(params, block, **fields)


def break_1_height(params: ChainParams) -> Judged:
    parent = replace(make_parent(params), height=make_parent(params).height + 1)
    return judge(params, make_block(params), parent=parent)


def break_1_hash(params: ChainParams) -> Judged:
    parent = replace(make_parent(params), block_hash=b"q" * 20)
    return judge(params, make_block(params), parent=parent)


def break_2_same_slot(params: ChainParams) -> Judged:
    parent = replace(make_parent(params), sir=SIR)
    return judge(params, make_block(params, parent), parent=parent)


def break_2_closing_slot(params: ChainParams) -> Judged:
    start = compute_slot_start(params, ROUND, params.slots)
    messages = [make_message(params, number, start, value=i) for i, number in enumerate((0, 1, 2, 0))]
    return judge(params, make_block(params, messages=messages, sir=params.slots))


def break_3_other_slot(params: ChainParams) -> Judged:
    late = compute_slot_start(params, ROUND, SIR + 1)
    messages = [make_message(params, number, late, value=i) for i, number in enumerate((0, 1, 2, 0))]
    return judge(params, make_block(params, messages=messages, timestamp=late))


def break_3_before_parent(params: ChainParams) -> Judged:
    block = make_block(params)
    return judge(params, block, parent=replace(make_parent(params), timestamp=block.timestamp + 1))


def break_3_future(params: ChainParams) -> Judged:
    block = make_block(params)
    return judge(params, block, now=block.timestamp - 5.01)


def break_4_hash(params: ChainParams) -> Judged:
    return judge(params, replace(make_block(params), block_hash=b"z" * 20))


def break_5_signer(params: ChainParams) -> Judged:
    block = make_block(params)
    other = make_block(params, forger=1)
    return judge(params, replace(block, signature=other.signature))


def break_5_malformed(params: ChainParams) -> Judged:
    return judge(params, replace(make_block(params), signature=b""))


def break_5_cached_key(params: ChainParams) -> Judged:
    block = replace(make_block(params), signature=bytes(64))
    return judge(params, block, forger_pubkey=get_pubkey(0))


def break_6_other_juror(params: ChainParams) -> Judged:
    return judge(params, make_block(params), juror=get_address(params, 1))


def break_6_no_juror(params: ChainParams) -> Judged:
    return judge(params, make_block(params), juror=None)


def break_7_count(params: ChainParams) -> Judged:
    return judge(params, replace(make_block(params), msg_count=5))


def break_7_too_few(params: ChainParams) -> Judged:
    return judge(params, make_block(params, messages=make_messages(params, (0, 1, 2))))


def break_7_too_many(params: ChainParams) -> Judged:
    return judge(replace(params, max_block_messages=3, mixed_block_bytes=0), make_block(params))


def break_8_sources(params: ChainParams) -> Judged:
    return judge(params, replace(make_block(params), uniques_sources=2))


def break_8_one_sender(params: ChainParams) -> Judged:
    return judge(params, make_block(params, messages=make_messages(params, (0, 0, 0, 0))))


def break_9_order(params: ChainParams) -> Judged:
    start = compute_slot_start(params, ROUND, SIR)
    messages = [make_message(params, i, start + 1 - (i == 2)) for i in range(4)]
    return judge(params, make_block(params, messages=messages))


def break_9_too_old(params: ChainParams) -> Judged:
    block = make_block(params)
    oldest = block.timestamp - params.message_age_s - params.slot_s
    messages = [make_message(params, 5, oldest - 1), *make_messages(params)]
    return judge(params, make_block(params, messages=messages))


def break_9_future(params: ChainParams) -> Judged:
    block = make_block(params)
    messages = [*make_messages(params), make_message(params, 5, block.timestamp + 6)]
    return judge(params, make_block(params, messages=messages))


def break_10_twice(params: ChainParams) -> Judged:
    messages = make_messages(params)
    return judge(params, make_block(params, messages=[*messages, messages[-1]]))


def break_10_in_chain(params: ChainParams) -> Judged:
    block = make_block(params)
    return judge(params, block, known_ids=frozenset((block.messages[0].txid,)))


def break_11_signature(params: ChainParams) -> Judged:
    messages = make_messages(params)
    messages[1] = replace(messages[1], value=99)
    return judge(params, make_block(params, messages=messages))


def break_11_judged_elsewhere(params: ChainParams) -> Judged:
    block = make_block(params)
    return judge(params, block, bad_messages={block.messages[2].txid: "M3: the signature is invalid"})


def break_12_slot(params: ChainParams) -> Judged:
    return judge(params, make_block(params), slot_taken=True)


def break_13_recipient(params: ChainParams) -> Judged:
    messages = [*make_messages(params), make_message(params, recipient="nobody")]
    return judge(params, make_block(params, messages=messages))


def break_13_params(params: ChainParams) -> Judged:
    messages = [*make_messages(params), make_message(params, params="123")]
    return judge(params, make_block(params, messages=messages))


def break_13_stranger(params: ChainParams) -> Judged:
    messages = [*make_messages(params), make_message(params, 77)]
    return judge(params, make_block(params, messages=messages))


def break_14_over_a_push(params: ChainParams) -> Judged:
    block = make_block(params)
    return judge(replace(params, max_block_bytes=compute_block_size(block) - 1), block)


def break_15_over_an_answer(params: ChainParams) -> Judged:
    block = make_block(params)
    size = compute_block_size(block)
    bounds = {"max_block_bytes": size, "giant_block_bytes": size - 1, "mixed_block_bytes": size - 1}
    return judge(replace(params, **bounds), block)  # type: ignore[arg-type]  # fields of a network


BREAKERS: dict[Callable[[ChainParams], Judged], str] = {
    function: name.split("_")[1] for name, function in list(globals().items()) if name.startswith("break_")
}
each_break = pytest.mark.parametrize("breaker", list(BREAKERS), ids=lambda f: f.__name__)


def test_every_rule_is_broken_here() -> None:
    assert set(BREAKERS.values()) == set(BLOCK_RULES) == {str(n) for n in range(1, 16)}


@both
@pytest.mark.parametrize("origin", list(Origin))
def test_a_valid_block_is_taken_from_everywhere(params: ChainParams, origin: Origin) -> None:
    assert validate_block(*judge(params, make_block(params)), origin) == ()


@both
@each_break
def test_a_break_is_found_alone_and_by_its_number(
    params: ChainParams, breaker: Callable[[ChainParams], Judged]
) -> None:
    found = find_violations(*breaker(params))
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
def test_a_block_of_just_so_many_bytes_is_taken(params: ChainParams, bound: str) -> None:
    block = make_block(params)
    exact = replace(params, **{bound: compute_block_size(block)})  # type: ignore[arg-type]
    assert validate_block(*judge(exact, block), Origin.PUSHED) == ()


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("limit", [{"giant_block_bytes": 9}, {"max_block_messages": 3}])
def test_mixed_networks_take_giant_blocks_up_to_what_legacy_nodes_read(
    limit: dict[str, int], more: int
) -> None:
    block = make_block(MIXED)
    bound = compute_block_size(block) - more
    params = replace(MIXED, **limit, mixed_block_bytes=bound)  # type: ignore[arg-type]
    judged = judge(params, block)
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
    [violation] = find_violations(*judge(replace(MIXED, max_block_messages=3), block))
    assert (violation.rule, violation.cls) == (Rule.B7, RuleClass.A)


@each_break
def test_early_history_forgives_rules_2_to_9_and_11(breaker: Callable[[ChainParams], Judged]) -> None:
    params, block, context = breaker(MIXED)
    lenient = replace(params, lenient_below=block.height + 1)
    rule = BREAKERS[breaker]
    if rule in ("1", "10", "12", "14", "15"):
        with pytest.raises(Verdict):
            validate_block(lenient, block, context, Origin.FETCHED)
    else:
        assert [b.rule.number for b in validate_block(lenient, block, context, Origin.FETCHED)] == [rule]


def test_leniency_ends_at_its_height() -> None:
    params, block, context = break_4_hash(MIXED)
    with pytest.raises(Reject):
        validate_block(replace(params, lenient_below=block.height), block, context, Origin.FETCHED)


@both
@each_break
def test_an_exception_forgives_all_but_what_makes_a_chain(
    params: ChainParams, breaker: Callable[[ChainParams], Judged]
) -> None:
    judged_network, block, context = breaker(params)
    excepted = replace(judged_network, exceptions=((block.height, block.block_hash),))
    rule = BREAKERS[breaker]
    violation = Violation(BLOCK_RULES[rule], "")
    if violation.rule in STRUCTURAL:
        assert is_refused(excepted, block, violation, Origin.PUSHED)
    else:
        assert [b.rule.number for b in validate_block(excepted, block, context, Origin.PUSHED)] == [rule]


def test_a_block_that_the_network_left_is_refused() -> None:
    params, block, context = judge(OWN, make_block(OWN))
    left = replace(params, dead_tips=((block.height, block.block_hash),))
    with pytest.raises(Reject, match="left this branch"):
        validate_block(left, block, context, Origin.FETCHED, majority_holds=True)


@both
def test_several_breaks_come_in_the_order_of_the_rules(params: ChainParams) -> None:
    block = replace(make_block(params), height=9, msg_count=1, signature=b"", block_hash=b"")
    found = find_violations(params, block, make_context(params, block, slot_taken=True))
    assert [b.rule.number for b in found] == ["1", "4", "5", "7", "12"]


@both
def test_a_number_that_does_not_fit_breaks_and_does_not_raise(params: ChainParams) -> None:
    block = replace(make_block(params), height=2**32)
    assert [b.rule.number for b in find_violations(*judge(params, block))] == ["1", "4", "5"]


@both
def test_the_clock_is_left_out_for_blocks_of_the_past(params: ChainParams) -> None:
    assert find_violations(*judge(params, make_block(params), now=None)) == ()


@both
def test_a_juror_that_is_not_known_is_not_asked_for(params: ChainParams) -> None:
    assert find_violations(*judge(params, make_block(params), juror=UNCHECKED)) == ()


@both
def test_a_forger_is_known_by_a_cached_key_or_its_own_signature(params: ChainParams) -> None:
    block = make_block(params)
    assert find_violations(*judge(params, block, forger_pubkey=get_pubkey(0))) == ()
    assert find_violations(*judge(params, block, forger_pubkey=get_pubkey(1))) == ()
    twin = replace(block, signature=compute_twin(block.signature))
    assert find_violations(*judge(params, twin)) == ()


@both
def test_messages_may_share_a_second_and_come_from_the_edges(params: ChainParams) -> None:
    at = make_block(params).timestamp
    edges = (at - params.message_age_s - params.slot_s, at, at, at + params.future_allowed_s)
    messages = [make_message(params, i, timestamp) for i, timestamp in enumerate(edges)]
    assert find_violations(*judge(params, make_block(params, messages=messages))) == ()


@both
def test_long_ids_are_sealed_on_mixed_networks_only(params: ChainParams) -> None:
    messages = make_messages(params)
    messages[0] = replace(messages[0], txid=messages[0].txid[:32] + bytes(32) + messages[0].txid[32:])
    breaks = find_violations(*judge(params, make_block(params, messages=messages)))
    assert [b.rule.number for b in breaks] == ([] if params.mixed else ["11"])


@both
def test_heights_inside_messages_are_not_judged(params: ChainParams) -> None:
    block = make_block(params)
    messages = tuple(replace(m, block_height=0) for m in block.messages)
    assert find_violations(*judge(params, replace(block, messages=messages))) == ()


@both
def test_verdicts_from_elsewhere_are_the_same(params: ChainParams) -> None:
    _, block, context = break_11_signature(params)
    judged = replace(context, bad_messages=check_messages(params, block.messages))
    assert find_violations(params, block, judged) == find_violations(params, block, context)


def test_what_is_lenient_and_what_is_structural_part_the_rules() -> None:
    assert LENIENT | STRUCTURAL | {Rule.B13, Rule.B14, Rule.B15} == set(BLOCK_RULES.values())
    assert not LENIENT & STRUCTURAL
