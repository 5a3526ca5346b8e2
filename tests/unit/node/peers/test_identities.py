"""Who is it: proved by a signed hello or only claimed, and keys that are where they do not belong."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from hypernode.core.types import ChainHeight, Endpoint, Registration
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.signed_hello import Identity
from hypernode.node.peers.identities import KeyProof, find_misplaced, get_identity
from hypernode.node.peers.peer_table import Peer, Peers
from hypernode.sim.cluster import PORT
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.wire.catalogue import Limits
from hypernode.wire.hello import ANNOUNCED_FEATURES, FEATURE_SIGNED_HELLO, Hello
from tests.unit.node.beds import STRANGER, Bed, note_height, play


def make_peers(*connections: tuple[str, str | None]) -> Peers:
    """Hypernodes a at 10.0.0.1 and b at 10.0.0.2; connections by IP and proved address, in, out, in, …"""
    peers = Peers()
    peers.set_registered(
        Registration(f"c{pos}", ip, "6969", pos, f"r{pos}", 1)
        for pos, ip in (("a", "10.0.0.1"), ("b", "10.0.0.2"))
    )
    for number, (ip, proved) in enumerate(connections):
        peer = Peer(f"{ip}:06969", ip, 6969, 7, is_outbound=number % 2 == 1)
        peer.proved_address = proved
        peers.add(peer)
    return peers


@pytest.mark.parametrize(
    ("connections", "identity"),
    [
        ([("10.0.0.1", "a")], KeyProof.PROVED),
        ([("10.0.0.1", None)], KeyProof.CLAIMED),
        ([("10.0.0.1", "b")], KeyProof.OTHER),
        ([("10.0.0.1", "z")], KeyProof.OTHER),
        ([("10.0.0.1", None), ("10.0.0.1", "a")], KeyProof.PROVED),
        ([("10.0.0.1", "z"), ("10.0.0.1", "a")], KeyProof.PROVED),
        ([("10.0.0.1", None), ("10.0.0.1", "z")], KeyProof.OTHER),
        ([("10.0.0.2", "a")], KeyProof.CLAIMED),
        ([], KeyProof.CLAIMED),
    ],
)
def test_the_registered_key_from_its_ip_proves_an_identity(
    connections: list[tuple[str, str | None]], identity: KeyProof
) -> None:
    assert get_identity(make_peers(*connections), "a") == identity


@pytest.mark.parametrize(
    "connections", [[("10.0.0.1", "a"), ("10.0.0.1", None)], [("10.9.9.9", None), ("10.9.9.8", "z")], []]
)
def test_keys_where_they_belong_and_strangers_are_no_findings(
    connections: list[tuple[str, str | None]],
) -> None:
    assert find_misplaced(make_peers(*connections)) == []


def test_a_key_that_is_not_where_it_is_registered_is_a_finding() -> None:
    peers = make_peers(("10.0.0.1", "z"), ("10.0.0.1", "z"), ("10.9.9.9", "b"), ("10.0.0.2", "a"))
    assert find_misplaced(peers) == [
        {"peer": "10.0.0.1:06969", "registered": "a", "proved": "z"},
        {"peer": "10.0.0.2:06969", "registered": "b", "proved": "a"},
        {"peer": "10.9.9.9:06969", "registered": None, "proved": "b"},
    ]


# --- in a node --------------------------------------------------------------------------------------


async def dial(bed: Bed, ip: str, index: int, *, features: int = ANNOUNCED_FEATURES) -> ClientSession:
    """A hypernode's hello to node 0, with its own key, from any IP."""
    return await open_session(
        bed.memory.get_connections(ip),
        Endpoint(bed.ip(0), PORT),
        params=bed.params,
        limits=Limits(),
        hello=Hello(bed.params.posnet, PORT, bed.address(index)),
        features=features,
        clock=bed.clock,
        connect_timeout_s=5.0,
        hello_timeout_s=10.0,
        identity=Identity(bed.signer(index), SeededEntropy(1, f"{ip} {index}")),
    )


def test_a_proof_from_another_ip_makes_nobody_a_hypernode() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        session = await dial(bed, STRANGER, 2)
        assert session.proved_address == bed.address(0)
        assert node.peers.count_connected() == 0
        assert (await node.views.get_status())["peers"]["findings"] == [  # type: ignore[index]
            {"peer": f"{STRANGER}:0{PORT}", "registered": None, "proved": bed.address(2)}
        ]

    play(scenario())


@pytest.mark.parametrize(
    ("index", "features", "identity"),
    [
        (2, ANNOUNCED_FEATURES, KeyProof.PROVED),
        (2, ANNOUNCED_FEATURES & ~FEATURE_SIGNED_HELLO, KeyProof.CLAIMED),
        (2, 0, KeyProof.CLAIMED),
        (3, ANNOUNCED_FEATURES, KeyProof.OTHER),
    ],
)
def test_the_status_says_how_well_a_peer_is_known(index: int, features: int, identity: KeyProof) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.serve(0)
        await dial(bed, bed.ip(2), index, features=features)
        (peer,) = node.peers.inbound.values()
        node.views.note_height(peer, ChainHeight(5, 1, 0, b"a" * 20), None)
        status = (await node.views.get_status())["peers"]
        assert isinstance(status, dict)
        reported = status["told"][f"{bed.ip(2)}:0{PORT}"]
        assert (reported["address"], reported["identity"]) == (bed.address(2), identity.value)
        assert bool(status["findings"]) is (identity is KeyProof.OTHER)
        assert node.peers.count_connected() == 1

    play(scenario())


def test_whom_we_dial_proves_itself_too() -> None:
    async def scenario() -> None:
        bed = Bed()
        await bed.serve(1)
        node = await bed.node()
        async with asyncio.TaskGroup() as group:
            node.connector.set_targets([bed.entry(1)], group)
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await asyncio.Event().wait()
            (peer,) = node.peers.outbound.values()
            assert peer.proved_address == bed.address(1)
            assert peer.features == ANNOUNCED_FEATURES
            node.connector.cancel_all()

    play(scenario())


def test_a_peer_without_signed_hello_is_listened_to_as_ever() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        note_height(bed, node, 1, ChainHeight(5, 1, 0, b"a" * 20), features=0)
        assert [view.address for view in node.peers.list_views()] == [bed.address(1)]
        assert get_identity(node.peers, bed.address(1)) == KeyProof.CLAIMED

    play(scenario())
