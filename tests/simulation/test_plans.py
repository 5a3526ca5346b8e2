"""What plans are drawn for a seed, and networks with main's own numbers."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from statistics import mean

from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import compute_weight
from hypernode.machine.peers import get_subnet
from hypernode.pow.scripted_source import derive_collateral
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import EVERY, SWARM_KINDS, Fault, FaultKind, draw_plan
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.play import play
from hypernode.sim.scenario import MAIN_SUBNET_HOSTS, Scenario

HOURS = 12.0
SEEDS = range(1, 25)
LIKE_MAIN = Scenario(
    seed=3, nodes=12, hours=1.0, kinds=(FaultKind.PARTITION,), connect=6, has_main_numbers=True
)


def test_a_swarm_is_of_a_few_kinds_and_many_of_its_faults_overlap() -> None:
    swarms = [draw_plan(seed, 7, HOURS, EVERY, is_swarm=True) for seed in SEEDS]
    for swarm in swarms:
        assert SWARM_KINDS[0] <= len({fault.kind for fault in swarm}) <= SWARM_KINDS[1]
    mixtures = [draw_plan(seed, 7, HOURS, EVERY) for seed in SEEDS]
    assert mean(map(_count_meetings, swarms)) > 4 * mean(map(_count_meetings, mixtures))
    assert len({fault.kind for swarm in swarms for fault in swarm}) > 0.6 * len(EVERY)


def _count_meetings(plan: tuple[Fault, ...]) -> int:
    """Pairs of faults that are at work at one time."""
    return sum(a.at < b.end and b.at < a.end for a, b in combinations(plan, 2))


def test_a_network_with_the_numbers_of_main_has_them() -> None:
    params, main = LIKE_MAIN.make_network(), mainnet()
    for name in ("min_subnets", "min_connections", "min_active", "min_block_sources", "min_forge_sources"):
        assert getattr(params, name) == getattr(main, name), name
    subnets = Counter(get_subnet(entry.ip) for entry in params.hypernodes)
    assert set(subnets.values()) == {MAIN_SUBNET_HOSTS}
    assert {entry.weight for entry in params.hypernodes} == {1, 2, 3}
    assert len({entry.ip for entry in params.hypernodes}) == LIKE_MAIN.nodes


def test_their_collaterals_are_worth_their_weights() -> None:
    async def scenario() -> list[tuple[int, int]]:
        cluster = FaultCluster(LIKE_MAIN.nodes, LIKE_MAIN.seed, LIKE_MAIN.make_network())
        height = cluster.script.height_at(cluster.begin_time)
        balances = cluster.script.find_balances(
            [derive_collateral(entry.pos) for entry in cluster.params.hypernodes], height
        )
        return [
            (entry.weight, compute_weight(cluster.params, balances[derive_collateral(entry.pos)]))
            for entry in cluster.params.hypernodes
        ]

    weights = run(scenario(), loop_type=HoldingLoop)
    assert all(registered == worth for registered, worth in weights)


def test_a_network_with_the_numbers_of_main_heals_too() -> None:
    report = play(LIKE_MAIN)
    assert report.failure is None, report.failure
    assert report.felt["partition"] >= 1
    assert report.filled >= 0.9 * report.slots
