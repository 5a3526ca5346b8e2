"""A node all of whose neighbours lie, and a long branch made with old keys: what holds, and what does not.

The liars run the shipped code: what makes them liars is the chain that they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.machine.state import State
from hypernode.sim.cluster import Cluster, SimNode, make_network
from hypernode.storage.database import InlineDatabase
from tests.simulation.clusters import FIRST_ROUND, list_blocks, play

SEED, SIZE = 12, 12
HONEST, LIARS, FRESH, RETIRED = range(4), range(4, 7), 7, range(8, 12)
"""The retired ones are registered still, and their keys are for sale."""
LATE = FIRST_ROUND + 2
"""The blocks of the first round are older than what a better branch replaces by itself."""


def make_params(**changes: Any) -> ChainParams:
    """Short rounds, with tests enough for blocks where many are away; three connections to hypernodes of two
    networks, as on main."""
    shape = {"slots": 5, "keep_rounds": 1, "min_connections": 3, "min_subnets": 2}
    params = make_network(SIZE, SEED, 180)
    tuned = replace(params.default_tunables, tests_per_slot=30)
    return replace(params, **{**shape, "default_tunables": tuned, **changes})


@cache
def make_branch(*keys: int) -> InlineDatabase:
    """A chain from genesis that the owners of these keys made among themselves."""
    found: list[InlineDatabase] = []

    async def scenario() -> None:
        cluster = Cluster(SIZE, SEED, params=make_params(min_connections=2))
        await start(cluster, *keys)
        await cluster.run_until(LATE)
        found.append(cluster.hosts[keys[0]].ledger_db.copy())
        await cluster.stop_all()

    play(scenario(), SEED)
    return found[0]


def hand_out(cluster: Cluster, branch: InlineDatabase, liars: Sequence[int] = LIARS) -> None:
    for n in liars:
        cluster.hosts[n].ledger_db = branch.copy()


def cut_off(cluster: Cluster, *groups: Sequence[int]) -> None:
    cluster.network.partition([[cluster.hosts[n].ip for n in group] for group in groups])


async def start(cluster: Cluster, *hosts: int) -> None:
    for n in hosts:
        await cluster.start(n)


async def get_split(host: SimNode) -> str:
    assert host.node is not None
    status: Any = await host.node.views.get_status()
    return str(status["extra"]["split"])


def test_a_fresh_node_among_liars_shows_split_and_one_command_ends_it() -> None:
    """What it takes: all that it hears, three hypernodes with collateral in two networks, for as long as it
    has no chain.  What holds: the others do not notice, it says so, and one command ends it."""
    branch = make_branch(*LIARS)

    async def scenario() -> None:
        cluster = Cluster(SIZE, SEED, params=make_params())
        fresh = cluster.hosts[FRESH]
        cut_off(cluster, HONEST, [*LIARS, FRESH])
        await start(cluster, *HONEST)
        await cluster.run_until(LATE)
        hand_out(cluster, branch)
        await start(cluster, *LIARS, FRESH)
        await cluster.run_until(LATE, 1)
        assert fresh.height == cluster.hosts[LIARS[0]].height
        assert fresh.height.height > 2
        cluster.network.heal()
        await cluster.run_until(LATE, 3)
        honest = cluster.hosts[HONEST[0]].height
        assert {cluster.hosts[n].height for n in HONEST} == {honest}
        # it does not change sides by itself, and says what to do
        assert fresh.height.block_hash != honest.block_hash
        assert (await get_split(fresh)).startswith("SPLIT: ")
        assert fresh.node is not None
        fresh.node.follow(honest.block_hash.hex(), honest.height)
        await cluster.run_until(LATE, 4)
        assert fresh.height == cluster.hosts[HONEST[0]].height
        assert (await list_blocks(cluster, FRESH))[honest.height].block_hash == honest.block_hash
        assert fresh.node.node_state.halted == ""
        await cluster.stop_all()

    play(scenario(), SEED)


@pytest.mark.parametrize(
    ("why", "state"),
    [("two", State.START), ("one-network", State.SYNCING), ("without-collateral", State.START)],
)
def test_fewer_liars_or_cheaper_ones_give_a_fresh_node_nothing(why: str, state: State) -> None:
    branch = make_branch(*LIARS)

    async def scenario() -> None:
        params = make_params()
        listed = list(params.hypernodes)
        for n in LIARS:
            if why == "one-network":
                listed[n] = replace(listed[n], ip=f"99.9.0.{n}")
            if why == "without-collateral":
                listed[n] = replace(listed[n], weight=0)
        cluster = Cluster(SIZE, SEED, params=replace(params, hypernodes=tuple(listed)))
        liars = LIARS[:2] if why == "two" else LIARS
        hand_out(cluster, branch, liars)
        await cluster.run_until(LATE)
        await start(cluster, *liars, FRESH)
        await cluster.run_until(LATE, 1)
        fresh = cluster.hosts[FRESH]
        assert cluster.hosts[liars[0]].height.height > 2
        assert fresh.height.height == 0
        assert fresh.node is not None
        assert fresh.node.activities.shown.state is state
        await cluster.stop_all()

    play(scenario(), SEED)


def test_a_long_branch_of_old_keys_moves_no_node_that_hears_others() -> None:
    branch = make_branch(*LIARS, *RETIRED)

    async def scenario() -> None:
        cluster = Cluster(SIZE, SEED, params=make_params())
        await start(cluster, *HONEST)
        await cluster.run_until(LATE)
        before = await list_blocks(cluster, HONEST[0])
        hand_out(cluster, branch)
        await start(cluster, *LIARS, FRESH)
        # by its measures theirs is the better chain: more forgers
        liar = cluster.hosts[LIARS[0]].height
        assert liar.forgers > cluster.hosts[HONEST[0]].height.forgers
        await cluster.run_until(LATE, 4)
        honest = cluster.hosts[HONEST[0]].height
        assert honest.height > len(before)
        for n in (*HONEST, FRESH):
            host = cluster.hosts[n]
            assert host.height == honest
            assert host.node is not None
            assert host.node.node_state.halted == ""
            assert await host.node.ports.ledger.get_evidence() == []
        chain = await list_blocks(cluster, FRESH)
        assert [block.block_hash for block in chain[: len(before)]] == [b.block_hash for b in before]
        assert (await get_split(cluster.hosts[HONEST[1]])).startswith("SPLIT: ")
        await cluster.stop_all()

    play(scenario(), SEED)
