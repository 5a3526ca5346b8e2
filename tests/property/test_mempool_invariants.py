"""Whatever comes, in whatever order: what always holds of the mempool."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.message import encode_signed_buffer
from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool
from tests.unit.mempool.samples import NOW, REGISTERED, make_message, make_network, make_twin

MESSAGES = [make_message(sender=number % 4, value=number) for number in range(12)]
ANY_MESSAGE = st.sampled_from([*MESSAGES, *map(make_twin, MESSAGES)])
STEPS = st.lists(
    st.tuples(st.sampled_from(["offer", "remove", "return", "take", "note", "expire"]), ANY_MESSAGE),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(1, 5))
def test_no_two_equal_buffers_no_peer_gets_one_twice_while_it_stays(
    steps: list[tuple[str, Message]], limit: int
) -> None:
    pool = Mempool(make_network(), max_messages=8)
    outstanding: set[bytes] = set()
    """Buffers that the peer was sent and that did not leave the pool since."""
    for action, message in steps:
        if action == "offer":
            pool.offer(message, NOW, registered=REGISTERED, signature_ok=True)
        elif action == "remove":
            pool.remove([message])
        elif action == "return":
            pool.return_messages([message], NOW)
        elif action == "note":
            pool.note_from("peer", [message])
        elif action == "expire":
            pool.expire(NOW)
        else:
            batch = pool.take_new_for("peer", limit, NOW)
            buffers = {encode_signed_buffer(m) for m in batch}
            assert len(buffers) == len(batch) <= limit
            assert not buffers & outstanding
            outstanding |= buffers
        held = [encode_signed_buffer(m) for m in pool.get_all()]
        assert len(held) == len(set(held)) == len(pool)
        outstanding &= set(held)


@settings(max_examples=60, deadline=None)
@given(st.permutations(MESSAGES), st.integers(1, 12))
def test_a_peer_gets_all_in_the_end_in_the_order_of_arrival(order: list[Message], limit: int) -> None:
    pool = Mempool(make_network())
    for message in order:
        pool.offer(message, NOW, registered=REGISTERED, signature_ok=True)
    got: list[Message] = []
    while batch := pool.take_new_for("peer", limit, NOW):
        got.extend(batch)
    assert [m.txid for m in got] == [m.txid for m in order]
