from itertools import pairwise

import pytest

from hypernode.core.lottery import compute_connect_to
from hypernode.core.params.chain_params import replace_fields
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Registration
from hypernode.sim.connectivity import (
    Link,
    Scenario,
    draw_rounds,
    find_neighbours,
    find_within,
    make_links,
)
from hypernode.sim.spreading import compute_arrivals, find_exits
from hypernode.sim.survey import LATENCY_S, advise, survey

CHAIN = [Link(0, 1, 0.5), Link(1, 2, 0.25), Link(3, 2, 0.75)]
"""0 - 1 - 2 - 3, and 9 alone."""


def test_orders_are_those_that_hypernodes_dial_in() -> None:
    scenario = Scenario(nodes=30, uptime=1.0, rounds=1)
    [draw] = draw_rounds(scenario)
    listed = [
        Registration(f"c{n}", "10.0.0.1", "6969", f"hn{n:05d}", f"c{n}", (1, 2, 3)[n % 3]) for n in range(30)
    ]
    params = replace_fields(mainnet(), max_connect_to=7)
    dialled = compute_connect_to(params.default_tunables.max_connect_to, listed, listed[4].pos, draw.round)
    assert [link.peer for link in make_links(scenario, draw, 7) if link.dialler == 4] == [
        int(entry.pos[2:]) for entry in dialled
    ]


def test_all_are_up_at_an_uptime_of_1_and_each_slot_has_a_juror() -> None:
    for draw in draw_rounds(Scenario(nodes=20, uptime=1.0, slots=5)):
        assert draw.up == frozenset(range(20))
        assert len(draw.jurors) == 5


def test_outages_last_and_the_uptime_is_kept() -> None:
    draws = list(draw_rounds(Scenario(nodes=200, uptime=0.8, outage_rounds=8, rounds=30, slots=1)))
    ups = [draw.up for draw in draws]
    assert sum(len(up) for up in ups) / 200 / 30 == pytest.approx(0.8, abs=0.05)
    kept_down = [len(set(range(200)) - a - b) / len(set(range(200)) - a) for a, b in pairwise(ups)]
    assert sum(kept_down) / len(kept_down) == pytest.approx(7 / 8, abs=0.05)


def test_only_those_that_are_up_have_connections() -> None:
    scenario = Scenario(nodes=40, uptime=0.5)
    for draw in draw_rounds(scenario):
        links = make_links(scenario, draw, 39)
        assert set(find_neighbours(links)) == draw.up
        assert len(links) == len(draw.up) * (len(draw.up) - 1)


def test_who_is_within_reach_follows_connections_either_way() -> None:
    neighbours = find_neighbours(CHAIN)
    assert find_within(neighbours, 0, 0) == {0}
    assert find_within(neighbours, 0, 1) == {0, 1}
    assert find_within(neighbours, 0, 2) == {0, 1, 2}
    assert find_within(neighbours, 3) == {0, 1, 2, 3}
    assert find_within(neighbours, 9) == {9}


def test_arrivals_by_hand_are_at_the_first_exchange_of_each_connection() -> None:
    """Every 30 s, at 15 s, 7.5 s and 22.5 s of each interval; an exchange takes 1 s."""
    arrivals = compute_arrivals(find_exits(CHAIN), 0, 30, 1)
    # 0 to 1 at 15, there at 16; 1 to 2 at 37.5; 2 to 3 at 52.5
    assert arrivals == {0: 0, 1: 16, 2: 38.5, 3: 53.5}
    assert compute_arrivals(find_exits(CHAIN), 3, 30, 1) == {3: 0, 2: 23.5, 1: 38.5, 0: 46}


def test_of_two_connections_the_earlier_exchange_counts() -> None:
    arrivals = compute_arrivals(find_exits([*CHAIN, Link(2, 0, 0.1)]), 0, 30, 1)
    assert arrivals == pytest.approx({0: 0, 2: 4, 1: 8.5, 3: 23.5})


def test_who_has_no_connection_never_gets_it() -> None:
    assert compute_arrivals(find_exits(CHAIN), 9, 30, 1) == {9: 0}


def test_everybody_connected_to_everybody_sees_all() -> None:
    [found] = survey(Scenario(nodes=25, uptime=1.0), [24])
    assert (found.degree_min, found.degree_mean, found.degree_max) == (24, 24, 24)
    assert (found.connected, found.percent_min, found.can_forge) == (1, 96, 1)
    assert (found.jurors_up, found.jurors_direct, found.jurors_reached) == (1, 1, 1)
    assert found.copies == 24
    # the worst way is one exchange: less than an interval
    assert LATENCY_S < found.all_s <= found.worst_s < 30 + LATENCY_S


def test_traffic_by_hand() -> None:
    """Ten, all connected twice (either dials): 18 ends of connections each, a height of 95 bytes every 10 s;
    a round brings 8 * 19 * 2 + 2 * 10 = 324 messages of 232 bytes."""
    [found] = survey(Scenario(nodes=10, uptime=1.0, rounds=1), [9])
    assert found.heights_kb == pytest.approx(18 * 360 * 95 / 1_000)
    assert found.messages_kb == pytest.approx(9 * 324 * 232 / 1_000)
    assert found.blocks_kb == pytest.approx(324 * 232 / 1_000)


def test_more_connections_reach_more_and_cost_more() -> None:
    few, many = survey(Scenario(nodes=150), [5, 50])
    assert few.degree_mean < many.degree_mean
    assert few.can_forge < many.can_forge
    assert few.all_s > many.all_s
    assert few.messages_kb < many.messages_kb


def test_forty_connections_serve_200_hypernodes_and_not_1000() -> None:
    [of_200] = survey(Scenario(nodes=200, rounds=1), [40])
    [of_1000] = survey(Scenario(nodes=1_000, rounds=1), [40])
    assert of_200.can_forge == 1
    assert (of_1000.connected, of_1000.can_forge_low) == (1, 0)


def test_advice_is_the_least_that_is_enough() -> None:
    scenario = Scenario(nodes=80)
    advised = advise(scenario)
    below, at = survey(scenario, [advised - 1, advised])
    assert at.connected == 1
    assert at.can_forge >= 0.99
    assert below.can_forge < 0.99 or below.connected < 1


def test_nobody_up_and_a_single_hypernode_are_no_fault() -> None:
    [found] = survey(Scenario(nodes=1, uptime=1.0), [1])
    assert (found.degree_max, found.percent_min, found.copies) == (0, 0, 0)
    [found] = survey(Scenario(nodes=3, uptime=0.000_001, outage_rounds=1_000), [2])
    assert (found.connected, found.can_forge, found.worst_s) == (0, 0, 0)


def test_equal_seeds_give_equal_findings() -> None:
    assert survey(Scenario(nodes=60), [9]) == survey(Scenario(nodes=60), [9])
    assert survey(Scenario(nodes=60), [9]) != survey(Scenario(nodes=60, seed=2), [9])
