"""What the mempool takes and what it refuses, rule by rule (spec 4, a valid message)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.rules import IGNORED, Rule, Violation
from hypernode.core.types import Message
from hypernode.mempool.pool import MAX_REASONS, OTHER_REASONS, Mempool
from tests.unit.mempool.samples import (
    NOW,
    REGISTERED,
    make_forgery,
    make_message,
    make_network,
    make_person,
    make_twin,
)


def offer(pool: Mempool, message: Message, **more: bool) -> Violation | None:
    return pool.offer(message, NOW, registered=REGISTERED, **more)


def test_valid_message_is_taken_with_the_time_of_its_arrival() -> None:
    pool = Mempool(make_network())
    message = replace(make_message(), block_height=7)
    assert offer(pool, message) is None
    assert pool.get_all() == [replace(message, block_height=0, received=int(NOW))]


def test_own_message_has_no_time_of_arrival() -> None:
    pool = Mempool(make_network())
    assert offer(pool, make_message(), is_own=True) is None
    assert [m.received for m in pool.get_all()] == [0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("M1", replace(make_message(), value=2**32)),
        ("M1", replace(make_message(), params="é")),
        ("M1", replace(make_message(), txid=make_message().txid + b"\x00")),
        ("M2", replace(make_message(), pubkey=make_person(5).pubkey)),
        ("M3", make_forgery(make_message())),
        ("M4", make_message(recipient="b" * 34)),
        ("M5", make_message(params="it's")),
        ("M5", make_message(params="123")),
        ("M5", make_message(params=" 1e3")),
        ("M5", make_message(params="x" * 257)),
        ("M6", make_message(sender=50)),
    ],
)
def test_message_that_breaks_a_rule_is_rejected_with_its_number(rule: str, message: Message) -> None:
    pool = Mempool(make_network())
    verdict = offer(pool, message)
    assert verdict is not None
    assert verdict.rule.label == rule
    assert verdict.rule not in IGNORED
    assert len(pool) == 0
    assert sum(pool.get_refusals().values()) == 1


@pytest.mark.parametrize("params", ["", "START", "TEST:1", "R.SYNC:10.0.0.1:06969", "x" * 256, "12a"])
def test_params_of_the_safe_alphabet_are_accepted(params: str) -> None:
    assert offer(Mempool(make_network()), make_message(params=params)) is None


def test_policy_is_the_same_on_a_mixed_network() -> None:
    params = replace(make_network(), mixed=mainnet().mixed)
    verdict = offer(Mempool(params), make_message(params="it's"))
    assert verdict is not None
    assert verdict.rule == Rule.M5


def test_control_address_needs_no_registration() -> None:
    assert offer(Mempool(make_network()), make_message(sender=99)) is None


@pytest.mark.parametrize("offset", [5, 0, -3599])
def test_message_within_its_time_is_accepted(offset: int) -> None:
    assert offer(Mempool(make_network()), make_message(timestamp=int(NOW) + offset)) is None


def test_message_of_the_future_is_rejected() -> None:
    broken = offer(Mempool(make_network()), make_message(timestamp=int(NOW) + 6))
    assert broken is not None
    assert broken.rule is Rule.TOO_EARLY
    assert broken.rule not in IGNORED


def test_old_message_is_ignored() -> None:
    broken = offer(Mempool(make_network()), make_message(timestamp=int(NOW) - 3600))
    assert broken is not None
    assert broken.rule is Rule.TOO_OLD
    assert broken.rule in IGNORED


def test_a_known_message_and_its_twin_are_ignored_but_not_refused() -> None:
    pool = Mempool(make_network())
    message = make_message()
    assert offer(pool, message) is None
    for again in (message, make_twin(message)):
        verdict = offer(pool, again)
        assert verdict == Violation(Rule.KNOWN, "known")
        assert verdict.rule in IGNORED
    assert pool.get_all() == [replace(message, received=int(NOW))]
    assert pool.get_refusals() == {}


def test_message_of_the_chain_is_ignored() -> None:
    verdict = offer(Mempool(make_network()), make_message(), in_chain=True)
    assert verdict == Violation(Rule.SEALED, "in the chain already")
    assert verdict.rule in IGNORED


def test_only_messages_over_the_quota_of_their_sender_are_ignored() -> None:
    pool = Mempool(make_network(sender_quota=2))
    first, second, third = (make_message(value=value) for value in range(3))
    assert offer(pool, first) is None
    assert offer(pool, second) is None
    verdict = offer(pool, third)
    assert verdict == Violation(Rule.QUOTA, "over the quota of its sender for the round")
    assert verdict.rule in IGNORED
    assert offer(pool, make_message(sender=3)) is None


def test_a_sender_that_does_not_count_has_a_quarter_of_the_quota() -> None:
    pool = Mempool(make_network(sender_quota=8))
    lesser = make_message()
    pool.set_lesser(frozenset({lesser.sender}))
    assert [offer(pool, make_message(value=value)) for value in range(2)] == [None, None]
    assert offer(pool, make_message(value=2)) is not None
    assert [offer(pool, make_message(sender=3, value=value)) for value in range(8)] == [None] * 8
    assert offer(pool, make_message(sender=3, value=8)) is not None


def test_all_that_do_not_count_have_a_quarter_of_the_room_and_no_more() -> None:
    pool = Mempool(make_network(), max_messages=8)
    held = [make_message(), make_message(sender=3)]
    assert [offer(pool, message) for message in held] == [None, None]
    pool.set_lesser(frozenset(message.sender for message in held))
    verdict = offer(pool, make_message(value=1))
    assert verdict == Violation(Rule.ROOM, "full for senders that do not count")
    assert offer(pool, make_message(sender=4)) is None
    pool.remove([held[0]])
    assert offer(pool, make_message(value=1)) is None
    assert offer(pool, make_message(value=2)) is not None
    pool.set_lesser(frozenset())
    assert [offer(pool, make_message(value=value)) for value in range(2, 7)] == [None] * 5


def test_sealing_gives_no_quota_back_but_the_next_round_does() -> None:
    params = make_network(sender_quota=1)
    pool = Mempool(params)
    first = make_message()
    assert offer(pool, first) is None
    pool.remove([first])
    assert offer(pool, make_message(value=1)) is not None
    later = make_message(value=2, timestamp=int(NOW) + params.round_s)
    assert pool.offer(later, NOW + params.round_s, registered=REGISTERED) is None


def test_own_message_is_not_bound_by_quota_or_room() -> None:
    pool = Mempool(make_network(sender_quota=1), max_messages=1)
    assert offer(pool, make_message()) is None
    assert offer(pool, make_message(value=1), is_own=True) is None


def test_full_pool_ignores_more() -> None:
    pool = Mempool(make_network(), max_messages=1)
    assert offer(pool, make_message()) is None
    verdict = offer(pool, make_message(sender=2))
    assert verdict == Violation(Rule.ROOM, "full")
    assert verdict.rule in IGNORED


def test_verdict_on_the_signature_from_elsewhere_is_believed() -> None:
    pool = Mempool(make_network())
    verdict = offer(pool, make_message(), signature_ok=False)
    assert verdict is not None
    assert verdict.rule == Rule.M3
    assert offer(pool, make_message(), signature_ok=True) is None


def test_message_cut_elsewhere_is_taken_with_the_right_cut() -> None:
    pool = Mempool(make_network())
    message = make_message(what=101)
    moved = replace(
        message,
        recipient=message.recipient + "\x00\x00\x00\x65",
        what=int.from_bytes(b"STAR", "big"),
        params="T",
    )
    assert offer(pool, moved) is None
    assert [(m.recipient, m.what, m.params) for m in pool.get_all()] == [
        (message.recipient, 101, "START"),
    ]


def test_screening_changes_nothing() -> None:
    pool = Mempool(make_network())
    assert pool.screen(make_forgery(make_message()), NOW, registered=REGISTERED) is None
    assert pool.screen(make_message(params="'"), NOW, registered=REGISTERED) is not None
    assert len(pool) == 0
    assert pool.get_refusals() == {}


def test_refusals_are_counted_by_reason() -> None:
    pool = Mempool(make_network())
    for _ in range(3):
        offer(pool, make_message(sender=50))
    offer(pool, make_message(params="'"))
    assert sorted(pool.get_refusals().values()) == [1, 3]


def test_reasons_that_are_counted_apart_are_bounded() -> None:
    pool = Mempool(make_network())
    for length in range(MAX_REASONS + 10):
        offer(pool, replace(make_message(), txid=bytes(65 + length)))
    counts = pool.get_refusals()
    assert len(counts) <= MAX_REASONS + 1
    assert counts[OTHER_REASONS] == 10
