from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.params.networks import mainnet
from hypernode.core.rewards import (
    RewardEntry,
    compute_entries,
    compute_last_week,
    compute_rewards,
    compute_week_end,
    compute_week_rounds,
)
from hypernode.core.types import Kpis, Registration
from tests.unit.core.builders import OWN

NETWORK = mainnet()


def entry(
    address: str, round_: int = 1, weight: int = 1, score: float = 1.0, reward: str | None = None
) -> RewardEntry:
    return RewardEntry(round_, address, weight, Kpis(), score, reward or f"r-{address}")


def week_of(weights: dict[str, tuple[int, int]]) -> list[RewardEntry]:
    """By address: weight, and rounds in which it counted."""
    return [entry(a, r, weight) for a, (weight, rounds) in weights.items() for r in range(rounds)]


# --- weeks --------------------------------------------------------------------------------------------------


def test_week_290_ends_where_the_spec_says_and_has_168_rounds() -> None:
    assert compute_week_end(290) == 1_711_180_800
    rounds = compute_week_rounds(NETWORK, 290)
    assert (len(rounds), rounds[-1]) == (168, 49_017)
    assert compute_week_rounds(NETWORK, 291)[0] == 49_018


def test_the_last_week_is_the_one_that_has_ended() -> None:
    end = compute_week_end(290)
    assert compute_last_week(end - 1) == 289
    assert compute_last_week(end) == 290


def test_a_week_before_the_network_began_is_refused() -> None:
    assert compute_week_rounds(NETWORK, 1) == range(298, 466)
    with pytest.raises(ValueError, match="week -1 begins before round 0"):
        compute_week_rounds(NETWORK, -1)


def test_on_quick_rounds_a_week_still_has_168_of_them() -> None:
    assert len(compute_week_rounds(OWN, 500)) == 168


# --- entries ------------------------------------------------------------------------------------------------


def test_an_entry_needs_a_registration_and_kpis() -> None:
    listed = [
        Registration("c1", "1.1.1.1", "1", "A", "rA", 3),
        Registration("c2", "1.1.1.2", "1", "B", "rB", 1),
    ]
    did = {"A": Kpis(forged=1, sources=9), "stranger": Kpis(sources=9)}
    assert compute_entries(7, listed, did) == [RewardEntry(7, "A", 3, did["A"], 4.0, "rA")]


# --- rewards ------------------------------------------------------------------------------------------------


def test_rewards_by_hand() -> None:
    """A: 3 in 2 rounds, B: 1 in 4, C: 2 in 1: sums 6, 4 and 2 of 12; 100 BIS."""
    rewards = compute_rewards(week_of({"A": (3, 2), "B": (1, 4), "C": (2, 1)}), 100)
    assert [(h.address, h.reward, h.total_weight, h.weight) for h in rewards.hypernodes] == [
        ("A", 50.0, 6, 3),
        ("B", 100 / 3, 4, 1),
        ("C", 50 / 3, 2, 2),
    ]
    # the unit is 50 / 2 / 3 = 8.33: A has 16.7 a weight, B 33.3, C 8.33, which just reaches it
    assert [h.tokens for h in rewards.hypernodes] == [3, 1, 2]
    assert rewards.token_unit == 50 / 2 / 3
    assert [a.total_tokens for a in rewards.addresses] == [3, 1, 2]
    assert (rewards.total_weight, rewards.full_weight, rewards.loss_percent) == (12, 12, 0.0)


def test_one_below_the_unit_gets_no_token() -> None:
    # per weight 100 for A (unit 50), 49 for B, 50 for C, 51 for D
    rewards = compute_rewards(week_of({"A": (3, 100), "B": (1, 49), "C": (1, 50), "D": (2, 51)}), 1_000)
    assert {h.address: h.tokens for h in rewards.hypernodes} == {"A": 3, "B": 0, "C": 1, "D": 2}


@pytest.mark.parametrize(
    ("total_weight", "reward"),
    [(504, 105.88694591297275), (489, 102.7355487131819), (450, 94.54191599372567)],
)
def test_rewards_of_week_139_are_the_published_ones_to_the_last_digit(
    total_weight: int, reward: float
) -> None:
    """10,849 BIS over weights of 51,639: what the foundation published for three of the hypernodes."""
    rows = [entry("X", r, 1) for r in range(total_weight)]
    rows += [entry("all others", r, 1) for r in range(51_639 - total_weight)]
    rewards = compute_rewards(rows, 10_849)
    assert rewards.total_weight == 51_639
    assert rewards.hypernodes[-1].reward == reward


def test_only_entries_that_reach_the_trigger_count_unrounded() -> None:
    rows = [entry("A", 1, 3, 0.2), entry("A", 2, 3, 0.19999999999999998), entry("B", 1, 1, 5.0)]
    rewards = compute_rewards(rows, 8, 0.2)
    assert {h.address: h.total_weight for h in rewards.hypernodes} == {"A": 3, "B": 1}
    assert (rewards.entries, rewards.entries_below) == (2, 1)
    assert (rewards.total_weight, rewards.full_weight) == (4, 7)
    assert rewards.loss_percent == 100 * 3 / 7
    assert compute_rewards(rows, 8).total_weight == 7


def test_a_score_below_0_does_not_reach_the_trigger_of_0_and_0_does() -> None:
    rewards = compute_rewards([entry("A", score=-0.1), entry("B", score=0.0)], 10)
    assert [h.address for h in rewards.hypernodes] == ["B"]


def test_equal_rewards_stand_in_order_of_address() -> None:
    rewards = compute_rewards([entry("C"), entry("A"), entry("B")], 9)
    assert [h.address for h in rewards.hypernodes] == ["A", "B", "C"]
    assert [a.reward_address for a in rewards.addresses] == ["r-A", "r-B", "r-C"]


def test_hypernodes_of_one_reward_address_are_added_before_dividing() -> None:
    rows = [entry(a, r, 1, reward="both") for a in ("A", "B") for r in range(3)] + [entry("C", weight=1)]
    rewards = compute_rewards(rows, 10)
    assert [(a.reward_address, a.reward, a.total_weights, a.total_tokens) for a in rewards.addresses] == [
        ("both", 60 / 7, 6, 2),
        ("r-C", 10 / 7, 1, 0),
    ]


def test_a_hypernode_with_a_new_reward_address_is_one_row_and_pays_both() -> None:
    rows = [
        entry("A", 1, 1, reward="old"),
        entry("A", 2, 3, reward="new"),
        entry("A", 3, 3, reward="newest"),
    ]
    rewards = compute_rewards(list(reversed(rows)), 7)
    assert [(h.reward_address, h.reward, h.weight) for h in rewards.hypernodes] == [("new", 7.0, 3)]
    assert {a.reward_address: a.reward for a in rewards.addresses} == {"old": 1.0, "new": 3.0, "newest": 3.0}
    assert {a.reward_address: a.total_tokens for a in rewards.addresses} == {"old": 0, "new": 3, "newest": 0}


def test_weights_of_0_and_below_earn_nothing_and_cost_nobody() -> None:
    rewards = compute_rewards([entry("A", weight=2), entry("B", weight=0), entry("C", weight=-1)], 10)
    assert {h.address: (h.reward, h.weight, h.tokens) for h in rewards.hypernodes} == {
        "A": (10.0, 2, 2),
        "B": (0.0, 0, 0),
        "C": (0.0, 0, 0),
    }


def test_a_week_without_entries_pays_nobody() -> None:
    rewards = compute_rewards([], 100)
    assert (rewards.hypernodes, rewards.addresses, rewards.paid, rewards.token_unit) == ((), (), 0.0, 0.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCDEFG"),
            st.integers(0, 167),
            st.integers(0, 3),
            st.sampled_from((-0.5, 0.1, 3.0)),
        ),
        unique_by=lambda row: row[:2],
        max_size=60,
    ),
    st.integers(0, 20_000),
    st.randoms(),
)
def test_rewards_are_exact_and_do_not_depend_on_the_order(
    drawn: list[tuple[str, int, int, float]], pot: int, random: object
) -> None:
    rows = [entry(a, r, weight, score, "ab" if a in "AB" else a) for a, r, weight, score in drawn]
    rewards = compute_rewards(rows, pot)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # st.randoms gives a random.Random
    assert compute_rewards(shuffled, pot) == rewards
    for hypernode in rewards.hypernodes:
        share = Fraction(pot * hypernode.total_weight, rewards.total_weight or 1)
        assert Fraction(hypernode.reward) == Fraction(float(share))
    assert sum(a.total_weights for a in rewards.addresses) == rewards.total_weight
    assert sum(h.total_weight for h in rewards.hypernodes) == rewards.total_weight
    assert rewards.paid == pytest.approx(pot if rewards.total_weight else 0)
