from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule, Violation
from hypernode.core.signing import compute_twin
from hypernode.core.types import Message
from hypernode.core.validate_message import (
    check_messages,
    find_message_violation,
    find_time_violation,
    is_safe_params,
    list_signature_checks,
    reads_as_number,
)
from tests.unit.core.builders import (
    MIXED,
    NETWORKS,
    OWN,
    get_address,
    get_pubkey,
    make_message,
    name_network,
)

both = pytest.mark.parametrize("params", NETWORKS, ids=name_network)


def find_rule(params: ChainParams, m: Message, *, sealed: bool) -> str | None:
    """The rule that a message of registered hypernodes 0 to 9 breaks."""
    registered = frozenset(get_address(params, number) for number in range(10))
    broken = find_message_violation(params, m, sealed=sealed, registered=registered)
    return None if broken is None else broken.rule.label


def lengthen(m: Message) -> Message:
    """With an id of 65 bytes, as some legacy nodes take them."""
    return replace(m, txid=m.txid[:32] + b"\0" + m.txid[32:])


@both
@pytest.mark.parametrize("sealed", [True, False])
def test_a_valid_message_breaks_nothing(params: ChainParams, sealed: bool) -> None:
    assert find_rule(params, make_message(params), sealed=sealed) is None
    twin = replace(make_message(params), txid=compute_twin(make_message(params).txid))
    assert find_rule(params, twin, sealed=sealed) is None


@both
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp": 2**32},
        {"what": -1},
        {"value": 2**32},
        {"block_height": 2**32},
        {"pubkey": b""},
        {"pubkey": bytes(65)},
        {"txid": b""},
        {"txid": bytes(63)},
        {"txid": bytes(97)},
        {"sender": "x"},
        {"sender": "é" * 34},
        {"recipient": "é"},
        {"params": "café"},
    ],
)
def test_m1_refuses_what_cannot_be_written_down(
    params: ChainParams, sealed: bool, fields: dict[str, Any]
) -> None:
    m = replace(make_message(params), **fields)
    assert find_rule(params, m, sealed=sealed) == "M1"


def test_m1_takes_long_ids_in_blocks_of_mixed_networks_only() -> None:
    assert find_rule(MIXED, lengthen(make_message(MIXED)), sealed=True) is None
    assert find_rule(MIXED, lengthen(make_message(MIXED)), sealed=False) == "M1"
    assert find_rule(OWN, lengthen(make_message(OWN)), sealed=True) == "M1"
    assert find_rule(OWN, lengthen(make_message(OWN)), sealed=False) == "M1"


def test_m1_refuses_a_sender_of_another_network() -> None:
    m = replace(make_message(OWN), sender=get_address(MIXED, 0))
    assert find_rule(OWN, m, sealed=True) == "M1"


@both
@pytest.mark.parametrize("sealed", [True, False])
def test_m2_refuses_a_key_that_is_not_the_senders(params: ChainParams, sealed: bool) -> None:
    m = make_message(params)
    assert find_rule(params, replace(m, pubkey=get_pubkey(1)), sealed=sealed) == "M2"
    assert find_rule(params, replace(m, sender=get_address(params, 1)), sealed=sealed) == "M2"


@both
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("fields", [{"timestamp": 1}, {"what": 1}, {"params": "x"}, {"value": 1}])
def test_m3_refuses_what_was_not_signed(params: ChainParams, sealed: bool, fields: dict[str, Any]) -> None:
    m = replace(make_message(params), **fields)
    assert find_rule(params, m, sealed=sealed) == "M3"


@both
def test_m3_believes_a_verdict_from_elsewhere(params: ChainParams) -> None:
    m = make_message(params)
    refused = find_message_violation(params, m, sealed=True, registered=UNCHECKED, signature_ok=False)
    assert refused is not None
    assert refused.rule == Rule.M3
    forged = replace(m, value=m.value + 1)
    assert (
        find_message_violation(params, forged, sealed=True, registered=UNCHECKED, signature_ok=True) is None
    )


POLICY = [
    ("M4", {"recipient": "not an address"}),
    ("M4", {"recipient": ""}),
    ("M5", {"params": "it's"}),
    ("M5", {"params": "a\0b"}),
    ("M5", {"params": "123"}),
    ("M5", {"params": "x" * 257}),
]


@both
@pytest.mark.parametrize(("rule", "fields"), POLICY)
def test_policy_holds_in_the_mempool_and_in_blocks_of_our_own(
    params: ChainParams, rule: str, fields: dict[str, Any]
) -> None:
    m = make_message(params, **fields)
    assert find_rule(params, m, sealed=False) == rule
    assert find_rule(params, m, sealed=True) == (None if params.mixed else rule)


@both
def test_m6_refuses_senders_that_are_not_registered(params: ChainParams) -> None:
    stranger = make_message(params, 77)
    assert find_rule(params, stranger, sealed=False) == "M6"
    assert find_rule(params, stranger, sealed=True) == (None if params.mixed else "M6")


@both
def test_m6_takes_the_control_address(params: ChainParams) -> None:
    controlled = replace(params, control_pos=get_address(params, 77))
    assert find_rule(controlled, make_message(params, 77), sealed=False) is None


@both
def test_m6_is_left_out_without_a_list(params: ChainParams) -> None:
    stranger = make_message(params, 77)
    assert find_message_violation(params, stranger, sealed=False, registered=UNCHECKED) is None


@pytest.mark.parametrize("params", ["", "START", "TEST:1", "R.SYNC:10.0.0.7:06969", "x" * 256, "1a", "0x10"])
def test_params_of_the_safe_alphabet_are_taken(params: str) -> None:
    assert is_safe_params(params)


@pytest.mark.parametrize("params", ["1", " 1e3", "-.5", "+1.", "1E-7 ", "0123"])
def test_params_that_read_as_a_number_are_not(params: str) -> None:
    assert reads_as_number(params)
    assert not is_safe_params(params)


@pytest.mark.parametrize("params", ["'", '"', "\n", "\0", "ü", "{", "~", "a\n", "x" * 257])
def test_params_outside_the_safe_alphabet_are_not(params: str) -> None:
    assert not is_safe_params(params)


@both
@pytest.mark.parametrize(
    ("age", "rule"),
    [
        (0, None),
        (-5, None),
        (-5.25, Rule.TOO_EARLY),
        (3600, None),
        (3600.25, Rule.TOO_OLD),
    ],
)
def test_time_is_judged_with_fractions(params: ChainParams, age: float, rule: Rule | None) -> None:
    m = make_message(params)
    verdict = find_time_violation(params, m, m.timestamp + age)
    assert (None if verdict is None else verdict.rule) is rule


@both
def test_bad_messages_are_named_with_rule_and_reason(params: ChainParams) -> None:
    good = make_message(params)
    forged = replace(good, value=99, txid=good.txid[::-1])
    assert check_messages(params, [good, forged]) == {
        forged.txid: Violation(Rule.M3, "the signature is invalid")
    }


@both
def test_signatures_can_be_verified_elsewhere(params: ChainParams) -> None:
    messages = [make_message(params), make_message(params, value=5)]
    checks = list_signature_checks(messages)
    assert [(pubkey, txid) for pubkey, txid, _ in checks] == [(m.pubkey, m.txid) for m in messages]
    assert check_messages(params, messages, [True, False]) == {
        messages[1].txid: Violation(Rule.M3, "the signature is invalid")
    }
    assert check_messages(params, messages, [True, True]) == {}


def test_an_unrepresentable_message_has_a_check_that_never_holds() -> None:
    m = replace(make_message(OWN), params="café")
    assert list_signature_checks([m]) == [(m.pubkey, b"", b"")]
    assert check_messages(OWN, [m], [False])[m.txid].rule is Rule.M1
