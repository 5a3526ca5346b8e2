"""Asking the companion over its TCP port, one question after the other on one connection (spec 5).

It closes after 45 s of silence, and without a word on what it does not understand: without the hypernode
plugin on any ``HN_`` command.  With it, but without ``035_socket_client``, these are left unanswered.  So
there is a time-out here, after which the connection is of no use: an answer may still come, and would be
taken for that of the next question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from hypernode.core.types import Endpoint
from hypernode.ports.connections import Connections, Transport, TransportClosed
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.companion_framing import CompanionBroken, CompanionFraming, encode_frame

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 10.0
PROBE_TIMEOUT_S: Final = 2.0
"""For the plain question that tells a missing plugin from a node that is down or overloaded."""
PROBE: Final = "statusjson"
LARGEST_SILENCE_S: Final = 40.0
"""Of ours; it closes after 45 s."""
READ_BYTES: Final = 65_536
HN_PREFIX: Final = "HN_"


class Unreachable(TransportClosed):
    """The companion cannot be connected to."""


class CompanionClient:
    """At most one connection, opened when needed: each costs the companion four database handles."""

    def __init__(self, connections: Connections, endpoint: Endpoint, monotonic: Callable[[], float]) -> None:
        self._connections = connections
        self._endpoint = endpoint
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._transport: Transport | None = None
        self._framing = CompanionFraming()
        self._last_used = 0.0
        self._has_plugins = False
        """Some ``HN_`` command was answered: neither plugin is missing."""

    @property
    def name(self) -> str:
        """For logs."""
        return f"{self._endpoint.ip}:{self._endpoint.port}"

    async def ask(self, command: str, *parameters: object, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        """The answer to a command; ``parameters`` follow in frames of their own.  Raises PowNotReady with
        words for the operator."""
        request = b"".join(encode_frame(value) for value in (command, *parameters))
        async with self._lock:
            is_kept, began = self._is_usable(), self._monotonic()
            try:
                try:
                    answer = await self._exchange(request, timeout_s)
                except TransportClosed:
                    if not is_kept:
                        raise
                    # it may have closed a kept line just before we wrote: these are all questions, ask again
                    answer = await self._exchange(request, timeout_s)
                self._has_plugins |= command.startswith(HN_PREFIX)
                return answer
            except TransportClosed as closed:
                lasted = self._monotonic() - began
                if lasted >= LARGEST_SILENCE_S:
                    # it was silent until it closed for that
                    raise PowNotReady(await self._explain_silence(command, lasted)) from closed
                raise PowNotReady(await self._explain_closed(command, closed)) from closed
            except TimeoutError as late:
                raise PowNotReady(await self._explain_silence(command, timeout_s)) from late
            except CompanionBroken as broken:
                raise PowNotReady(f"{self.name}: a broken answer to {command}: {broken}") from broken

    def _is_usable(self) -> bool:
        """Whether the line that is open, if one is, can be written to; closes one that cannot."""
        is_old = self._monotonic() - self._last_used > LARGEST_SILENCE_S
        if self._transport is not None and (is_old or not self._framing.is_empty):
            self._drop()
        return self._transport is not None

    async def _exchange(self, request: bytes, timeout_s: float) -> Any:
        """Whatever goes wrong, the line is dropped with it."""
        try:
            if self._transport is None:
                self._transport = await self._connect()
                self._framing = CompanionFraming()
            async with asyncio.timeout(timeout_s):
                await self._transport.write(request)
                while (answer := self._framing.take_value()) is None:
                    self._framing.receive_data(await self._transport.read_some(READ_BYTES))
        except BaseException:
            self._drop()
            raise
        self._last_used = self._monotonic()
        return answer[0]

    async def _connect(self) -> Transport:
        try:
            return await self._connections.connect(self._endpoint, None, CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise Unreachable(f"no connection within {CONNECT_TIMEOUT_S:.0f} s") from None
        except TransportClosed as closed:
            raise Unreachable(str(closed)) from closed

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def _explain_closed(self, command: str, closed: TransportClosed) -> str:
        name = command.partition(" ")[0]
        if isinstance(closed, Unreachable):
            return (
                f"{self.name}: the PoW node cannot be reached ({closed}): is it running, and are POW_IP "
                "and POW_PORT "
                "its own?"
            )
        words = f"{self.name}: the PoW node closed the line on {name} ({closed})"
        if name.startswith(HN_PREFIX) and not self._has_plugins and await self._answers_plainly():
            words = f"{words}: it runs, but without the hypernode plugin"
            return f"{words}: install it there, or use POW_SOURCE=ledger"
        return f"{words}: does it allow this host, and is it a node of this version?"

    async def _explain_silence(self, command: str, timeout_s: float) -> str:
        name = command.partition(" ")[0]
        words = f"{self.name}: no answer to {name} within {timeout_s:.0f} s"
        if not name.startswith(HN_PREFIX) or not await self._answers_plainly():
            return f"{words}; is the PoW node overloaded?"
        if self._has_plugins:
            return f"{words}; the PoW node is busy deriving the list: look into its log"
        return (
            f"{words}, and others are answered: the PoW node lacks 035_socket_client, the plugin that "
            "sends the "
            "answers of the hypernode plugin: install it there, or use POW_SOURCE=ledger"
        )

    async def _answers_plainly(self) -> bool:
        """Whether a question that needs no plugin is answered.  The line is closed afterwards."""
        try:
            await self._exchange(encode_frame(PROBE), PROBE_TIMEOUT_S)
        except (TransportClosed, TimeoutError, CompanionBroken):
            return False
        self._drop()
        return True

    async def close(self) -> None:
        """Close the line.  A question under way fails."""
        self._drop()
