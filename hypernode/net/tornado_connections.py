"""TCP as ``ports.connections.Connections``: Tornado's streams (the only module that imports them).

Nagle's delay is off, or small answers crawl.  Nothing is read ahead of who reads, and what is written in
one piece goes in slices, so that a slow peer holds no more than a slice twice.  A second daemon on the
port is an error: SO_REUSEPORT, which would let it bind silently, is not used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from tornado.iostream import IOStream, StreamClosedError

from hypernode.core.types import Endpoint
from hypernode.ports.connections import Listener, Transport, TransportClosed

BUFFER_BYTES: Final = 1024 * 1024
"""A stream's own buffers, each way: some reads of 64 KiB."""
SLICE_BYTES: Final = 256 * 1024
"""A long frame is written in such slices."""
READ_BYTES: Final = 64 * 1024
"""Read at once from a connection that came in."""
KERNEL_BYTES: Final = 256 * 1024
"""What the kernel holds of a connection that came in, each way (Linux takes twice that).  Left alone it goes
up to some megabytes, outside of every budget of ours, and a slow reader would not show."""
BACKLOG: Final = 128
"""Connections that the kernel keeps until we accept them."""
PAUSE_S: Final = 1.0
"""When none can be taken: sessions end meanwhile."""
TELL_EVERY_S: Final = 60.0

_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
_OVER: Final = frozenset((7, 8))
"""The first byte of TCP_INFO is the state: closed, or closed by the peer (CLOSE_WAIT)."""

_LOG = logging.getLogger("tornado.application")

OnConnection = Callable[[Transport], Awaitable[None]]


class TornadoTransport:
    """One TCP connection."""

    def __init__(self, stream: IOStream, remote: Endpoint, traffic: Traffic) -> None:
        stream.set_nodelay(True)
        self._stream = stream
        self._remote = remote
        self._traffic = traffic
        self._is_open = True
        traffic.note_opened()

    @property
    def remote(self) -> Endpoint:
        return self._remote

    @property
    def is_gone(self) -> bool:
        return self._stream.closed() or _is_half_closed(self._stream.socket)

    async def read_some(self, max_bytes: int) -> bytes:
        try:
            data = await self._stream.read_bytes(max_bytes, partial=True)
        except StreamClosedError as closed:
            raise TransportClosed(_describe(closed)) from None
        self._traffic.note_received(len(data))
        return data

    async def write(self, data: bytes) -> None:
        try:
            if len(data) <= SLICE_BYTES:
                await self._stream.write(data)
                self._traffic.note_sent(len(data))
                return
            view = memoryview(data)
            for start in range(0, len(data), SLICE_BYTES):
                part = view[start : start + SLICE_BYTES]
                await self._stream.write(part)
                self._traffic.note_sent(len(part))
        except StreamClosedError as closed:
            raise TransportClosed(_describe(closed)) from None

    def close(self) -> None:
        if self._is_open:
            self._traffic.note_closed()
        self._is_open = False
        self._stream.close()


class Traffic:
    """What went over all connections: bytes, and how many are open."""

    def __init__(self) -> None:
        self.bytes_received = 0
        self.bytes_sent = 0
        self.open = 0

    @property
    def bytes_moved(self) -> int:
        """Both ways."""
        return self.bytes_received + self.bytes_sent

    def note_opened(self) -> None:
        """A connection opened."""
        self.open += 1

    def note_closed(self) -> None:
        """One that was open closed."""
        self.open -= 1

    def note_received(self, size: int) -> None:
        """So many bytes came."""
        self.bytes_received += size

    def note_sent(self, size: int) -> None:
        """So many bytes went."""
        self.bytes_sent += size


class TornadoConnections:
    """Implements ``ports.connections.Connections``."""

    def __init__(self) -> None:
        self.traffic = Traffic()

    async def connect(self, remote: Endpoint, source_ip: str | None, timeout_s: float) -> Transport:
        """``remote.ip`` may be a host name too.  Raises TransportClosed, TimeoutError."""
        sock: socket.socket | None = None
        stream: IOStream | None = None
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            if source_ip:
                sock.bind((source_ip, 0))
            stream = IOStream(sock, max_buffer_size=BUFFER_BYTES, max_write_buffer_size=BUFFER_BYTES)
            async with asyncio.timeout(timeout_s):
                await stream.connect((await _resolve(remote.ip), remote.port))
            return TornadoTransport(stream, remote, self.traffic)
        except BaseException as problem:
            if opened := stream or sock:
                opened.close()
            if isinstance(problem, (StreamClosedError, OSError)) and not isinstance(problem, TimeoutError):
                raise TransportClosed(f"{remote.ip}:{remote.port}: {_describe(problem)}") from None
            raise

    def has_address(self, ip: str) -> bool:
        """By taking a port there for a moment; an address of a group is nobody's."""
        try:
            address = ipaddress.IPv4Address(ip)
            if address.is_multicast or address.is_unspecified or address.is_reserved:
                return False
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind((ip, 0))
        except (OSError, ValueError):
            return False
        return True

    async def listen(self, local: Endpoint, on_connection: OnConnection) -> Listener:
        """Raises OSError when the port is taken."""
        sock = _bind(local)
        ip, port = sock.getsockname()
        return _Server(sock, Endpoint(ip, port), on_connection, self.traffic)


class _Server:
    """Implements ``ports.connections.Listener``.  Where no connection can be taken (no descriptor is free, no
    memory) it pauses: the kernel keeps who waits, and a loop that tries at once would do nothing else."""

    def __init__(
        self, sock: socket.socket, endpoint: Endpoint, on_connection: OnConnection, traffic: Traffic
    ) -> None:
        self._sock = sock
        self._endpoint = endpoint
        self._on_connection = on_connection
        self._traffic = traffic
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._told_at = -TELL_EVERY_S
        self._listen()

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    async def close(self) -> None:
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock)
        if self._pause is not None:
            self._pause.cancel()
        self._sock.close()

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        """Take who waits, as many at a time as the kernel keeps."""
        for _ in range(BACKLOG):
            try:
                connection, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # it went away while it waited
                continue
            except OSError as error:
                self._wait(error)
                return
            self._take(connection, Endpoint(str(address[0]), int(address[1])))

    def _wait(self, error: OSError) -> None:
        self._loop.remove_reader(self._sock)
        self._pause = self._loop.call_later(PAUSE_S, self._listen)
        now = self._loop.time()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            _LOG.warning("no connection can be taken, it is tried again every second: %s", error)

    def _take(self, connection: socket.socket, remote: Endpoint) -> None:
        """Each connection gets a task of its own."""
        try:
            stream = IOStream(connection, max_buffer_size=BUFFER_BYTES, read_chunk_size=READ_BYTES)
            transport = TornadoTransport(stream, remote, self._traffic)
        except OSError:  # it went away already
            connection.close()
            return
        task = self._loop.create_task(self._serve(transport), name=f"serves {remote.ip}:{remote.port}")
        self._tasks.add(task)
        task.add_done_callback(self._on_served)

    async def _serve(self, transport: TornadoTransport) -> None:
        try:
            await self._on_connection(transport)
        except TransportClosed:
            """The connection is over, and so is serving it."""
        finally:
            transport.close()

    def _on_served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("%s: unexpected %r", task.get_name(), error, exc_info=error)


def _bind(local: Endpoint) -> socket.socket:
    """A listening socket.  SO_REUSEADDR: a restarted node need not wait for what the old one left; it does
    not let two listen at once.  Raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # who is accepted has the same
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        sock.bind((local.ip, local.port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


async def _resolve(host: str) -> str:
    """The IPv4 address of a host; an address is its own."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
        return str(found[0][4][0])
    return host


def _is_half_closed(sock: socket.socket) -> bool:
    """Whether the peer of a TCP socket closed it, which the kernel knows before what it sent is read; never,
    where the kernel does not tell."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] in _OVER if _TCP_INFO else False
    except OSError:
        return True


def _describe(problem: BaseException) -> str:
    real = problem.real_error if isinstance(problem, StreamClosedError) else problem
    return str(real) if real is not None else "closed by the peer"
