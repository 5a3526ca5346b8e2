"""The network in memory: streams as TCP has them, faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from hypernode.core.types import Endpoint
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.sim.memory.host import SYN_RETRY_S
from hypernode.sim.memory.link import RETRY_S, LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.sim.memory.pipe import MAX_BUFFER_BYTES

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
PORT = 6969
REMOTE = Endpoint(B, PORT)
FIXED = LinkQuality(min_latency_s=0.1, max_latency_s=0.1, jitter_s=0.0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def read_all(transport: Transport) -> bytes:
    """Everything up to the end."""
    got = b""
    try:
        while True:
            got += await transport.read_some(1000)
    except TransportClosed:
        return got


async def read_exactly(transport: Transport, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += await transport.read_some(size - len(got))
    return got


async def echo(transport: Transport) -> None:
    while True:
        await transport.write(await transport.read_some(1000))


async def connect(
    network: MemoryNetwork,
    server: Callable[[Transport], Awaitable[None]] = echo,
    timeout_s: float = 5.0,
    source: str = A,
) -> Transport:
    """A stream from A to B, where ``server`` serves."""
    host = network.find_host(B)
    if host is None or not host.listeners:
        await network.get_connections(B).listen(REMOTE, server)
    return await network.get_connections(source).connect(REMOTE, source, timeout_s)


def test_bytes_arrive_after_the_latency_and_in_order() -> None:
    async def scene() -> tuple[bytes, float]:
        stream = await connect(MemoryNetwork(1, FIXED))
        assert now() == pytest.approx(0.2)
        for number in range(50):
            await stream.write(bytes([number]))
        return await read_exactly(stream, 50), now()

    data, ended = run(scene())
    assert data == bytes(range(50))
    assert ended == pytest.approx(0.4)


def test_order_holds_whatever_the_jitter() -> None:
    async def scene() -> bytes:
        stream = await connect(MemoryNetwork(2, LinkQuality(jitter_s=3.0)))
        for number in range(200):
            await stream.write(bytes([number]))
        return await read_exactly(stream, 200)

    assert run(scene()) == bytes(range(200))


def test_far_end_sees_the_ip_of_the_dialling_host() -> None:
    async def scene() -> tuple[Endpoint, Endpoint]:
        seen: list[Endpoint] = []

        async def look(transport: Transport) -> None:
            seen.append(transport.remote)

        stream = await connect(MemoryNetwork(1), look)
        return seen[0], stream.remote

    far, near = run(scene())
    assert far.ip == A
    assert near == REMOTE


def test_host_cannot_dial_from_an_ip_of_another() -> None:
    async def scene() -> None:
        await MemoryNetwork(1).get_connections(A).connect(REMOTE, C, 5.0)

    with pytest.raises(TransportClosed):
        run(scene())


def test_closed_stream_gives_what_was_written_and_then_its_end() -> None:
    async def speak(transport: Transport) -> None:
        await transport.write(b"last words")

    async def scene() -> bytes:
        return await read_all(await connect(MemoryNetwork(1), speak))

    assert run(scene()) == b"last words"


def test_who_closed_cannot_go_on() -> None:
    async def scene() -> None:
        stream = await connect(MemoryNetwork(1))
        stream.close()
        stream.close()
        with pytest.raises(TransportClosed):
            await stream.read_some(1)
        with pytest.raises(TransportClosed):
            await stream.write(b"x")

    run(scene())


def test_writer_learns_that_nobody_reads_any_more() -> None:
    async def leave(transport: Transport) -> None:
        """Closes at once."""

    async def scene() -> None:
        stream = await connect(MemoryNetwork(1), leave)
        await stream.write(b"unheard")
        await asyncio.sleep(1)
        with pytest.raises(TransportClosed):
            await stream.write(b"x")

    run(scene())


def test_reader_that_waits_is_woken_by_its_own_close() -> None:
    async def scene() -> None:
        stream = await connect(MemoryNetwork(1))
        asyncio.get_running_loop().call_later(1, stream.close)
        with pytest.raises(TransportClosed):
            await stream.read_some(1)

    run(scene())


def test_port_where_nothing_listens_refuses() -> None:
    async def scene() -> None:
        network = MemoryNetwork(1)
        network.get_connections(B)
        await network.get_connections(A).connect(REMOTE, None, 5.0)

    with pytest.raises(TransportClosed, match="refused"):
        run(scene())


def test_unknown_host_does_not_answer() -> None:
    async def scene() -> float:
        with pytest.raises(TimeoutError):
            await MemoryNetwork(1).get_connections(A).connect(REMOTE, None, 5.0)
        return now()

    assert run(scene()) == pytest.approx(5.0)


def test_closed_listener_refuses_and_its_sessions_go_on() -> None:
    async def scene() -> bytes:
        network = MemoryNetwork(1)
        listener = await network.get_connections(B).listen(REMOTE, echo)
        stream = await network.get_connections(A).connect(REMOTE, None, 5.0)
        await listener.close()
        with pytest.raises(TransportClosed):
            await network.get_connections(A).connect(REMOTE, None, 5.0)
        await stream.write(b"still")
        return await read_exactly(stream, 5)

    assert run(scene()) == b"still"


def test_ports_are_given_and_kept() -> None:
    async def scene() -> None:
        host = MemoryNetwork(1).get_connections(B)
        first = await host.listen(Endpoint(B, 0), echo)
        second = await host.listen(Endpoint(B, 0), echo)
        assert first.endpoint.port != second.endpoint.port
        with pytest.raises(TransportClosed, match="in use"):
            await host.listen(first.endpoint, echo)

    run(scene())


def test_writer_waits_while_the_reader_does_not_read() -> None:
    async def idle(transport: Transport) -> None:
        await asyncio.sleep(100)
        await read_all(transport)

    async def scene() -> float:
        stream = await connect(MemoryNetwork(1), idle)
        await stream.write(bytes(MAX_BUFFER_BYTES))
        assert now() < 1
        await stream.write(b"more")
        return now()

    assert run(scene()) >= 100


def test_bandwidth_takes_its_time() -> None:
    async def scene() -> float:
        quality = LinkQuality(0.0, 0.0, 0.0, bytes_per_s=1000.0)
        stream = await connect(MemoryNetwork(1, quality))
        await stream.write(bytes(2000))
        await read_exactly(stream, 2000)
        return now()

    assert 4.0 <= run(scene()) <= 4.1


def test_lost_packets_are_sent_again_and_hold_up_what_follows_in_order() -> None:
    async def scene(loss: float) -> tuple[bytes, float]:
        network = MemoryNetwork(7, FIXED)
        stream = await connect(network)
        network.set_quality(A, B, replace(FIXED, loss_chance=loss))
        begin = now()
        for number in range(100):
            await stream.write(bytes([number]))
        return await read_exactly(stream, 100), now() - begin

    whole, quick = run(scene(0.0))
    lossy, slow = run(scene(0.3))
    assert whole == lossy == bytes(range(100))
    assert quick == pytest.approx(0.2)
    assert slow > 0.2 + RETRY_S


def test_what_a_spike_holds_up_is_waited_for_by_all_that_follows() -> None:
    async def scene(tail_s: float) -> tuple[bytes, list[float]]:
        network = MemoryNetwork(7, FIXED)
        stream = await connect(network)
        network.set_quality(A, B, replace(FIXED, tail_s=tail_s))
        begin = now()
        for number in range(100):
            await stream.write(bytes([number]))
        data = b""
        came: list[float] = []
        while len(data) < 100:
            data += await stream.read_some(100)
            came += [now() - begin] * (len(data) - len(came))
        return data, came

    whole, quick = run(scene(0.0))
    spiked, slow = run(scene(0.1))
    assert whole == spiked == bytes(range(100))
    assert max(quick) == pytest.approx(0.2)
    assert slow[0] < 1.0 < slow[-1]


def test_a_lost_knock_is_repeated_a_second_later() -> None:
    async def scene() -> list[float]:
        network = MemoryNetwork(9, replace(FIXED, loss_chance=0.5))
        took = []
        for _ in range(10):
            begin = now()
            (await connect(network, timeout_s=10_000.0)).close()
            took.append(round(now() - begin, 3))
        return took

    took = run(scene())
    assert 0.2 in took
    assert max(took) >= 0.2 + SYN_RETRY_S


def test_packets_that_come_twice_cost_bandwidth_only() -> None:
    async def scene(chance: float) -> tuple[bytes, float]:
        network = MemoryNetwork(8, FIXED)
        stream = await connect(network)
        network.set_quality(A, B, replace(FIXED, bytes_per_s=100.0, double_chance=chance))
        begin = now()
        await stream.write(b"x" * 100)
        return await read_exactly(stream, 100), now() - begin

    once, quick = run(scene(0.0))
    twice, slow = run(scene(1.0))
    assert once == twice
    assert slow == pytest.approx(quick + 1.0)


def test_partition_holds_bytes_until_it_heals_and_keeps_their_order() -> None:
    async def scene() -> tuple[bytes, float]:
        network = MemoryNetwork(1, FIXED)
        stream = await connect(network)
        await stream.write(b"1")
        network.partition([[A], [B]])
        await stream.write(b"2")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.read_some(1), 10)
        await stream.write(b"3")
        network.heal()
        await stream.write(b"4")
        return await read_exactly(stream, 4), now()

    data, ended = run(scene())
    assert data == b"1234"
    assert ended < 12


def test_partition_lets_no_connection_through_and_heals() -> None:
    async def scene() -> float:
        network = MemoryNetwork(1, FIXED)
        await (await connect(network, source=C)).write(b"x")
        network.partition([[A], [B]])
        with pytest.raises(TimeoutError):
            await connect(network, timeout_s=4)
        asyncio.get_running_loop().call_later(5, network.heal)
        await connect(network, timeout_s=30)
        return now()

    assert 5 < run(scene()) < 20


def test_partition_leaves_groups_together() -> None:
    async def scene() -> bytes:
        network = MemoryNetwork(1)
        network.partition([[A, B], [C]])
        stream = await connect(network)
        await stream.write(b"hi")
        return await read_exactly(stream, 2)

    assert run(scene()) == b"hi"


def test_block_cuts_one_direction_only() -> None:
    async def scene() -> tuple[bytes, bytes]:
        heard = bytearray()

        async def answer(transport: Transport) -> None:
            await transport.write(b"welcome")
            while True:
                heard.extend(await transport.read_some(100))

        network = MemoryNetwork(1)
        stream = await connect(network, answer)
        network.block(A, B)
        await stream.write(b"lost for now")
        greeting = await read_exactly(stream, 7)
        await asyncio.sleep(10)
        assert not heard
        network.heal()
        await asyncio.sleep(10)
        return greeting, bytes(heard)

    assert run(scene()) == (b"welcome", b"lost for now")


def test_crash_resets_streams_and_closes_the_port_until_the_restart() -> None:
    async def scene() -> bytes:
        network = MemoryNetwork(1)
        stream = await connect(network)
        old = network.get_connections(B)
        network.crash(B)
        with pytest.raises(TransportClosed, match="reset"):
            await stream.read_some(1)
        with pytest.raises(TransportClosed, match="refused"):
            await network.get_connections(A).connect(REMOTE, None, 5.0)
        with pytest.raises(TransportClosed, match="crashed"):
            await old.listen(REMOTE, echo)
        await network.restart(B).listen(REMOTE, echo)
        again = await network.get_connections(A).connect(REMOTE, None, 5.0)
        await again.write(b"back")
        return await read_exactly(again, 4)

    assert run(scene()) == b"back"


def test_crash_cancels_what_served_there() -> None:
    async def scene() -> list[str]:
        ends: list[str] = []

        async def serve(transport: Transport) -> None:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

        network = MemoryNetwork(1)
        await connect(network, serve)
        network.crash(B)
        await asyncio.sleep(1)
        return ends

    assert run(scene()) == ["cancelled"]


def test_silent_crash_leaves_peers_half_open() -> None:
    async def scene() -> None:
        network = MemoryNetwork(1)
        stream = await connect(network)
        network.crash(B, silent=True)
        await stream.write(b"anybody there?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.read_some(1), 1000)
        with pytest.raises(TimeoutError):
            await network.get_connections(A).connect(REMOTE, None, 60)

    run(scene())


def test_reset_streams_break_at_both_ends() -> None:
    async def scene() -> None:
        network = MemoryNetwork(1)
        stream = await connect(network)
        network.reset_streams(B, A)
        with pytest.raises(TransportClosed):
            await stream.write(b"x")

    run(scene())


def test_stalled_streams_carry_nothing_and_say_nothing() -> None:
    async def scene() -> None:
        network = MemoryNetwork(1)
        stream = await connect(network)
        network.stall_streams(A, B)
        await stream.write(b"x")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.read_some(1), 1000)

    run(scene())


@pytest.mark.parametrize(
    ("quality", "error"),
    [(LinkQuality(reset_chance=0.5), TransportClosed), (LinkQuality(stall_chance=0.5), TimeoutError)],
)
def test_faults_by_chance_happen(quality: LinkQuality, error: type[Exception]) -> None:
    async def scene() -> None:
        stream = await connect(MemoryNetwork(1, quality))
        async with asyncio.timeout(1000):
            for _ in range(50):
                await stream.write(b"x")
                await read_exactly(stream, 1)

    with pytest.raises(error):
        run(scene())


def test_unexpected_failure_of_a_server_is_shown_and_closes_the_stream() -> None:
    async def scene() -> list[str]:
        shown: list[str] = []

        def show(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
            shown.append(repr(context["exception"]))

        async def fail(transport: Transport) -> None:
            raise ValueError("a bug")

        asyncio.get_running_loop().set_exception_handler(show)
        assert await read_all(await connect(MemoryNetwork(1), fail)) == b""
        return shown

    assert run(scene()) == ["ValueError('a bug')"]


def test_dialler_that_gives_up_leaves_no_stream_behind() -> None:
    async def scene() -> bytes:
        got: list[bytes] = []

        async def serve(transport: Transport) -> None:
            got.append(await read_all(transport))

        network = MemoryNetwork(1, FIXED)
        with pytest.raises(TimeoutError):
            await connect(network, serve, timeout_s=0.15)
        await asyncio.sleep(1)
        return got[0]

    assert run(scene()) == b""
