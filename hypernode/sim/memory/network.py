"""A network in memory, for many nodes in one process on virtual time; a host is its IP.

Latencies, faults and ports follow from the seed; every event goes into ``trace``, so two runs can be
compared by one hash.  A host may be cut off (``partition``, ``block``), may lose its streams
(``reset_streams``, ``stall_streams``) or crash.  A crashed host's process is gone: its tasks of accepted
connections are cancelled, its streams dead, and its old ``Connections`` refuse everything; those that
``restart`` gives work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from hypernode.core.types import Endpoint
from hypernode.sim.memory.holding import NOWHERE
from hypernode.sim.memory.host import MemoryConnections, MemoryHost
from hypernode.sim.memory.link import Link, LinkQuality
from hypernode.sim.memory.pipe import Pipe
from hypernode.sim.memory.stream import MemoryTransport
from hypernode.sim.memory.trace import Trace


class MemoryNetwork:
    """Hosts and the links between them.  Use it inside a running loop."""

    def __init__(self, seed: int, quality: LinkQuality | None = None) -> None:
        self._seed = seed
        self.quality = quality or LinkQuality()
        """Of links that nobody spoiled."""
        self._hosts: dict[str, MemoryHost] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._groups: dict[str, int] = {}
        self._blocked: dict[tuple[str, str], None] = {}
        self._streams: dict[MemoryTransport, None] = {}
        """Dialling ends of the streams that are not over, in the order in which they were made."""
        self.trace = Trace()

    # --- hosts --------------------------------------------------------------------------------------

    def get_connections(self, ip: str) -> MemoryConnections:
        """What a node on this host dials and listens with.  The host is made when it is new."""
        return MemoryConnections(self, self._get_or_make(ip))

    def find_host(self, ip: str) -> MemoryHost | None:
        return self._hosts.get(ip)

    def _get_or_make(self, ip: str) -> MemoryHost:
        return self._hosts.setdefault(ip, MemoryHost(ip))

    def crash(self, ip: str, *, silent: bool = False) -> None:
        """End the host's process at once.  Peers see their streams reset; ``silent``: the power went, so
        they see nothing, and who dials it gets no answer."""
        host = self._hosts[ip]
        host.crash(silent=silent)
        self.record("crash", ip)
        for stream in list(self._streams):
            for end in (stream, stream.other):
                if end.local_ip == ip:
                    end.die("this host crashed")
                    if silent:
                        end.stall()
                    else:
                        self.tell_reset(end.other, ip)

    def restart(self, ip: str) -> MemoryConnections:
        """The host is up (again), with nothing listening; returns its new connections."""
        self._get_or_make(ip).restart()
        self.record("restart", ip)
        return self.get_connections(ip)

    # --- faults -------------------------------------------------------------------------------------

    def partition(self, groups: Sequence[Collection[str]]) -> None:
        """Hosts reach only those of their group; hosts that are not named form one more group.  What is
        sent across is held until ``heal``."""
        self._groups = {ip: number for number, group in enumerate(groups, start=1) for ip in group}
        self.record("partition", "/".join(",".join(sorted(group)) for group in groups))

    def block(self, source: str, target: str) -> None:
        """Nothing gets from ``source`` to ``target``; the other direction goes on."""
        self._blocked[source, target] = None
        self.record("block", source, target)

    def unblock(self, source: str, target: str) -> None:
        """The way that ``block`` cut is free again, and what was held on it is sent."""
        self._blocked.pop((source, target), None)
        self.record("unblock", source, target)
        for stream in self._list_streams(source, target):
            (stream if stream.local_ip == source else stream.other).outgoing.release()

    def slow_down(self, source: str, target: str, extra_s: float) -> None:
        """From now on everything from ``source`` to ``target`` takes so much longer; 0: as before."""
        self._get_link(source, target).extra_s = extra_s
        self.record("slow down", source, target)

    def set_quality(self, source: str, target: str, quality: LinkQuality) -> None:
        """From now on the link is like this, but for its latency, which stays."""
        self._get_link(source, target).quality = quality
        self.record("set quality", source, target)

    def heal(self) -> None:
        """Every way is free again, and what was held is sent."""
        self._groups = {}
        self._blocked = {}
        self.record("heal")
        for stream in list(self._streams):
            stream.outgoing.release()
            stream.incoming.release()

    def reset_streams(self, a: str, b: str) -> None:
        """Break every stream between two hosts; both are told."""
        for stream in self._list_streams(a, b):
            self._get_link(a, b).harmed += 1
            stream.break_both("reset by the network")

    def stall_streams(self, a: str, b: str) -> None:
        """Leave every stream between two hosts half open: nothing arrives, nobody is told."""
        for stream in self._list_streams(a, b):
            self._get_link(a, b).harmed += 1
            stream.stall()

    # --- for hosts and streams ----------------------------------------------------------------------

    def is_blocked(self, source: str, target: str) -> bool:
        """Whether nothing gets from one host to the other at present; asked for what is on its way."""
        apart = self._groups.get(source, 0) != self._groups.get(target, 0)
        is_blocked = apart or (source, target) in self._blocked
        if is_blocked:
            self._get_link(source, target).harmed += 1
        return is_blocked

    def count_harm(self, ips: Collection[str]) -> int:
        """How often something between these hosts and the others was stopped, lost or held up so far."""
        return sum(
            link.harmed
            for (source, target), link in self._links.items()
            if (source in ips) is not (target in ips)
        )

    def count_harm_among(self, ips: Collection[str]) -> int:
        """The same between these hosts."""
        return sum(
            link.harmed for (source, target), link in self._links.items() if source in ips and target in ips
        )

    def is_lost(self, source: str, target: str) -> bool:
        """Whether a packet without payload is lost now."""
        return self._get_link(source, target).draw_loss()

    def compute_delay(self, source: str, target: str) -> float:
        """How long a packet without payload takes now, in seconds."""
        now = asyncio.get_running_loop().time()
        return self._get_link(source, target).compute_arrival(now, 0) - now

    def make_stream(self, near: Endpoint, far: Endpoint) -> MemoryTransport:
        """A stream from ``near`` to ``far``; returns the end at ``near``, whose ``other`` is at ``far``."""
        there, back = self._make_pipe(near, far), self._make_pipe(far, near)
        end = MemoryTransport(near, far, incoming=back, outgoing=there)
        other = MemoryTransport(far, near, incoming=there, outgoing=back)
        end.other, other.other = other, end
        there.on_reset = lambda: end.break_both("reset")
        back.on_reset = lambda: end.break_both("reset")
        end.on_close = other.on_close = lambda: self._forget_if_dead(end)
        self._streams[end] = None
        return end

    def tell_reset(self, end: MemoryTransport, source: str) -> None:
        """A reset travels from ``source`` to ``end``, and is lost where the way is cut."""
        if not self.is_blocked(source, end.local_ip):
            delay = self.compute_delay(source, end.local_ip)
            asyncio.get_running_loop().call_later(delay, end.die, "reset by the peer", context=NOWHERE)

    def record(self, event: str, source: str = "", target: str = "", size: int = 0) -> None:
        """Put an event into the trace."""
        self.trace.record(asyncio.get_running_loop().time(), event, source, target, size)

    def _make_pipe(self, source: Endpoint, target: Endpoint) -> Pipe:
        return Pipe(
            f"{source.ip}:{source.port}",
            f"{target.ip}:{target.port}",
            self._get_link(source.ip, target.ip),
            self.trace,
            lambda: self.is_blocked(source.ip, target.ip),
        )

    def _get_link(self, source: str, target: str) -> Link:
        link = self._links.get((source, target))
        if link is None:
            link = self._links[source, target] = Link(self._seed, source, target, self.quality)
        return link

    def _list_streams(self, a: str, b: str) -> list[MemoryTransport]:
        return [s for s in self._streams if (s.local_ip, s.remote.ip) in ((a, b), (b, a))]

    def _forget_if_dead(self, stream: MemoryTransport) -> None:
        if stream.is_closed and stream.other.is_closed:
            self._streams.pop(stream, None)
