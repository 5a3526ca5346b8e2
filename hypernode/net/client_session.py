"""The side of a session that asks: hello, then questions in turn (spec 2).

A session opens with a hello in a legacy frame that announces our features; if the answer announces some
too, both go on with what both have, after both have proved who they are if that is among it.  A question
that fails for whatever reason ends the session: its answer might still come and be taken for the next one's.
The side that answers is ``net.server``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Final, TypeVar

from hypernode.core.errors import Ignore, Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Endpoint, Height
from hypernode.net.session import SessionTraffic, make_hello, switch_framing
from hypernode.net.signed_hello import AskingProof, Identity, limit_features
from hypernode.net.stream import CommandStream, UnparsedAnswer, run_inline
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections, Transport, TransportClosed
from hypernode.ports.signing import Offload
from hypernode.wire.catalogue import COMMANDS, CommandId, Limits, get_answer_limit
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import ForeignNetwork, Framing, Mode
from hypernode.wire.hello import FEATURE_SIGNED_HELLO, Hello, parse_hello
from hypernode.wire.spool import MakeSpool, MemorySpool
from hypernode.wire.tags import RULE

_MAX_REASON_CHARS: Final = 100
Answer = TypeVar("Answer")


class HelloRefused(Exception):
    """The peer answered our hello, or our proof, with ko, or is of another network.  ``reason``: printable
    ASCII."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"hello refused: {reason}")
        self.reason = reason


class ClientSession(SessionTraffic):
    """A connection that we opened.  ``features`` are those that both sides have.  ``peer_hello`` is None on a
    connection without hello.  ``proved_address`` is the address whose key the peer proved to hold, None if it
    only claims one."""

    def __init__(
        self,
        transport: Transport,
        params: ChainParams,
        limits: Limits,
        *,
        clock: Clock,
        mode: Mode = Mode.LEGACY,
        offload: Offload = run_inline,
        make_spool: MakeSpool = MemorySpool,
        posnet_allow: Collection[str] | None = None,
    ) -> None:
        self._params = params
        self._posnet_allow = params.default_tunables.posnet_allow if posnet_allow is None else posnet_allow
        self._limits = limits
        self._asked: CommandId | None = None
        self._giant: Limits | None = None
        """Those of the answer at hand, if it may be a giant block."""
        self._lock = asyncio.Lock()
        framing = Framing(params.magic, self._limit_of, mode)
        self._stream = CommandStream(
            transport, framing, limits, clock, offload, is_asking=True, make_spool=make_spool
        )
        self.remote = transport.remote
        self.features = 0
        self.peer_hello: Hello | None = None
        self.proved_address: str | None = None
        self.close_reason: str | None = None
        self._never_heights = False

    @property
    def is_closed(self) -> bool:
        """Closed by us, or found closed; that the peer closed shows only at the next question."""
        return self.close_reason is not None

    async def request(self, command: Command, timeout_s: float) -> Command:
        """Ask and take the answer, whatever its id; one question at a time, others wait within their own
        time.  Raises TransportClosed, TimeoutError (also when the peer is slow to send what it began),
        Reject for an answer that is none, Ignore for what must not go to this peer."""
        until = asyncio.get_running_loop().time() + timeout_s
        await self._take_turn(timeout_s)
        try:
            self._check(command)
            return await self._exchange(command, until, self._read_answer)
        finally:
            self._lock.release()

    async def request_unparsed(self, command: Command, timeout_s: float) -> Command | UnparsedAnswer:
        """As ``request``, but a long answer comes back as bytes whose tags were walked."""
        until = asyncio.get_running_loop().time() + timeout_s
        await self._take_turn(timeout_s)
        try:
            self._check(command)
            return await self._exchange(command, until, self._stream.read_unparsed)
        finally:
            self._lock.release()

    async def request_giant(self, height: Height, most_bytes: int) -> Command:
        """Ask for a block that is known to be larger than any that is pushed; as ``request``, and
        StorageFault where it cannot be put away."""
        limits = self._limits
        self._giant = replace(
            limits,
            one_block_bytes=most_bytes,
            block_messages=limits.giant_block_messages,
            frame_fields=limits.giant_block_fields,
            frame_s=limits.giant_block_s,
        )
        try:
            question = Command(CommandId.GETBLOCK, int32=height)
            return await self.request(question, limits.giant_block_s)
        finally:
            self._giant = None

    async def _read_answer(self, wait_s: float, most_s: float) -> Command:
        return await self._stream.read_command(wait_s, most_s, self._giant)

    async def _exchange(
        self, command: Command, until: float, read: Callable[[float, float], Awaitable[Answer]]
    ) -> Answer:
        """Question and answer, by ``until`` (loop time); whatever goes wrong ends the session."""
        loop = asyncio.get_running_loop()
        try:
            self._refuse_unasked()
            self._asked = command.id
            await self._stream.write_command(command, until - loop.time())
            left_s = until - loop.time()
            return await read(left_s, left_s)
        except ForeignNetwork as problem:
            self.close(f"another network: {problem.reason}")
            raise HelloRefused(f"it sends {problem.reason}") from problem
        except BaseException as problem:
            self.close(f"{command.id.name.lower()} failed: {problem!r}")
            raise
        finally:
            self._asked = None

    async def _take_turn(self, timeout_s: float) -> None:
        """Acquire the lock; waiting for it is limited, where there is anything to wait for."""
        if self._lock.locked():
            async with asyncio.timeout(timeout_s):
                await self._lock.acquire()
        else:
            await self._lock.acquire()

    async def send(self, command: Command) -> None:
        """Send a command that has no answer.  Raises TransportClosed, TimeoutError, Ignore."""
        async with self._lock:
            self._check(command)
            try:
                await self._stream.write_command(command)
            except BaseException as problem:
                self.close(f"{command.id.name.lower()} failed: {problem!r}")
                raise

    async def send_hello(
        self, hello: Hello, features: int, timeout_s: float, identity: Identity | None = None
    ) -> None:
        """The first exchange, and the proofs where both sign their hellos.  ``features``: what we announce, 0
        to look like a legacy node; without ``identity`` no signed hello.  Raises HelloRefused and what
        ``request`` raises."""
        features = limit_features(features, identity)
        proof = AskingProof(identity) if identity and features & FEATURE_SIGNED_HELLO else None
        question = make_hello(
            hello, features, nonce=proof.nonce if proof else None, pubkey=proof.pubkey if proof else None
        )
        answer = self._require(await self.request(question, timeout_s), CommandId.HELLO)
        self.peer_hello = parse_hello(answer.string or "")
        if self.peer_hello.posnet not in self._posnet_allow:
            raise HelloRefused(f"its posnet is {self.peer_hello.posnet}")
        self.features = features & (answer.features or 0)
        self._never_heights = hello.is_client or hello.is_one_off
        switch_framing(self._stream.framing, self.features)
        if proof is not None and self.features & FEATURE_SIGNED_HELLO:
            their_address = self.peer_hello.address
            auth = proof.prove(answer, hello.address, their_address, self._params.address_byte)
            self._require(await self.request(auth, timeout_s), CommandId.OK)
            self.proved_address = their_address

    def _require(self, answer: Command, command_id: CommandId) -> Command:
        """The answer, if it is of this kind.  Raises HelloRefused, Reject."""
        if answer.id is CommandId.KO:
            self.close("hello refused")
            raise HelloRefused(_clean(answer.string or ""))
        if answer.id is not command_id:
            self.close("no hello")
            raise Reject(RULE, f"hello answered with {answer.id.name.lower()}")
        return answer

    def close(self, reason: str = "closed") -> None:
        """End the session; the first reason stays."""
        if self.close_reason is None:
            self.close_reason = reason
            self._stream.close()

    def _check(self, command: Command) -> None:
        if self.is_closed:
            raise TransportClosed(f"the session is closed: {self.close_reason}")
        if COMMANDS[command.id].is_feature_only and not self.features:
            raise Ignore(RULE, f"{command.id.name.lower()} is not for a peer without features")
        if command.id is CommandId.HEIGHT and self._never_heights:
            raise Ignore(RULE, "no height over a one-off connection: it would make us a place to sync from")

    def _refuse_unasked(self) -> None:
        """Refuse what came after the last answer: it belongs to no question."""
        if self._stream.framing.is_in_frame and self._stream.take_frame() is not None:
            raise Reject(RULE, "a frame that was not asked for")

    def _limit_of(self, command_id: CommandId | None, is_first_frame: bool) -> int:
        if self._asked is None:
            return self._limits.request_bytes
        most = get_answer_limit(self._giant or self._limits, self._asked)
        if command_id is None:
            return max(most, self._limits.request_bytes)
        return most if command_id is self._asked else self._limits.request_bytes


async def open_session(
    connections: Connections,
    remote: Endpoint,
    *,
    params: ChainParams,
    limits: Limits,
    hello: Hello,
    features: int,
    clock: Clock,
    connect_timeout_s: float,
    hello_timeout_s: float,
    source_ip: str | None = None,
    start_checked: bool = False,
    identity: Identity | None = None,
    offload: Offload = run_inline,
    make_spool: MakeSpool = MemorySpool,
    posnet_allow: Collection[str] | None = None,
) -> ClientSession:
    """Connect and say hello, signed where there is an ``identity`` and the peer can, too.
    ``start_checked``: the peer is known to have checked frames; ``posnet_allow``: networks that its hello may
    name, those of ``params`` where none are given; the two before it are as for ``CommandStream``.
    Raises HelloRefused, TransportClosed, TimeoutError, Reject."""
    transport = await connections.connect(remote, source_ip, connect_timeout_s)
    mode = Mode.CHECKED if start_checked else Mode.LEGACY
    session = ClientSession(
        transport,
        params,
        limits,
        clock=clock,
        mode=mode,
        offload=offload,
        make_spool=make_spool,
        posnet_allow=posnet_allow,
    )
    try:
        await session.send_hello(hello, features, hello_timeout_s, identity)
    except BaseException as problem:
        session.close(f"{problem!r}")
        raise
    return session


async def request_without_hello(
    connections: Connections,
    remote: Endpoint,
    command: Command,
    *,
    params: ChainParams,
    limits: Limits,
    clock: Clock,
    connect_timeout_s: float,
    timeout_s: float,
    source_ip: str | None = None,
) -> Command:
    """One question as the first frame of a connection of its own (``test``).  Raises what ``request``
    raises."""
    _check_before_hello(command)
    transport = await connections.connect(remote, source_ip, connect_timeout_s)
    session = ClientSession(transport, params, limits, clock=clock)
    try:
        return await session.request(command, timeout_s)
    finally:
        session.close()


def encode_without_hello(command: Command) -> bytes:
    """The frame of a command that is the only one of a connection (``block``), the same for every peer."""
    _check_before_hello(command)
    return Framing(b"", lambda *_: 0, Mode.LEGACY).encode_frame(encode_command(command))


async def send_without_hello(
    connections: Connections,
    remote: Endpoint,
    frame: bytes,
    *,
    connect_timeout_s: float,
    timeout_s: float,
    source_ip: str | None = None,
) -> None:
    """What ``encode_without_hello`` gave, over a connection of its own.  Raises TransportClosed, TimeoutError
    when it was not written within ``timeout_s``."""
    transport = await connections.connect(remote, source_ip, connect_timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            await transport.write(frame)
    finally:
        transport.close()


def _check_before_hello(command: Command) -> None:
    if not COMMANDS[command.id].is_before_hello:
        raise Ignore(RULE, f"{command.id.name.lower()} needs a hello")


def _clean(text: str) -> str:
    """What a peer sent, made safe for a log."""
    shown = (char if char.isascii() and char.isprintable() else "?" for char in text[:_MAX_REASON_CHARS])
    return "".join(shown)
