"""Exchanges with peers: only what is new, never what they sent, at most the limit, the rest next time."""

from __future__ import annotations

from hypernode.core.types import Message
from hypernode.mempool.exchange import MAX_NOTED, PeerNotes
from hypernode.mempool.pool import Mempool
from tests.unit.mempool.samples import NOW, REGISTERED, make_message, make_network


def make_pool(*messages: Message) -> Mempool:
    pool = Mempool(make_network())
    put(pool, *messages)
    return pool


def put(pool: Mempool, *messages: Message) -> None:
    for message in messages:
        assert pool.offer(message, NOW, registered=REGISTERED) is None


def take(pool: Mempool, peer: str = "peer", limit: int = 2000, now: float = NOW) -> list[int]:
    """Values of what the peer is sent."""
    return [message.value for message in pool.take_new_for(peer, limit, now)]


def test_peer_is_sent_each_message_once() -> None:
    pool = make_pool(make_message(value=1), make_message(value=2))
    assert take(pool) == [1, 2]
    assert take(pool) == []
    put(pool, make_message(value=3))
    assert take(pool) == [3]


def test_every_peer_has_its_own_account() -> None:
    pool = make_pool(make_message(value=1))
    assert take(pool, "a") == [1]
    assert take(pool, "b") == [1]


def test_peer_is_not_sent_what_it_sent() -> None:
    pool = make_pool()
    theirs = make_message(value=1)
    pool.note_from("a", [theirs])
    put(pool, theirs, make_message(value=2))
    assert take(pool, "a") == [2]
    assert take(pool, "b") == [1, 2]


def test_what_does_not_fit_goes_next_time() -> None:
    pool = make_pool(*(make_message(value=value) for value in range(5)))
    assert take(pool, limit=2) == [0, 1]
    assert take(pool, limit=2) == [2, 3]
    assert take(pool, limit=2) == [4]


def test_message_that_lies_ahead_is_sent_when_its_time_has_come() -> None:
    pool = make_pool(make_message(value=1, timestamp=int(NOW) + 5), make_message(value=2))
    assert take(pool) == [2]
    assert take(pool, now=NOW + 5) == [1]
    assert take(pool, now=NOW + 6) == []


def test_what_a_fast_clock_sent_is_sent_again_when_its_time_has_come() -> None:
    pool = make_pool(make_message(value=1))
    for value, ahead_s in ((2, 600), (3, 9)):
        pool.add(make_message(value=value, timestamp=int(NOW) + ahead_s))
    assert take(pool, now=NOW + 600) == [1, 2, 3]
    pool.offer_anew()
    pool.offer_anew()
    # The first lay ahead too when it was sent, for all that the pool knows.
    assert take(pool) == [1]
    assert take(pool, now=NOW + 9) == [3]
    assert take(pool, now=NOW + 600) == [2]
    assert take(pool, now=NOW + 601) == []


def test_unripe_messages_keep_to_the_limit_too() -> None:
    pool = make_pool(*(make_message(value=value, timestamp=int(NOW) + 5) for value in range(3)))
    assert take(pool) == []
    assert take(pool, limit=2, now=NOW + 5) == [0, 1]
    assert take(pool, limit=2, now=NOW + 5) == [2]


def test_sealed_message_is_not_sent_any_more() -> None:
    first, second = make_message(value=1), make_message(value=2)
    pool = make_pool(first, second)
    pool.remove([first])
    assert take(pool) == [2]


def test_forgotten_peer_is_sent_everything_again() -> None:
    pool = make_pool(make_message(value=1))
    assert take(pool) == [1]
    pool.forget_peer("peer")
    assert take(pool) == [1]


def test_message_that_came_back_is_offered_again() -> None:
    message = make_message(value=1)
    pool = make_pool(message)
    assert take(pool) == [1]
    pool.remove([message])
    pool.return_messages([message], NOW)
    assert take(pool) == [1]


def test_places_of_messages_that_went_are_forgotten() -> None:
    pool = make_pool()
    for value in range(200):
        message = make_message(value=value)
        put(pool, message)
        pool.remove([message])
    put(pool, make_message(value=999))
    assert take(pool) == [999]
    assert len(pool._order) < 100


def test_notes_on_a_peer_are_bounded_and_the_oldest_go() -> None:
    notes = PeerNotes()
    notes.note(number.to_bytes(8, "big") for number in range(MAX_NOTED + 5))
    assert len(notes.noted) == MAX_NOTED
    assert not notes.forgive((4).to_bytes(8, "big"))
    assert notes.forgive((5).to_bytes(8, "big"))
