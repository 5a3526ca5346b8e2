"""One end of a stream in memory: ``ports.connections.Transport`` over two pipes."""

from __future__ import annotations

from collections.abc import Callable

from hypernode.core.types import Endpoint
from hypernode.sim.memory.pipe import Pipe


def _do_nothing() -> None:
    """Until the network says what is to be done."""


class MemoryTransport:
    """What a node reads from and writes to.  ``other`` is the end at the peer, set by the network."""

    other: MemoryTransport

    def __init__(self, local: Endpoint, remote: Endpoint, *, incoming: Pipe, outgoing: Pipe) -> None:
        self.local_ip = local.ip
        self._remote = remote
        self.incoming = incoming
        self.outgoing = outgoing
        self.is_closed = False
        self.on_close: Callable[[], None] = _do_nothing

    @property
    def remote(self) -> Endpoint:
        return self._remote

    @property
    def is_gone(self) -> bool:
        return self.is_closed or self.incoming.is_over

    async def read_some(self, max_bytes: int) -> bytes:
        return await self.incoming.read_some(max_bytes)

    async def write(self, data: bytes) -> None:
        await self.outgoing.write(data)

    def close(self) -> None:
        """What was written still arrives; a peer that writes more is told."""
        if self.is_closed:
            return
        self.is_closed = True
        self.incoming.abandon("closed here")
        self.outgoing.finish("closed here")
        self.on_close()

    def die(self, problem: str) -> None:
        """This end is broken at once and says nothing to the other."""
        self.is_closed = True
        self.incoming.abandon(problem)
        self.outgoing.refuse_writes(problem)
        self.on_close()

    def break_both(self, problem: str) -> None:
        """Both ends are broken at once."""
        self.die(problem)
        self.other.die(problem)

    def stall(self) -> None:
        """Nothing arrives any more at either end, and neither is told."""
        self.incoming.stall()
        self.outgoing.stall()
