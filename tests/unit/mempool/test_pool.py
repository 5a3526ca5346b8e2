"""What leaves the pool, what comes back, and what is seen of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.message import encode_signed_buffer
from hypernode.core.rules import UNCHECKED
from hypernode.core.signing import sign
from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool
from tests.unit.mempool.samples import (
    NOW,
    REGISTERED,
    make_forgery,
    make_message,
    make_network,
    make_person,
    make_twin,
)


def make_pool(*messages: Message) -> Mempool:
    pool = Mempool(make_network())
    for message in messages:
        assert pool.offer(message, NOW, registered=REGISTERED) is None
    return pool


def test_sealed_messages_go() -> None:
    sealed, left = make_message(), make_message(value=1)
    pool = make_pool(sealed, left)
    assert pool.remove([sealed, make_message(sender=7)]) == 1
    assert [m.txid for m in pool.get_all()] == [left.txid]


@pytest.mark.parametrize("by_id", [True, False])
def test_sealed_twin_takes_ours_with_it(by_id: bool) -> None:
    message = make_message()
    pool = make_pool(message)
    twin = make_twin(message)
    assert pool.remove([twin.txid if by_id else twin]) == 1
    assert len(pool) == 0


def test_message_that_was_signed_twice_goes_with_either() -> None:
    message = make_message()
    pool = make_pool(message)
    other_id = sign(make_person(3).privkey, encode_signed_buffer(message))
    assert pool.remove([replace(message, txid=other_id)]) == 1


def test_removed_message_can_come_again() -> None:
    message = make_message()
    pool = make_pool(message)
    pool.remove([message])
    assert pool.offer(message, NOW, registered=REGISTERED) is None


def test_message_expires_after_its_hour_and_not_before() -> None:
    message = make_message()
    pool = make_pool(message)
    assert pool.expire(message.timestamp + 3600) == 0
    assert pool.expire(message.timestamp + 3601) == 1
    assert len(pool) == 0


def test_messages_of_dropped_blocks_come_back_as_unsealed() -> None:
    message = make_message()
    pool = make_pool()
    assert pool.return_messages([replace(message, block_height=12)], NOW) == 1
    assert pool.get_all() == [message]


def test_messages_of_dropped_blocks_come_back_beyond_the_quota() -> None:
    pool = Mempool(make_network(sender_quota=1))
    messages = [make_message(value=value) for value in range(3)]
    assert pool.return_messages(messages, NOW) == 3


def test_what_policy_refuses_does_not_come_back() -> None:
    pool = make_pool()
    assert pool.return_messages([make_message(params="it's"), make_message()], NOW + 3700) == 0
    assert pool.return_messages([make_message(sender=50)], NOW, registered=REGISTERED) == 0


def test_counts_have_the_names_of_the_status() -> None:
    pool = make_pool(make_message(0, recipient=1), make_message(0, recipient=2), make_message(3, recipient=2))
    assert pool.get_counts() == {"NB": 3, "SENDERS": 2, "RECIPIENTS": 2}


def test_since_shows_what_came_then_or_later_and_own_only_since_zero() -> None:
    pool = Mempool(make_network())
    own, foreign = make_message(), make_message(sender=1)
    pool.offer(own, NOW, registered=REGISTERED, is_own=True)
    pool.offer(foreign, NOW + 10, registered=REGISTERED)
    arrival = int(NOW + 10)
    assert [m.sender for m in pool.since(0)] == [own.sender, foreign.sender]
    assert [m.sender for m in pool.since(1)] == [foreign.sender]
    assert [m.sender for m in pool.since(arrival)] == [foreign.sender]
    assert pool.since(arrival + 1) == []


def test_pool_holds_exactly_what_was_verified() -> None:
    message = make_message()
    pool = make_pool(message)
    assert pool.holds(message)
    assert pool.holds(replace(message, block_height=9, received=1))
    assert not pool.holds(replace(message, params="STOP"))
    assert not pool.holds(replace(message, pubkey=make_person(4).pubkey))
    assert not pool.holds(make_twin(message))
    assert not pool.holds(make_forgery(message))


def test_twin_ids_are_both_ids_and_a_malformed_one_has_no_twin() -> None:
    pool = make_pool()
    message = make_message()
    assert pool.list_twin_ids(message) == (message.txid, make_twin(message).txid)
    assert pool.list_twin_ids(replace(message, txid=b"short")) == (b"short",)
    assert pool.list_twin_ids(replace(message, txid=bytes(64))) == (bytes(64),)


def test_pool_survives_its_own_save_and_load() -> None:
    pool = make_pool(make_message(), make_message(sender=2))
    saved = pool.get_all()
    again = Mempool(make_network())
    for message in saved:
        again.offer(message, NOW + 1, registered=REGISTERED)
    assert [m.txid for m in again.get_all()] == [m.txid for m in saved]


def test_only_quotas_of_rounds_that_are_over_are_forgotten() -> None:
    params = make_network(sender_quota=1)
    pool = Mempool(params)
    long_ago = NOW - params.message_age_s - params.round_s
    assert pool.offer(make_message(timestamp=int(long_ago)), long_ago, registered=UNCHECKED) is None
    assert pool.offer(make_message(value=1), NOW, registered=UNCHECKED) is None
    pool.expire(NOW)
    assert [sender for _, sender in pool._quota] == [make_person(0).address]
    refusal = pool.offer(make_message(value=2), NOW, registered=UNCHECKED)
    assert refusal is not None
    assert "quota" in refusal.reason
