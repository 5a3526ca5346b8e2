"""What nodes hold is bounded: each bound holds for a network that works, and is passed by a hoard."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Any

import pytest

from hypernode.core.types import Equivocation
from hypernode.mempool.exchange import MAX_NOTED
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.of_size import (
    QUEUES,
    compute_most,
    everything_is_bounded,
    nodes_stay_small,
    weigh,
)
from hypernode.sim.invariants.watch import Watch
from tests.unit.sim.doctored import play


async def live(watch: Watch) -> Any:
    """Some slots of a calm network; returns the node that is to hoard."""
    await watch.cluster.run_until(3, 3)
    await everything_is_bounded(watch)
    await nodes_stay_small(watch)
    watch.sized_in_round = -1
    return watch.cluster.hosts[1].node


@pytest.mark.parametrize(
    "hoard",
    [[[n] for n in range(2_000)], list(range(5_000)), dict.fromkeys(range(5000)), bytearray(400_000)],
    ids=["lists", "numbers", "keys", "bytes"],
)
def test_a_node_that_hoards_is_found(hoard: Any) -> None:
    async def act(watch: Watch) -> None:
        node = await live(watch)
        before = weigh(node)
        assert 2 * before < compute_most(node) < 4 * before
        node.hoard = hoard
        assert weigh(node) > before + 5_000
        with pytest.raises(InvariantFailed, match="nodes_stay_small: node 1 holds"):
            await nodes_stay_small(watch)
        # Once a round is enough.
        await nodes_stay_small(watch)

    play(act)


def test_a_queue_over_its_bound_is_found_by_its_name() -> None:
    async def act(watch: Watch) -> None:
        node = await live(watch)
        for name, most in QUEUES.items():
            queue = attrgetter(name)(node)
            kept = dict(queue)
            queue.update(dict.fromkeys(range(most - len(kept) + 1)))
            with pytest.raises(InvariantFailed, match=f"node 1: {most + 1} of {name}, at most {most}"):
                await everything_is_bounded(watch)
            queue.clear()
            queue.update(kept)
        notes = next(iter(node.mempool._peers.values()))
        notes.unripe += range(MAX_NOTED + 1)
        with pytest.raises(InvariantFailed, match="messages noted of a peer"):
            await everything_is_bounded(watch)
        notes.unripe.clear()
        header = watch.archive.root.header
        node.node_state.evidence.append(Equivocation(header, header, 0))
        with pytest.raises(InvariantFailed, match="node 1: 1 of cases of evidence, at most 0"):
            await everything_is_bounded(watch)

    play(act)


def test_tasks_that_nothing_explains_are_found() -> None:
    async def act(watch: Watch) -> None:
        await live(watch)
        tasks = [asyncio.create_task(asyncio.sleep(10)) for _ in range(200)]
        with pytest.raises(InvariantFailed, match=r"everything_is_bounded: \d+ tasks for 4 nodes"):
            await everything_is_bounded(watch)
        await asyncio.gather(*tasks)

    play(act)
