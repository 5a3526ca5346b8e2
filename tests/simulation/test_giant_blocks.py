"""A liar's giant block on a network of legacy nodes and ours: followed, served, and synced from nothing."""

from __future__ import annotations

from hypernode.core.lottery import Draws
from hypernode.sim.faults.giant_forger import PARAMS_BYTES
from hypernode.sim.faults.liars import Liar, corrupt
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.mixed import MixedCluster
from hypernode.sim.play import play as play_scenario
from hypernode.sim.scenario import Scenario
from hypernode.storage.database import InlineDatabase
from tests.simulation.clusters import FIRST_ROUND, play
from tests.simulation.mixed_clusters import get_node, pass_to

LEGACY = (1, 2, 3, 4)
OURS = (0, 5)
LIAR = 6


def test_a_giant_block_of_legacy_nodes_is_synced_by_an_empty_node() -> None:
    async def scenario() -> None:
        cluster = MixedCluster(7, 51, legacy=LEGACY)
        await cluster.start_all()
        await pass_to(cluster, FIRST_ROUND, 0)
        reported: list[int] = []
        corrupt(Liar(get_node(cluster, LIAR), Draws("giant"), lambda: reported.append(1)), FaultKind.GIANT)
        sir = 1
        while not reported and sir < 18:
            sir += 1
            await pass_to(cluster, FIRST_ROUND, sir)
        await cluster.stop(LIAR)
        await pass_to(cluster, FIRST_ROUND, sir + 2)
        ledger = get_node(cluster, 0).ports.ledger
        sizes = dict(await ledger.get_block_sizes(1, 99))
        [giant] = [height for height, size in sizes.items() if size > PARAMS_BYTES]
        assert giant < ledger.get_height().height
        assert (await ledger.count_findings())["14"] == 1

        await cluster.stop(5)
        cluster.hosts[5].ledger_db = InlineDatabase()
        await cluster.start(5)
        await pass_to(cluster, FIRST_ROUND, sir + 4)
        heights = cluster.list_heights()
        assert len(heights) == len(LEGACY) + len(OURS)
        assert len({height.block_hash for height in heights}) == 1
        synced = get_node(cluster, 5).ports.ledger
        assert await synced.get_block(giant) == await ledger.get_block(giant)
        assert cluster.list_traps() == []
        await cluster.stop_all()

    play(scenario(), 51)


def test_giant_blocks_among_legacy_nodes_break_no_invariant() -> None:
    report = play_scenario(Scenario(1, nodes=6, hours=0.75, kinds=(FaultKind.GIANT,), connect=5, legacy=4))
    assert report.failure is None, report.failure
    assert report.faults["giant"] == 1
