"""Who shares the IP of a hypernode and not its key: what it says, takes and leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hypernode.core import kinds
from hypernode.core.types import ChainHeight
from hypernode.machine.peers import ReportedChain, Support
from hypernode.machine.sync_memory import Aside
from hypernode.net.client_session import ClientSession
from hypernode.node.owner.runtime import Node
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import PORT
from hypernode.wire.catalogue import CommandId as C
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, ask, play
from tests.unit.node.sync.serving import list_published, serve_blocks, serving_chain, two_chains

VICTIM = 2
"""The hypernode whose IP is shared."""
LIE = ChainHeight(99, ROUND, 5, b"\xde\xad" * 10, 9, 9, 9, 9)
NAME = f"10.{VICTIM + 1}.0.1:0{PORT}"
IMPOSTORS: list[dict[str, Any]] = [
    {"port": PORT},
    {"port": PORT, "features": 0},
    {"port": 7_000, "features": 0},
    {"port": PORT, "key": 4},
]
"""Its port or another one, with features or without, or with a key that is registered elsewhere."""


async def tell(session: ClientSession, reported: ChainHeight) -> None:
    answer = await session.request(Command(C.HEIGHT, height=reported), 5.0)
    assert answer.height is not None


async def get_reported_height(node: Node) -> dict[str, Any]:
    peers = (await node.views.get_status())["peers"]
    assert isinstance(peers, dict)
    reported: dict[str, Any] = peers["told"]
    return reported


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_an_impostor_beside_a_proved_key_is_answered_and_changes_nothing(
    impostor: dict[str, Any], is_first: bool
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        other = await bed.open(bed.ip(VICTIM), 0, **impostor) if is_first else None
        victim = await bed.open(bed.ip(VICTIM), 0, port=PORT, key=VICTIM)
        other = other or await bed.open(bed.ip(VICTIM), 0, **impostor)
        await tell(victim, node.chain.height)
        for _ in range(4):
            await asyncio.sleep(60)
            await victim.request(Command(C.PING), 5.0)
            await tell(other, LIE)
        reported = await get_reported_height(node)
        assert (reported[NAME]["height"], reported[NAME]["identity"]) == (0, "proved")
        assert [view.reported for view in node.peers.list_views()] == [node.chain.height]
        other.close()
        await asyncio.sleep(1)
        assert list(node.peers.inbound) == [NAME]
        assert (await get_reported_height(node))[NAME]["identity"] == "proved"
        victim.close()
        await asyncio.sleep(1)
        assert node.peers.inbound == {}

    play(scenario())


def test_the_height_of_an_impostor_is_its_own_once_the_proved_one_left() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        victim = await bed.open(bed.ip(VICTIM), 0, port=PORT, key=VICTIM)
        other = await bed.open(bed.ip(VICTIM), 0, port=PORT, features=0)
        await tell(victim, node.chain.height)
        victim.close()
        await asyncio.sleep(1)
        await tell(other, LIE)
        reported = await get_reported_height(node)
        assert (reported[NAME]["height"], reported[NAME]["identity"]) == (99, "claimed")
        (view,) = node.peers.list_views()
        assert (view.is_vouched, view.has_features) == (False, False)

    play(scenario())


@pytest.mark.parametrize("key", [VICTIM, None])
def test_an_impostor_neither_takes_nor_spoils_the_messages_of_a_peer(key: int | None) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        victim = await bed.open(bed.ip(VICTIM), 0, port=PORT, key=key)
        ours = bed.messages(bed.clock.now())
        await node.intake.submit(ours[:2])

        async def exchange(session: ClientSession, *messages: Any) -> set[bytes]:
            return {m.txid for m in (await session.request(ask(C.MEMPOOL, messages=messages), 5.0)).messages}

        assert await exchange(victim) == {m.txid for m in ours[:2]}
        other = await bed.open(bed.ip(VICTIM), 0, port=PORT, features=0)
        # neither are they sent again, nor does the impostor get one in the victim's place, nor is one that
        # it says it has left out
        assert await exchange(victim) == set()
        await node.intake.submit(ours[2:])
        expected = ours if key is not None else ours[:3]
        assert await exchange(other, ours[3]) == {m.txid for m in expected}
        assert await exchange(victim) == {m.txid for m in ours[2:]}
        other.close()
        await asyncio.sleep(1)
        assert await exchange(victim) == set()

    play(scenario())


def test_what_an_impostor_sends_beside_a_proved_key_is_not_used() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        victim = await bed.open(bed.ip(VICTIM), 0, port=PORT, key=VICTIM)
        other = await bed.open(bed.ip(VICTIM), 0, port=PORT)
        await other.request(ask(C.MEMPOOL, messages=(bed.message(1),)), 5.0)
        assert len(node.mempool) == 0
        await victim.request(ask(C.MEMPOOL, messages=(bed.message(1),)), 5.0)
        assert len(node.mempool) == 1

    play(scenario())


@pytest.mark.parametrize(("key", "is_reported"), [(VICTIM, True), (None, False)])
def test_only_proved_or_dialled_peers_are_reported_as_late(key: int | None, is_reported: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        branch = await Branch.on(bed, node.ports.ledger)
        await node.ports.ledger.append_many(await branch.grow((ROUND, 0), (ROUND, 1)))
        session = await bed.open(bed.ip(VICTIM), 0, port=PORT, key=key)
        await tell(session, ChainHeight(0, 0, 0, b"o" * 20))
        await node.reporter.publish_late()
        assert bool(list_published(node, kinds.LATE)) is is_reported

    play(scenario())


def test_a_promise_made_by_an_ip_alone_is_not_held_against_a_hypernode() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        await serving_chain(bed, VICTIM, await two_chains(bed, node))
        other = await bed.open(bed.ip(VICTIM), 0, port=PORT, features=0)
        await tell(other, LIE)
        (view,) = node.peers.list_views()
        assert not await node.sync.sync_round(ReportedChain(LIE, (view,)), (), Support(0, 5))
        assert LIE.block_hash in node.sync.list_aside(Aside.IGNORED)
        assert list_published(node, kinds.KO_ACTION) == []

    play(scenario())


@pytest.mark.parametrize("is_key_connected", [True, False])
def test_another_at_the_endpoint_of_a_connected_key_is_not_asked(is_key_connected: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        # it says the victim's address, and cannot prove it
        await bed.script(VICTIM, serve_blocks(()))
        if is_key_connected:
            await bed.open(bed.ip(VICTIM), 0, port=PORT, key=VICTIM)
            with pytest.raises(TransportClosed, match="did not prove the key"):
                async with node.dialler.borrow(bed.address(VICTIM)):
                    pass
            with pytest.raises(TransportClosed, match="did not prove the key"):
                await node.dialler.open_standing(bed.entry(VICTIM))
        else:
            async with node.dialler.borrow(bed.address(VICTIM)) as session:
                assert session.proved_address is None

    play(scenario())
