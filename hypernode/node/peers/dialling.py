"""Connections that we open: the standing ones of the round, and one-off ones for a single errand.

On a legacy link a peer is the socket's IP and the port of its hello: a second connection under the same
name, once closed, breaks the first (spec 2).  So standing connections say our registered port, and
errands say 00000 and never tell a height; a pushed block and a test go without any hello.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.printable import printable
from hypernode.core.types import Block, Endpoint, Registration
from hypernode.net.client_session import (
    ClientSession,
    HelloRefused,
    encode_without_hello,
    open_session,
    request_without_hello,
    send_without_hello,
)
from hypernode.net.signed_hello import Identity
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.peers.peer_table import Peers, parse_port
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections, TransportClosed
from hypernode.ports.files import Files
from hypernode.ports.signing import Verifier
from hypernode.ports.tunables import CurrentTunables
from hypernode.wire.catalogue import Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello

CONNECT_TIMEOUT_S = 5.0
HELLO_TIMEOUT_S = 90.0
"""As long as a legacy node may be deaf while it derives a round."""
ERRAND_PORT = 0
"""What a node says for its port on a one-off command connection (00000)."""
PUSH_TIMEOUT_S = 45.0
TEST_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Dialler:
    """Opens connections from our own IP, by which peers know us.  ``own_port`` is the port that we are
    registered with, ``source_ips`` the IPs that the operator gave as ours."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    connections: Connections
    identity: Identity
    verifier: Verifier
    files: Files
    peers: Peers
    limits: Limits
    own_port: int
    source_ips: tuple[str, ...] = ()
    subjects: Subjects = SILENT
    _errands: dict[Endpoint, asyncio.Lock] = field(default_factory=dict)
    """Per hypernode: errands there say one name, so they go one after the other."""
    _encoded: tuple[Command, bytes] | None = None
    """The last command that was sent alone, and its frame."""

    def find_source_ip(self) -> str | None:
        """The address to dial out from: ours as registered whenever this host has it, else what the operator
        says; None, the host's choice, where it has neither (behind a router).  Looked at anew for each
        connection, of which there are few: addresses come and go."""
        own = self.peers.find_by_address(self.identity.signer.address)
        wanted = (own.ip, *self.source_ips) if own is not None else self.source_ips
        return next((ip for ip in wanted if self.connections.has_address(ip)), None)

    async def open_standing(self, entry: Registration) -> ClientSession:
        """A standing connection of the round, under our registered name."""
        return await self._open(entry, self.own_port)

    @asynccontextmanager
    async def open_once(self, entry: Registration) -> AsyncIterator[ClientSession]:
        """A connection for one errand.  Raises TransportClosed, also if our hello is refused."""
        async with self._errands.setdefault(self._endpoint(entry), asyncio.Lock()):
            try:
                session = await self._open(entry, ERRAND_PORT)
            except HelloRefused as refusal:
                raise TransportClosed(str(refusal)) from refusal
            try:
                yield session
            finally:
                session.close()

    @asynccontextmanager
    async def borrow(self, address: str) -> AsyncIterator[ClientSession]:
        """The standing connection to a hypernode if there is one, else one for this errand.  Raises
        TransportClosed when it cannot be dialled."""
        peer = self.peers.find_outbound(address)
        if peer is not None and peer.session is not None and not peer.session.is_closed:
            yield peer.session
            return
        entry = self.peers.find_by_address(address)
        if entry is None:
            raise TransportClosed(f"{address} is not registered")
        async with self.open_once(entry) as session:
            yield session

    async def send_alone(self, entry: Registration, command: Command) -> None:
        """One command over a connection of its own, without hello and without an answer.  The same command
        to many is encoded once."""
        await send_without_hello(
            self.connections,
            self._endpoint(entry),
            self._encode(command),
            source_ip=self.find_source_ip(),
            connect_timeout_s=CONNECT_TIMEOUT_S,
            timeout_s=PUSH_TIMEOUT_S,
        )

    def _encode(self, command: Command) -> bytes:
        known = self._encoded
        if known is None or known[0].id is not command.id or not _is_same(known[0].blocks, command.blocks):
            self._encoded = known = (command, encode_without_hello(command))
        return known[1]

    async def ask_alone(self, entry: Registration, command: Command) -> Command:
        """One command over a connection of its own, without hello, and its answer."""
        return await request_without_hello(
            self.connections,
            self._endpoint(entry),
            command,
            params=self.params,
            limits=self.limits,
            clock=self.clock,
            source_ip=self.find_source_ip(),
            connect_timeout_s=CONNECT_TIMEOUT_S,
            timeout_s=TEST_TIMEOUT_S,
        )

    async def _open(self, entry: Registration, port: int) -> ClientSession:
        """Raises TransportClosed for another at the endpoint of a hypernode whose key is connected."""
        session = await self._open_to_anyone(entry, port)
        self.subjects.log("hello", lambda: _describe_hello(entry, session))
        if session.proved_address != entry.pos and self.peers.is_key_connected(entry.pos):
            session.close("another than the one whose key is connected")
            raise TransportClosed("who answers did not prove the key that is connected from its IP")
        return session

    async def _open_to_anyone(self, entry: Registration, port: int) -> ClientSession:
        return await open_session(
            self.connections,
            self._endpoint(entry),
            source_ip=self.find_source_ip(),
            params=self.params,
            posnet_allow=self.tunables.current().posnet_allow,
            limits=self.limits,
            hello=Hello(self.params.posnet, port, self.identity.signer.address),
            features=ANNOUNCED_FEATURES,
            clock=self.clock,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            hello_timeout_s=HELLO_TIMEOUT_S,
            offload=self.verifier.run,
            make_spool=self.files.make_spool,
            identity=self.identity,
        )

    def _endpoint(self, entry: Registration) -> Endpoint:
        port = parse_port(entry.port)
        if port is None:
            raise TransportClosed(f"the port registered for {entry.ip} is none")
        return Endpoint(entry.ip, port)


def _is_same(one: tuple[Block, ...], other: tuple[Block, ...]) -> bool:
    """The very same blocks: to compare two of thousands of messages takes as long as to encode one."""
    return len(one) == len(other) > 0 and all(map(operator.is_, one, other))


def _describe_hello(entry: Registration, session: ClientSession) -> str:
    hello = session.peer_hello
    said = printable(hello.address) if hello is not None else "nothing"
    proved = "proved" if session.proved_address is not None else "claimed"
    return f"{entry.ip}:{entry.port} answers as {said} ({proved}), features {session.features}"
