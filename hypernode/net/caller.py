"""Who asks over an incoming session, who answers, and how the session ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from hypernode.core.kinds import format_peer_name
from hypernode.core.types import Endpoint
from hypernode.net.answer import Answer
from hypernode.net.session import SessionTraffic
from hypernode.net.standing import Standing, StandingOf
from hypernode.net.stream import CommandStream
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import (
    Hello,
)


class Caller(SessionTraffic):
    """Who asks: the other end of an incoming session.  ``hello`` is None before the hello, and for a block or
    a test without one.  ``features`` are those that both sides have.  ``proved_address`` is the address whose
    key it proved to hold, None if its hello only claims one."""

    def __init__(
        self,
        stream: CommandStream,
        remote: Endpoint,
        connected_at: float,
        standing_of: StandingOf,
        expect: Callable[[int], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._standing_of = standing_of
        self._expect = expect
        self.remote = remote
        self.connected_at = connected_at
        """Monotonic seconds."""
        self.hello: Hello | None = None
        self.features = 0
        self.commands: Counter[CommandId] = Counter()
        """What it asked, by kind."""
        self.proved_address: str | None = None

    def note_hello(self, hello: Hello) -> None:
        """Its hello came."""
        self.hello = hello

    def note_features(self, features: int) -> None:
        """These are what both sides have."""
        self.features = features

    def note_proof(self, address: str) -> None:
        """It proved to hold the key of this address."""
        self.proved_address = address

    @property
    def ip(self) -> str:
        return self.remote.ip

    @property
    def standing(self) -> Standing:
        """What its IP counts for at present."""
        return self._standing_of(self.ip)

    @property
    def name(self) -> str:
        """``ip:0port`` with the port of its hello: its identity on a legacy connection."""
        return format_peer_name(self.ip, self.hello.port if self.hello else 0)

    @property
    def is_legacy(self) -> bool:
        """Whether it has no features and no checked frames."""
        return not self.features and self._stream.is_legacy

    async def expect(self, size: int) -> None:
        """Take room for an answer of so many bytes, before it is read.  Raises Ignore if there is none."""
        await self._expect(size)

    def close(self) -> None:
        """End the session; its task ends with it."""
        self._stream.close()


Handler: TypeAlias = Callable[[Caller, Command], Awaitable[Answer | None]]
"""The answer to a command, or None where there is none.  Raises Reject or Ignore."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended.  ``held_s``: for how many seconds its IP is on hold.  ``is_offence``: it ended by
    its own fault.  ``is_foreign``: it is of another network, or configured for one."""

    reason: str
    is_offence: bool = False
    held_s: float = 0.0
    is_foreign: bool = False
