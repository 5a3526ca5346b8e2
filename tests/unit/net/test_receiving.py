"""Questions that are being received: within the budget of the node, and who has to go."""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.net.receiving import ReceivedQuestions
from hypernode.net.standing import Standing
from hypernode.wire.catalogue import LIMITS, Limits

SMALL = Limits(receiving_bytes=100, receiving_stranger_bytes=40, request_bytes=5)


@dataclass(eq=False)
class Sender:
    standing: Standing
    gave_way: bool = False

    def give_way(self) -> None:
        self.gave_way = True


def make(*standings: Standing) -> tuple[ReceivedQuestions, list[Sender]]:
    return ReceivedQuestions(SMALL), [Sender(standing) for standing in standings]


def test_the_frame_of_a_stranger_that_was_begun_first_goes() -> None:
    questions, senders = make(*[Standing.STRANGER] * 3)
    for sender in senders:
        questions.note(sender, 20)
    assert [sender.gave_way for sender in senders] == [True, False, False]
    assert questions.total == 40


def test_who_goes_on_with_its_frame_may_be_the_one_that_has_to_go() -> None:
    questions, (first, second) = make(Standing.STRANGER, Standing.STRANGER)
    questions.note(first, 10)
    questions.note(second, 25)
    questions.note(first, 20)
    assert (first.gave_way, second.gave_way) == (True, False)


def test_strangers_never_take_the_room_of_hypernodes() -> None:
    questions, (stranger, listed, peer, more) = make(
        Standing.STRANGER, Standing.REGISTERED, Standing.COUNTED, Standing.COUNTED
    )
    questions.note(stranger, 30)
    questions.note(listed, 30)
    questions.note(peer, 30)
    questions.note(more, 30)
    assert [s.gave_way for s in (stranger, listed, peer, more)] == [True, False, False, False]
    questions.note(more, 60)
    assert [s.gave_way for s in (listed, peer, more)] == [True, False, False]


def test_a_question_that_is_dealt_with_counts_no_more() -> None:
    questions, (sender,) = make(Standing.STRANGER)
    questions.note(sender, 40)
    questions.note(sender, 0)
    questions.note(sender, 0)
    assert questions.total == 0
    assert not sender.gave_way


def test_the_budget_has_room_for_ten_of_the_largest_blocks() -> None:
    assert LIMITS.receiving_bytes > 10 * LIMITS.pushed_block_bytes
