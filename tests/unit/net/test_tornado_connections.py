"""Real TCP on loopback."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hypernode.core.types import Endpoint
from hypernode.net.admission import Admission
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.client_session import open_session
from hypernode.net.server import serve_session
from hypernode.net.tornado_connections import KERNEL_BYTES, TornadoConnections
from hypernode.ports.connections import Listener, Transport, TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES
from tests.unit.net.harness import CLIENT_HELLO, LIMITS, NETWORK, NODE_HELLO, NODE_KEY, OUR_KEY

LOCAL = Endpoint("127.0.0.1", 0)


async def echo(transport: Transport) -> None:
    while True:
        await transport.write(await transport.read_some(65_536))


@asynccontextmanager
async def listening(connections: TornadoConnections, on_connection: object = echo) -> AsyncIterator[Listener]:
    assert callable(on_connection)
    listener = await connections.listen(LOCAL, on_connection)
    try:
        yield listener
    finally:
        await listener.close()


async def read_exactly(transport: Transport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await transport.read_some(65_536)
    return data


async def wait_until_none_is_open(connections: TornadoConnections) -> None:
    async with asyncio.timeout(5):
        while connections.traffic.open:
            await asyncio.sleep(0)


def test_bytes_go_there_and_back_and_are_counted() -> None:
    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections) as listener:
            transport = await connections.connect(listener.endpoint, None, 5.0)
            data = bytes(range(256)) * 8 * 1024
            writing = asyncio.create_task(transport.write(data))
            assert await read_exactly(transport, len(data)) == data
            await writing
            assert connections.traffic.open == 2
            assert connections.traffic.bytes_sent == connections.traffic.bytes_received == 2 * len(data)
            transport.close()
            await wait_until_none_is_open(connections)

    asyncio.run(live())


def test_both_ends_know_the_other_and_where_it_leaves_from() -> None:
    async def live() -> None:
        seen: list[Transport] = []

        async def note(transport: Transport) -> None:
            seen.append(transport)
            await transport.write(b"!")

        connections = TornadoConnections()
        async with listening(connections, note) as listener:
            transport = await connections.connect(listener.endpoint, "127.0.0.6", 5.0)
            assert await transport.read_some(9) == b"!"
            assert transport.remote == listener.endpoint
            assert seen[0].remote.ip == "127.0.0.6"
            with pytest.raises(TransportClosed):
                await transport.read_some(9)
            transport.close()

    asyncio.run(live())


def test_a_host_name_is_looked_up() -> None:
    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections) as listener:
            transport = await connections.connect(Endpoint("localhost", listener.endpoint.port), None, 5.0)
            await transport.write(b"!")
            assert await transport.read_some(9) == b"!"
            transport.close()

    asyncio.run(live())


@pytest.mark.parametrize("ip", ["127.0.0.1", "no.such.host.invalid"])
def test_where_nobody_listens_the_transport_is_closed(ip: str) -> None:
    async def live() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(TransportClosed):
                await TornadoConnections().connect(Endpoint(ip, port), None, 5.0)

    asyncio.run(live())


def test_a_source_that_is_not_ours_cannot_be_left_from() -> None:
    async def live() -> None:
        with pytest.raises(TransportClosed):
            await TornadoConnections().connect(Endpoint("127.0.0.1", 9), "192.0.2.1", 5.0)

    asyncio.run(live())


def test_a_host_that_does_not_answer_takes_the_time_out() -> None:
    async def live() -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            taken: list[Transport] = []

            async def fill_up() -> None:
                for _ in range(8):  # the kernel takes a few before it lets them wait
                    taken.append(
                        await TornadoConnections().connect(Endpoint(*deaf.getsockname()), None, 0.05)
                    )

            with pytest.raises(TimeoutError):
                await fill_up()
            for transport in taken:
                transport.close()

    asyncio.run(live())


def test_a_port_is_not_shared() -> None:
    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections) as listener:
            with pytest.raises(OSError, match="in use"):
                await connections.listen(listener.endpoint, echo)

    asyncio.run(live())


def test_a_closed_listener_takes_no_more_but_leaves_sessions_alone() -> None:
    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections) as listener:
            transport = await connections.connect(listener.endpoint, None, 5.0)
            await transport.write(b"1")
            assert await transport.read_some(9) == b"1"
            await listener.close()
            with pytest.raises(TransportClosed):
                await connections.connect(listener.endpoint, None, 5.0)
            await transport.write(b"2")
            assert await transport.read_some(9) == b"2"
            transport.close()
            await wait_until_none_is_open(connections)

    asyncio.run(live())


def test_reading_and_writing_a_closed_transport_says_so() -> None:
    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections) as listener:
            transport = await connections.connect(listener.endpoint, None, 5.0)
            transport.close()
            with pytest.raises(TransportClosed):
                await transport.write(b"1")
            with pytest.raises(TransportClosed):
                await transport.read_some(1)

    asyncio.run(live())


def test_a_bug_in_what_serves_is_logged_and_closes_its_connection_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(transport: Transport) -> None:
        raise ZeroDivisionError("a bug")

    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections, fail) as listener:
            for _ in range(2):
                transport = await connections.connect(listener.endpoint, None, 5.0)
                with pytest.raises(TransportClosed):
                    await transport.read_some(1)
                transport.close()

    asyncio.run(live())
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "ZeroDivisionError('a bug')" in caplog.text


def test_a_writer_waits_for_who_does_not_read() -> None:
    async def live() -> None:
        stalled = asyncio.Event()

        async def never_read(transport: Transport) -> None:
            await stalled.wait()

        connections = TornadoConnections()
        async with listening(connections, never_read) as listener:
            transport = await connections.connect(listener.endpoint, None, 5.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await transport.write(bytes(64 * 1024 * 1024))
            assert connections.traffic.bytes_sent < 32 * 1024 * 1024
            transport.close()
            stalled.set()
            await wait_until_none_is_open(connections)

    asyncio.run(live())


def test_a_session_of_two_nodes_over_tcp() -> None:
    async def live() -> None:
        connections, clock = TornadoConnections(), _LoopClock()
        status = Command(CommandId.STATUS, string="x" * 1_000_000)
        ends: list[SessionEnd] = []

        async def answer(caller: Caller, command: Command) -> Command | None:
            return status

        async def serve(transport: Transport) -> None:
            ends.append(
                await serve_session(
                    transport,
                    params=NETWORK,
                    limits=LIMITS,
                    clock=clock,
                    our_hello=NODE_HELLO,
                    features=ANNOUNCED_FEATURES,
                    admission=Admission(),
                    is_registered=lambda ip: False,
                    on_hello=lambda caller: None,
                    handler=answer,
                    budgets=Budgets(LIMITS, clock),
                    identity=NODE_KEY,
                )
            )

        async with listening(connections, serve) as listener:
            session = await open_session(
                connections,
                listener.endpoint,
                params=NETWORK,
                limits=LIMITS,
                hello=CLIENT_HELLO,
                features=ANNOUNCED_FEATURES,
                clock=clock,
                connect_timeout_s=5.0,
                hello_timeout_s=5.0,
                identity=OUR_KEY,
            )
            assert session.proved_address == NODE_HELLO.address
            assert session.features == ANNOUNCED_FEATURES
            for _ in range(3):
                assert await session.request(Command(CommandId.STATUS), 5.0) == status
            session.close()
            await wait_until_none_is_open(connections)
        assert ends == [SessionEnd("closed by the peer")]

    asyncio.run(live())


class _LoopClock:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def test_without_a_free_descriptor_it_pauses_says_so_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hypernode.net.tornado_connections.PAUSE_S", 0.01)
    taken: list[Transport] = []
    tries = 0

    async def note(transport: Transport) -> None:
        taken.append(transport)

    class Exhausted(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            nonlocal tries
            tries += 1
            if tries <= 5:
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def live() -> None:
        connections = TornadoConnections()
        async with listening(connections, note) as listener:
            transport = await connections.connect(listener.endpoint, None, 5.0)
            assert await transport.read_some(1) == b""
            transport.close()

    monkeypatch.setattr("hypernode.net.tornado_connections.socket.socket", Exhausted)
    with caplog.at_level("WARNING"), pytest.raises(TransportClosed):
        asyncio.run(live())
    assert len(taken) == 1
    assert tries >= 6
    assert [record.getMessage() for record in caplog.records] == [
        "no connection can be taken, it is tried again every second: [Errno 24] Too many open files"
    ]


def test_to_dial_without_a_free_descriptor_is_a_connection_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    async def live() -> None:
        monkeypatch.setattr("hypernode.net.tornado_connections.socket.socket", refuse)
        with pytest.raises(TransportClosed, match="Too many open files"):
            await TornadoConnections().connect(Endpoint("127.0.0.1", 1), None, 5.0)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not tell")
def test_a_peer_that_closed_is_gone_though_what_it_said_is_not_read() -> None:
    async def live() -> None:
        seen: list[bool] = []
        done = asyncio.Event()

        async def look(transport: Transport) -> None:
            await transport.read_some(1)
            seen.append(transport.is_gone)
            async with asyncio.timeout(5):
                while not transport.is_gone:
                    await asyncio.sleep(0)
            # what came before the end is still there
            seen.append(await transport.read_some(100) == b"ore questions")
            transport.close()
            seen.append(transport.is_gone)
            done.set()

        connections = TornadoConnections()
        async with listening(connections, look) as listener:
            dialled = await connections.connect(listener.endpoint, None, 5.0)
            await dialled.write(b"more questions")
            while not seen:
                await asyncio.sleep(0)
            dialled.close()
            async with asyncio.timeout(5):
                await done.wait()
        assert seen == [False, True, True]

    asyncio.run(live())


def test_the_kernel_holds_little_of_what_a_peer_does_not_read() -> None:
    async def live() -> None:
        written = 0

        async def pour(transport: Transport) -> None:
            nonlocal written
            while True:
                await transport.write(bytes(16_384))
                written += 16_384

        connections = TornadoConnections()
        async with listening(connections, pour) as listener:
            deaf = socket.socket()
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, (listener.endpoint.ip, listener.endpoint.port))
            before = -1
            while before != written:
                before = written
                await asyncio.sleep(0.05)
            assert 0 < written <= 4 * KERNEL_BYTES
            deaf.close()
            await wait_until_none_is_open(connections)

    asyncio.run(live())
