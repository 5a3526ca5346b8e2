"""A host in memory: one IP, its listening ports, and the tasks of the connections that it accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from hypernode.core.types import Endpoint
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.sim.memory.holding import make_context
from hypernode.sim.memory.stream import MemoryTransport

FIRST_FREE_PORT: Final = 49_152
"""Where ports of dialling ends, and of listeners that ask for any, begin."""
SYN_RETRY_S: Final = 1.0
"""After this, doubled each time, a dialling host knocks again where the way is cut."""

OnConnection = Callable[[Transport], Awaitable[None]]


class MemoryHost:
    """What the network knows of one host."""

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.is_up = True
        """Somebody answers, if only that nothing listens."""
        self.life = 0
        """Counts crashes: what belongs to an earlier life is dead."""
        self.listeners: dict[int, MemoryListener] = {}
        self.tasks: dict[asyncio.Task[None], None] = {}
        self._next_port = FIRST_FREE_PORT

    def take_port(self) -> int:
        """A port that was not given yet."""
        self._next_port += 1
        return self._next_port - 1

    def crash(self, *, silent: bool) -> None:
        """The process is gone, and with ``silent`` the whole host."""
        self.life += 1
        self.is_up = not silent
        self.listeners.clear()
        for task in list(self.tasks):
            task.cancel()

    def restart(self) -> None:
        self.is_up = True

    def accept(self, listener: MemoryListener, transport: MemoryTransport) -> None:
        """Give a new connection a task of its own."""
        name = f"{self.ip} serves {transport.remote.ip}:{transport.remote.port}"
        loop = asyncio.get_running_loop()
        # Whoever dialled: it is this host that serves.
        work = _serve(listener.on_connection, transport)
        task = loop.create_task(work, name=name, context=make_context(self.ip))
        self.tasks[task] = None
        task.add_done_callback(self._on_served)

    def _on_served(self, task: asyncio.Task[None]) -> None:
        """What a server did not expect is shown where asyncio shows such things."""
        self.tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            loop = task.get_loop()
            loop.call_exception_handler({"message": task.get_name(), "exception": error, "task": task})


async def _serve(on_connection: OnConnection, transport: MemoryTransport) -> None:
    try:
        await on_connection(transport)
    except TransportClosed:
        """The stream is over, and so is serving it."""
    finally:
        transport.close()


class MemoryListener:
    """Implements ``ports.connections.Listener``."""

    def __init__(self, host: MemoryHost, endpoint: Endpoint, on_connection: OnConnection) -> None:
        self._host = host
        self._endpoint = endpoint
        self.on_connection = on_connection

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    async def close(self) -> None:
        if self._host.listeners.get(self._endpoint.port) is self:
            del self._host.listeners[self._endpoint.port]


class HostNetwork(Protocol):
    """What a host asks of the network that it is on; ``sim.memory.network.MemoryNetwork`` is one."""

    def find_host(self, ip: str) -> MemoryHost | None:
        """The host with this IP; None where nobody is."""

    def is_blocked(self, source: str, target: str) -> bool:
        """Whether nothing gets from one host to the other at present."""

    def is_lost(self, source: str, target: str) -> bool:
        """Whether a packet without payload is lost now."""

    def compute_delay(self, source: str, target: str) -> float:
        """How long a packet without payload takes now, in seconds."""

    def make_stream(self, near: Endpoint, far: Endpoint) -> MemoryTransport:
        """A stream; returns the end at ``near``, whose ``other`` is at ``far``."""

    def record(self, event: str, source: str = "", target: str = "", size: int = 0) -> None:
        """Put an event into the trace."""


class MemoryConnections:
    """Implements ``ports.connections.Connections`` for one life of one host."""

    def __init__(self, network: HostNetwork, host: MemoryHost) -> None:
        self._network = network
        self._host = host
        self._life = host.life

    async def connect(self, remote: Endpoint, source_ip: str | None, timeout_s: float) -> Transport:
        """One round trip.  Across a cut, and to hosts that are down, it takes the whole time-out."""
        self._require_life()
        if source_ip not in (None, self._host.ip):
            raise TransportClosed(f"cannot dial from {source_ip}: the host is {self._host.ip}")
        local = Endpoint(self._host.ip, self._host.take_port())
        self._network.record("dial", f"{local.ip}:{local.port}", f"{remote.ip}:{remote.port}")
        transport: MemoryTransport | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await self._travel(local.ip, remote.ip)
                transport = self._knock(local, remote)
                await self._travel(remote.ip, local.ip)
            self._require_life()
        except BaseException:
            if transport is not None:
                transport.close()
            raise
        if transport is None:
            raise TransportClosed(f"refused by {remote.ip}:{remote.port}")
        return transport

    def has_address(self, ip: str) -> bool:
        return ip == self._host.ip

    async def listen(self, local: Endpoint, on_connection: OnConnection) -> MemoryListener:
        """``local.ip`` may be any that means this host; raises TransportClosed when the port is taken."""
        self._require_life()
        port = local.port or self._host.take_port()
        if port in self._host.listeners:
            raise TransportClosed(f"{self._host.ip}:{port} is in use")
        listener = MemoryListener(self._host, Endpoint(self._host.ip, port), on_connection)
        self._host.listeners[port] = listener
        return listener

    def _knock(self, local: Endpoint, remote: Endpoint) -> MemoryTransport | None:
        """Arrive at the remote host: a stream when something listens there."""
        host = self._network.find_host(remote.ip)
        listener = None if host is None else host.listeners.get(remote.port)
        event = "accept" if listener else "refuse"
        self._network.record(event, f"{local.ip}:{local.port}", f"{remote.ip}:{remote.port}")
        if host is None or listener is None:
            return None
        transport = self._network.make_stream(local, remote)
        host.accept(listener, transport.other)
        return transport

    async def _travel(self, source: str, target: str) -> None:
        """A packet goes one way; where it is lost it is sent again."""
        retry_s = SYN_RETRY_S
        while True:
            await asyncio.sleep(self._network.compute_delay(source, target))
            is_open = not self._network.is_blocked(source, target) and not self._network.is_lost(
                source, target
            )
            if is_open and self._is_up(source) and self._is_up(target):
                return
            await asyncio.sleep(retry_s)
            retry_s *= 2

    def _is_up(self, ip: str) -> bool:
        host = self._network.find_host(ip)
        return host is not None and host.is_up

    def _require_life(self) -> None:
        if self._host.life != self._life:
            raise TransportClosed(f"{self._host.ip} crashed")
