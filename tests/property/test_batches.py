"""The book of batches: whatever holders answer, drop or spoil, every block is given once, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hypernode.machine.peers import PeerView
from hypernode.node.sync.batches import WINDOW_SPARE, Batches, Span
from tests.property.holders import HOLDERS, make_blocks

STEPS = ["ask", "ask", "answer", "answer", "give", "give", "fail", "late", "bad"]


@given(
    length=st.integers(1, 30),
    batch=st.integers(1, 6),
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 8)),
        min_size=40,
        max_size=80,
    ),
)
def test_every_block_is_given_in_order(length: int, batch: int, steps: list[tuple[str, int]]) -> None:
    first, last = 11, 10 + length
    batches = Batches(Span(first, last), batch)
    asked: list[tuple[PeerView, Span]] = []
    taken: list[int] = []
    rejected: set[str] = set()

    def ask(number: int) -> None:
        span = batches.take_span(len(HOLDERS))
        if span is not None:
            assert first <= span.first <= span.last <= last
            assert span.first < batches.cursor + (len(HOLDERS) + WINDOW_SPARE) * batch
            holder = HOLDERS[number % 3]
            asked.append((HOLDERS[3] if holder.address in rejected else holder, span))

    def give() -> bool:
        found = batches.give()
        if found is not None:
            taken.extend(block.height for block in found.blocks)
            assert batches.get_giver(taken[-1]) == found.giver
            assert found.giver.address not in rejected
        return found is not None

    def go_back(number: int) -> None:
        height = max(first, batches.cursor - 1 - number)
        giver = batches.get_giver(height)
        if giver is not None and giver != HOLDERS[3]:
            rejected.add(giver.address)
            asked[:] = [(holder, span) for holder, span in asked if not drop(holder, span, giver)]
            batches.go_back(height, giver)
            del taken[height - first :]

    def drop(holder: PeerView, span: Span, giver: PeerView) -> bool:
        if holder == giver:
            batches.ask_again(span)
        return holder == giver

    for what, number in steps:
        if what == "ask":
            ask(number)
        elif what == "give":
            give()
        elif what == "bad":
            go_back(number)
        elif asked:
            holder, span = asked.pop(number % len(asked))
            if what == "answer":
                batches.put(holder, span, make_blocks(span, 1 + number))
            else:
                batches.ask_again(span)
                if what == "late":
                    asked.append((holder, span))
        assert taken == list(range(first, first + len(taken)))
    for _, owed in asked:
        batches.ask_again(owed)
    while not batches.are_all_given:
        if not give():
            left = batches.take_span(1)
            assert left is not None
            batches.put(HOLDERS[3], left, make_blocks(left, left.last - left.first + 1))
    assert taken == list(range(first, last + 1))
    assert batches.take_span(1) is None
