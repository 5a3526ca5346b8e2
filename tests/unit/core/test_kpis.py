import pytest

from hypernode.core.kpis import compute_kpis, compute_score
from hypernode.core.types import Kpis
from tests.unit.core.builders import OWN, get_address, make_block, make_message

A, B, C = (get_address(OWN, number) for number in range(3))


def test_every_kind_is_counted_where_it_belongs() -> None:
    messages = [
        make_message(OWN, 0, what=202, params="START"),
        make_message(OWN, 0, what=201, params="NO_TEST:1"),
        make_message(OWN, 0, what=202, params="TEST:1"),
        make_message(OWN, 0, what=204, params="TEST:2"),
        make_message(OWN, 0, what=203, params="TEST:2"),
        make_message(OWN, 0, what=110, params="LATE:3"),
        make_message(OWN, 1, what=200, recipient=A),
        make_message(OWN, 1, what=200, recipient=A, value=2),
    ]
    kpis = compute_kpis([make_block(OWN, messages=messages, forger=2)])
    assert kpis == {
        A: Kpis(
            sources=6,
            start_count=1,
            no_tests_sent=1,
            ok_tests_sent=1,
            ko_tests_sent=1,
            ok_actions_received=2,
        ),
        B: Kpis(sources=2),
        C: Kpis(forged=1),
    }


def test_failures_count_distinct_accusers_and_distinct_accused() -> None:
    messages = [
        make_message(OWN, 0, what=101, recipient=B),
        make_message(OWN, 0, what=101, recipient=B, value=2),
        make_message(OWN, 0, what=101, recipient=C),
        make_message(OWN, 1, what=101, recipient=A),
        make_message(OWN, 1, what=0),
    ]
    kpis = compute_kpis([make_block(OWN, messages=messages)])
    assert kpis[A].ko_actions_received == 2 + 1
    assert kpis[B].ko_actions_received == 1 + 1


def test_who_only_failed_has_no_entry_and_who_received_a_200_has_one() -> None:
    messages = [make_message(OWN, 0, what=101, recipient=B), make_message(OWN, 0, what=200, recipient=C)]
    kpis = compute_kpis([make_block(OWN, messages=messages)])
    assert set(kpis) == {A, C}


def test_blocks_add_up() -> None:
    block = make_block(OWN)
    twice = compute_kpis([block, block])
    assert twice[A].forged == 2
    assert twice[A].sources == 2 * compute_kpis([block])[A].sources


@pytest.mark.parametrize(
    ("kpis", "weight", "score"),
    [
        (Kpis(), 3, 0),
        (Kpis(sources=2), 1, 0),
        (Kpis(sources=3), 1, 1),
        (Kpis(sources=50), 1, 3),
        (Kpis(sources=80), 1, 3),
        (Kpis(sources=81), 1, 2),
        (Kpis(sources=3, start_count=3), 2, -2),
        (Kpis(forged=5), 1, 1),
        (Kpis(no_tests_sent=1, ok_tests_sent=2, ko_tests_sent=2), 1, 0.5),
        (Kpis(ok_tests_sent=99), 1, 1),
        (Kpis(ok_actions_received=3, ko_actions_received=1), 1, 1),
    ],
)
def test_score_is_the_sum_of_its_parts(kpis: Kpis, weight: int, score: float) -> None:
    assert compute_score(kpis, weight) == pytest.approx(score)
