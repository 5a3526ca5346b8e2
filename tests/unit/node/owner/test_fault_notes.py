"""A bug of ours, wherever it shows, stops forging: HALTED with the reason, and answers go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hypernode.core.errors import InvariantBroken
from hypernode.net.caller import Caller
from hypernode.node.duty import tester
from hypernode.node.peers import connector
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import Cluster
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import STRANGER, Bed, ask, play

FIRST = 3


async def fail(*rest: Any, **options: Any) -> Any:
    raise InvariantBroken("the sum is wrong")


def test_a_bug_while_answering_halts_the_node_that_goes_on_answering() -> None:
    async def fail_once(caller: Caller, command: Command) -> Command | None:
        raise InvariantBroken("the sum is wrong")

    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        node.serving.handlers = {**node.serving.handlers, CommandId.GETHEADERS: fail_once}
        shown: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: shown.append(context))
        session = await bed.open(STRANGER, 0)
        with pytest.raises(TransportClosed):
            await session.request(ask(CommandId.GETHEADERS, string=",1"), 10)
        assert node.node_state.halted == "a bug of ours: the sum is wrong"
        assert bed.warnings == ["HALTED: a bug of ours: the sum is wrong"]
        # Nobody expected it, so it is shown in full too.
        assert [type(context["exception"]) for context in shown] == [InvariantBroken]
        other = await bed.open(STRANGER, 0)
        assert (await other.request(ask(CommandId.PING), 10)).id is CommandId.OK

    play(scenario())


@pytest.mark.parametrize("where", ["heights", "tests"])
def test_a_bug_met_beside_the_owner_halts_the_node(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        cluster = Cluster(4, 31)
        await cluster.start_all()
        await cluster.run_until(FIRST)
        if where == "heights":
            monkeypatch.setattr(connector, "ask_height", fail)
        else:
            monkeypatch.setattr(tester.Tester, "run", fail)
        await cluster.run_until(FIRST, 3)
        for host in cluster.hosts:
            assert host.node is not None
            assert host.node.node_state.halted == "a bug of ours: the sum is wrong"
            assert (await host.node.views.get_status())["state"]["state"] == "HALTED"  # type: ignore[index]
        await cluster.stop_all()

    play(scenario())
