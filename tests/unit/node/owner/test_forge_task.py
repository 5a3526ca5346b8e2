"""Forging in our slot, and pushing beside the owner."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.types import Block, RoundPlan
from hypernode.machine.decide import Forge
from tests.unit.node.beds import Bed, play
from tests.unit.node.duty.jurors import juror_node


def test_the_owner_does_not_wait_for_its_block_to_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        bed = Bed()
        node, _ = await juror_node(bed)
        sent: list[str] = []

        async def send(block: Block, plan: RoundPlan) -> int:
            try:
                await asyncio.sleep(45.0)
                sent.append("whole")
            except asyncio.CancelledError:
                sent.append("ended early")
                raise
            return 0

        monkeypatch.setattr(type(node.forger), "send", staticmethod(send))
        view = await node.view_builder.look()
        assert node.node_state.consensus is not None
        decision = Forge(node.node_state.consensus)
        loop = asyncio.get_running_loop()
        async with node.background.running():
            started = loop.time()
            await node.performer.perform(decision, view)
            assert node.chain.height.height == 1
            assert loop.time() - started < 1.0
            await asyncio.sleep(30.0)
            assert sent == []
            # the next one is not sent beside it: a legacy node must hear of nothing that is on its way
            assert node.peers._awaiting_push
            await node.performer.perform(decision, await node.view_builder.look())
            assert sent == ["ended early"]
            assert node.peers._awaiting_push == set()

    play(scenario())
