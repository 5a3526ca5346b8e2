"""One batch on its way into the pool: each step sees only what the ones before it left."""

from __future__ import annotations

from collections.abc import Collection

from hypernode.core.rules import Rule, Violation
from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool
from hypernode.mempool.screening import Screening
from tests.unit.mempool.samples import NOW, REGISTERED, make_forgery, make_message, make_network, make_person

NETWORK = make_network(sender_quota=3)


def screen(
    messages: list[Message],
    pool: Mempool | None = None,
    registered: Collection[str] = REGISTERED,
    own: str = "",
) -> list[Message | Violation]:
    screening = Screening(NETWORK, Mempool(NETWORK) if pool is None else pool, NOW, registered, own)
    return [screening.screen(message) for message in messages]


def name(results: list[Message | Violation]) -> list[Rule | None]:
    """The rules that are broken; None for what goes on."""
    return [None if isinstance(result, Message) else result.rule for result in results]


def test_what_is_cheap_to_see_is_refused_and_a_signature_is_not_looked_at() -> None:
    messages = [
        make_message(value=1),
        make_message(50),
        make_message(timestamp=int(NOW) + 60),
        make_forgery(make_message()),
    ]
    assert name(screen(messages)) == [None, Rule.M6, Rule.TOO_EARLY, None]


def test_a_message_twice_in_a_batch_or_in_the_pool_is_known() -> None:
    message, held = make_message(value=1), make_message(value=2)
    pool = Mempool(NETWORK)
    assert pool.admit(held, NOW) is None
    assert name(screen([message, message, held], pool)) == [None, Rule.KNOWN, Rule.KNOWN]


def test_no_more_of_a_sender_go_on_than_may_come_in() -> None:
    messages = [make_message(value=n) for n in range(5)] + [make_message(1)]
    results = screen(messages)
    assert [isinstance(result, Message) for result in results] == [True] * 3 + [False] * 2 + [True]
    pool = Mempool(NETWORK)
    for message in messages[:2]:
        assert pool.admit(message, NOW) is None
    left = screen(messages[2:5], pool)
    assert [isinstance(result, Message) for result in left] == [True, False, False]


def test_ours_are_bound_by_no_quota_of_the_pool_but_by_one_in_a_batch() -> None:
    """Anybody can write our name on a message: its signature is not looked at yet."""
    own = make_person(0).address
    pool = Mempool(NETWORK)
    for number in range(3):
        assert pool.admit(make_message(value=number), NOW) is None
    ours = [make_message(value=10 + number) for number in range(5)]
    assert name(screen(ours, pool)) == [Rule.QUOTA] * 5
    assert name(screen(ours, pool, own=own)) == [None] * 3 + [Rule.QUOTA] * 2


def test_screening_leaves_the_pool_as_it_is() -> None:
    pool = Mempool(NETWORK)
    screen([make_message(value=n) for n in range(3)], pool)
    assert pool.get_all() == Mempool(NETWORK).get_all()
