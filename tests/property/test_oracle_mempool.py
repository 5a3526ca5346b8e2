"""What a mempool takes, by ``mempool`` and by ``tests.oracle``, for drawn sequences."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool
from tests.oracle import messages
from tests.oracle_bridge import SIGNATURES, to_parameters
from tests.unit.mempool.samples import NOW, make_forgery, make_message, make_network, make_person, make_twin

SECOND = int(NOW)
EDGES = (SECOND - 3_600, SECOND - 3_599, SECOND, SECOND + 5, SECOND + 6)
GOOD = [make_message(sender=number % 3, value=number) for number in range(9)]
ODD = [
    *(make_message(sender=1, timestamp=at) for at in EDGES),
    make_message(sender=5),
    make_message(sender=99),
    make_message(params="12"),
    make_message(recipient="x" * 34),
    make_forgery(GOOD[0]),
]
ANY = st.sampled_from([*GOOD, *GOOD, *map(make_twin, GOOD), *ODD])
SEALED = st.sampled_from([*GOOD, *map(make_twin, GOOD)])
"""What a chain may have."""
SENDERS = frozenset(make_person(number).address for number in range(5))


@settings(max_examples=60, deadline=None)
@given(
    offered=st.lists(ANY, max_size=24),
    chained=st.lists(SEALED, max_size=3),
    quota=st.integers(1, 4),
)
def test_what_a_mempool_takes(offered: list[Message], chained: list[Message], quota: int) -> None:
    # a round so long, and begun so long ago, that all the messages are of it
    network = replace(make_network(sender_quota=quota, slots=2_000), origin_of_time=SECOND - 5_000)
    p = to_parameters(network)
    pool = Mempool(network)
    held: list[Message] = []
    for message in offered:
        in_chain = not {m.txid for m in chained}.isdisjoint(pool.list_twin_ids(message))
        broken = pool.offer(message, NOW, registered=SENDERS, in_chain=in_chain)
        expected = messages.is_taken(p, message, NOW, SENDERS, held, chained, SIGNATURES)
        assert (broken is None) is expected, (message, broken)
        if expected:
            held.append(message)
    assert sorted(m.txid for m in pool.get_all()) == sorted(m.txid for m in held)
