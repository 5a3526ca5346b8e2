"""Connections that come in: who they become."""

from __future__ import annotations

import asyncio
import errno
import os
from types import SimpleNamespace

import pytest

from hypernode.core.errors import Ignore
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, HelloRefused, open_session, request_without_hello
from hypernode.net.signed_hello import Identity
from hypernode.net.standing import Standing
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.listening import CannotListen, explain_refusal
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import PORT
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello, format_hello
from tests.unit.node.beds import STRANGER, Bed, ask, play


async def listening(bed: Bed) -> Node:
    node = await bed.node()
    await node.listening.start(node.options.listen)
    return node


def test_a_registered_hypernode_with_a_port_is_a_peer_until_it_goes() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        session = await bed.open(bed.ip(2), 0, port=PORT)
        assert list(node.peers.inbound) == ["10.3.0.1:06969"]
        assert node.peers.count_connected() == 1
        session.close()
        await asyncio.sleep(1)
        assert node.peers.inbound == {}

    play(scenario())


@pytest.mark.parametrize("port", [0, 101, 999])
def test_clients_and_errands_are_no_peers(port: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        await bed.open(bed.ip(2), 0, port=port)
        assert node.peers.inbound == {}

    play(scenario())


def test_a_stranger_that_says_a_port_is_connected_and_does_not_count() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        await bed.open(STRANGER, 0, port=PORT)
        assert list(node.peers.inbound) == ["10.200.0.1:06969"]
        assert node.peers.count_connected() == 0

    play(scenario())


@pytest.mark.parametrize("goes", [0, 1])
def test_the_name_of_two_connections_goes_with_the_last_of_them(goes: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        sessions = [await bed.open(bed.ip(2), 0, port=PORT) for _ in range(2)]
        for session in (sessions[goes], sessions[1 - goes]):
            assert list(node.peers.inbound) == ["10.3.0.1:06969"]
            assert node.peers.count_connected() == 1
            session.close()
            await asyncio.sleep(1)
        assert node.peers.inbound == {}

    play(scenario())


def test_who_comes_again_gets_all_messages_again() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        await node.intake.submit([bed.message(1)])

        async def exchange(session: ClientSession) -> int:
            return len((await session.request(ask(CommandId.MEMPOOL), 5.0)).messages)

        session = await bed.open(bed.ip(2), 0, port=PORT)
        assert [await exchange(session), await exchange(session)] == [1, 0]
        session.close()
        await asyncio.sleep(1)
        assert await exchange(await bed.open(bed.ip(2), 0, port=PORT)) == 1

    play(scenario())


def test_another_network_is_refused() -> None:
    async def scenario() -> None:
        bed = Bed()
        await listening(bed)
        foreign = Bed(posnet="elsewhere1", posnet_allow=("elsewhere1",))
        foreign.memory = bed.memory
        with pytest.raises(HelloRefused, match="Bad Posnet elsewhere1"):
            await foreign.open(STRANGER, 0)
        assert [
            line for line in bed.log if line.startswith(f"{STRANGER}: Bad Posnet elsewhere1: it is of an")
        ]

    play(scenario())


@pytest.mark.parametrize("is_signing", [True, False])
def test_another_magic_under_the_same_posnet_is_said_on_both_sides(is_signing: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        await listening(bed)
        magic = bytes.fromhex("b1534e42")
        foreign = Bed(magic=magic)
        foreign.memory = bed.memory
        words = (
            f"it sends frames with the magic {bed.params.magic.hex()}, and that of this network is b1534e42"
        )
        signer = foreign.signer(1)

        async def ask_status() -> None:
            session = await open_session(
                bed.memory.get_connections(STRANGER),
                Endpoint(bed.ip(0), PORT),
                params=foreign.params,
                limits=Limits(),
                hello=Hello(foreign.params.posnet, CLIENT_PORT, signer.address),
                features=ANNOUNCED_FEATURES,
                clock=bed.clock,
                connect_timeout_s=5.0,
                hello_timeout_s=5.0,
                identity=Identity(signer, SeededEntropy(1, "client")) if is_signing else None,
            )
            await session.request(ask(CommandId.STATUS), 5.0)

        with pytest.raises(HelloRefused, match=words):
            await ask_status()
        (line,) = [line for line in bed.log if "magic b1534e42" in line]
        assert line.startswith(f"{STRANGER}: another network")
        assert "--network" in line
        # nobody is on hold for it
        answer = await (await bed.open(STRANGER, 0)).request(ask(CommandId.STATUS), 5.0)
        assert answer.id is CommandId.STATUS

    play(scenario())


async def _push_test(bed: Bed, ip: str) -> Command:
    return await request_without_hello(
        bed.memory.get_connections(ip),
        Endpoint(bed.ip(0), PORT),
        ask(CommandId.TEST),
        params=bed.params,
        limits=Limits(),
        clock=bed.clock,
        connect_timeout_s=5.0,
        timeout_s=5.0,
    )


def test_an_offence_puts_an_ip_on_hold() -> None:
    async def scenario() -> None:
        bed = Bed()
        await listening(bed)
        with pytest.raises(TransportClosed):
            await _push_test(bed, STRANGER)
        with pytest.raises(TransportClosed):
            await bed.open(STRANGER, 0)
        assert "on hold for 4 s" in bed.log[0]
        await asyncio.sleep(5)
        await bed.open(STRANGER, 0)

    play(scenario())


def test_before_a_list_is_known_nobody_is_put_on_hold() -> None:
    """A node that waits for its companion is tested by honest hypernodes all the time."""

    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        node.peers.set_registered([])
        for _ in range(5):
            with pytest.raises(TransportClosed):
                await _push_test(bed, bed.ip(2))
        await bed.open(bed.ip(2), 0, port=PORT)
        node.peers.set_registered([bed.entry(2)])
        await bed.open(bed.ip(2), 0, port=PORT)

    play(scenario())


def test_all_sessions_end_together() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        session = await bed.open(bed.ip(2), 0, port=PORT)
        node.listening.close_all()
        await asyncio.sleep(1)
        assert node.peers.inbound == {}
        with pytest.raises((TransportClosed, Ignore)):
            await session.request(ask(CommandId.PING), 5.0)

    play(scenario())


def test_what_is_held_of_a_session_is_told_until_it_goes() -> None:
    """Half a question here; ``net`` has the answers that nobody reads."""

    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        texts = encode_command(Command(CommandId.TX, messages=tuple(bed.message(2) for _ in range(200))))
        connections, half = bed.memory.get_connections(bed.ip(2)), len(texts) // 2
        transport = await connections.connect(Endpoint(bed.ip(0), PORT), bed.ip(2), 5.0)
        hello = encode_command(
            Command(CommandId.HELLO, string=format_hello(Hello(bed.params.posnet, PORT, bed.address(2))))
        )
        await transport.write(len(hello).to_bytes(4, "big") + hello)
        await asyncio.sleep(1)
        assert node.listening.bytes_held == 0
        await transport.write(len(texts).to_bytes(4, "big") + texts[:half])
        await asyncio.sleep(1)
        assert node.listening.bytes_held >= half
        transport.close()
        await asyncio.sleep(1)
        assert node.listening.bytes_held == 0

    play(scenario())


@pytest.mark.parametrize(
    ("number", "is_temporary", "words"),
    [
        (errno.EADDRINUSE, True, "port 6969 of 1.2.3.4 is taken"),
        (errno.EADDRNOTAVAIL, False, "1.2.3.4 is not an address of this host. Behind NAT: -I ALL"),
        (errno.EACCES, False, "choose one from 1024 on"),
        (errno.EPERM, False, "CAP_NET_BIND_SERVICE"),
        (errno.EMFILE, True, "cannot be listened on: Too many open files"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_with_what_to_do(
    number: int, is_temporary: bool, words: str
) -> None:
    refusal = explain_refusal(Endpoint("1.2.3.4", 6969), OSError(number, os.strerror(number)))
    assert refusal.is_temporary is is_temporary
    assert words in str(refusal)


def test_nobody_is_told_that_a_node_listens_that_does_not() -> None:
    async def scenario() -> None:
        reported: list[Endpoint] = []

        async def refuse(local: Endpoint, on_connection: object) -> None:
            raise OSError(errno.EADDRINUSE, "taken")

        node = await Bed().node(connections=SimpleNamespace(listen=refuse))
        with pytest.raises(CannotListen):
            await node.run(asyncio.Event(), reported.append)
        assert reported == []


@pytest.mark.parametrize("has_list", [False, True])
def test_strangers_of_one_24_share_eight_places_once_hypernodes_are_known(has_list: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        if not has_list:
            node.peers.set_registered([])
        came = 0
        for number in range(1, 13):
            bed.memory.get_connections(f"10.201.0.{number}")
            try:
                await bed.open(f"10.201.0.{number}", 0)
            except TransportClosed:
                continue
            came += 1
        assert came == (8 if has_list else 12)

    play(scenario())


def test_who_waits_for_it_is_told_where_a_node_listens() -> None:
    async def scenario() -> None:
        node = await Bed().node()
        reported: list[Endpoint] = []
        stop = asyncio.Event()
        running = asyncio.create_task(node.run(stop, reported.append))
        await asyncio.sleep(1)
        stop.set()
        await running
        assert reported == [node.options.listen]


def test_whoever_is_an_operator_by_the_configuration_in_force_has_a_place() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await listening(bed)
        assert node.listening.get_standing(STRANGER) is Standing.STRANGER
        node.serving.take_settings((STRANGER,), takes_updates=False)
        assert node.listening.get_standing(STRANGER) is Standing.OPERATOR
        assert node.listening.get_standing(bed.ip(2)) is Standing.COUNTED

    play(scenario())
