"""What keeps a single message out of any mempool, at its limits."""

from __future__ import annotations

import pytest

from hypernode.core.rules import UNCHECKED, Rule
from hypernode.core.signing import compute_twin
from hypernode.mempool.policy import (
    CLOCK_SPREAD_S,
    find_policy_violation,
    find_signature_violation,
    is_ripe,
    list_twin_ids,
)
from tests.unit.mempool.samples import NOW, REGISTERED, make_forgery, make_message, make_network, make_person

NETWORK = make_network()


@pytest.mark.parametrize(
    ("age_s", "rule"),
    [
        (-NETWORK.future_allowed_s - 0.25, Rule.TOO_EARLY),
        (-NETWORK.future_allowed_s, None),
        (0, None),
        (NETWORK.message_age_s, None),
        (NETWORK.message_age_s + 0.25, Rule.TOO_OLD),
    ],
)
def test_a_message_is_taken_within_its_time_only(age_s: float, rule: Rule | None) -> None:
    message = make_message(timestamp=int(NOW))
    found = find_policy_violation(NETWORK, message, message.timestamp + age_s, REGISTERED)
    assert (found.rule if found else None) is rule


def test_who_is_not_registered_is_refused_unless_a_block_held_it() -> None:
    message = make_message(50)
    found = find_policy_violation(NETWORK, message, NOW, REGISTERED)
    assert found is not None
    assert found.rule is Rule.M6
    assert find_policy_violation(NETWORK, message, NOW, UNCHECKED) is None
    assert find_policy_violation(NETWORK, message, NOW, REGISTERED | {make_person(50).address}) is None


def test_a_forged_signature_is_looked_at_last_and_where_it_is_asked_for() -> None:
    forged = make_forgery(make_message())
    assert find_policy_violation(NETWORK, forged, NOW, REGISTERED) is None
    said = find_policy_violation(NETWORK, forged, NOW, REGISTERED, signature_ok=False)
    verified = find_signature_violation(NETWORK, forged)
    assert said is not None
    assert verified is not None
    assert said.rule is verified.rule is Rule.M3
    assert find_signature_violation(NETWORK, make_message()) is None


def test_a_message_is_offered_when_no_peer_finds_it_too_far_ahead() -> None:
    message = make_message(timestamp=int(NOW))
    ahead_s = NETWORK.future_allowed_s - CLOCK_SPREAD_S
    assert is_ripe(NETWORK, message, message.timestamp - ahead_s)
    assert not is_ripe(NETWORK, message, message.timestamp - ahead_s - 0.01)
    strict = make_network(future_allowed_s=1)
    assert is_ripe(strict, message, message.timestamp)
    assert not is_ripe(strict, message, message.timestamp - 0.01)


def test_a_message_may_stand_under_both_ids_in_a_chain() -> None:
    txid = make_message().txid
    assert list_twin_ids(txid) == (txid, compute_twin(txid))
    assert list_twin_ids(b"short") == (b"short",)
