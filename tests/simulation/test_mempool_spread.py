"""A message put into one node gets into all mempools within two exchanges.

``make bench ARGS="--only spread"`` has 50 nodes with 40 connections.
"""

from __future__ import annotations

import pytest

from hypernode.node.peers.connector import Connector
from hypernode.sim.mempool_spread import measure_spread


@pytest.mark.parametrize(("nodes", "connect"), [(12, 10), (12, 4)])
def test_a_message_is_in_all_mempools_within_two_exchanges(nodes: int, connect: int) -> None:
    spread = measure_spread(nodes, connect, 4, seed=5, latency_s=0.1)
    assert len(spread.seconds) == 4
    assert min(spread.seconds) > 1.0
    assert spread.exchanges <= 2.0


def test_without_exchanges_it_gets_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure can fail."""

    async def keep_quiet(connector: Connector, *peer: object) -> None:
        return None

    monkeypatch.setattr(Connector, "_exchange_mempools", keep_quiet)
    with pytest.raises(RuntimeError, match="not in all mempools"):
        measure_spread(3, 2, 1, seed=5, latency_s=0.1)
