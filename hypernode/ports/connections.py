"""Streams of bytes to and from other hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from hypernode.core.types import (
    Endpoint,
)


class TransportClosed(ConnectionError):
    """The stream is closed, by us, by the peer or by the network."""


class Transport(Protocol):
    """A connected stream of bytes."""

    @property
    def remote(self) -> Endpoint: ...

    @property
    def is_gone(self) -> bool:
        """Whether the stream is closed, or its peer closed its end, which may show here before anybody reads
        it."""
        ...

    async def read_some(self, max_bytes: int) -> bytes:
        """At least one byte, as soon as there is one.  Raises TransportClosed at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Returns when the bytes may be forgotten here.  Raises TransportClosed."""
        ...

    def close(self) -> None:
        """Ends the stream; whoever reads or writes gets TransportClosed."""
        ...


class Listener(Protocol):
    """A listening port."""

    @property
    def endpoint(self) -> Endpoint: ...

    async def close(self) -> None:
        """Stops accepting.  Sessions that are under way go on."""
        ...


class Connections(Protocol):
    """Opens and accepts transports."""

    async def connect(self, remote: Endpoint, source_ip: str | None, timeout_s: float) -> Transport:
        """Raises TransportClosed when refused or unreachable, TimeoutError after ``timeout_s``."""
        ...

    def has_address(self, ip: str) -> bool:
        """Whether this host has an address now, so that one can dial from it."""
        ...

    async def listen(
        self, local: Endpoint, on_connection: Callable[[Transport], Awaitable[None]]
    ) -> Listener:
        """Port 0 takes a free one.  Every connection gets a task of its own that ``on_connection``
        lives in; the stream is closed when it returns."""
        ...
