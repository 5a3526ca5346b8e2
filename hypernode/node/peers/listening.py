"""Incoming connections: who they are, and the loop that answers them.

A hypernode that says its registered port becomes a peer that is listened to; clients and one-off
connections are answered and forgotten.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Protocol

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.printable import printable
from hypernode.core.types import Block, Endpoint
from hypernode.mempool.pool import Mempool
from hypernode.net.admission import Admission
from hypernode.net.answer import Answer
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.proving import Keys
from hypernode.net.server import serve_session
from hypernode.net.signed_hello import Identity
from hypernode.net.standing import Standing
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.peers.access_log import AccessLog
from hypernode.node.peers.peer_log_limiter import PeerLogLimiter
from hypernode.node.peers.peer_table import Peer, Peers
from hypernode.node.peers.standing import find_standing
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections, Listener, Transport
from hypernode.ports.signing import Verifier
from hypernode.ports.tunables import CurrentTunables
from hypernode.wire.catalogue import Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello


class CannotListen(Exception):
    """The port cannot be opened; the text says why and what to do.  ``is_temporary``: waiting may help."""

    def __init__(self, words: str, *, is_temporary: bool) -> None:
        super().__init__(words)
        self.is_temporary = is_temporary


def explain_refusal(local: Endpoint, error: OSError) -> CannotListen:
    """What an operator can do if the system does not give us an address and port."""
    port = f"port {local.port} of {local.ip}"
    match error.errno:
        case errno.EADDRINUSE:
            words = f"{port} is taken: stop what listens there, or choose another one (PORT, or -p)"
            return CannotListen(words, is_temporary=True)
        case errno.EADDRNOTAVAIL | errno.EINVAL:
            words = f"{local.ip} is not an address of this host. Behind NAT: -I ALL"
            return CannotListen(words, is_temporary=False)
        case errno.EACCES | errno.EPERM:
            words = (
                f"{port} may not be used by this user: choose one from 1024 on (PORT, or -p), or give the "
                "right to (CAP_NET_BIND_SERVICE)"
            )
            return CannotListen(words, is_temporary=False)
    words = f"{port} cannot be listened on: {error.strerror or error}"
    return CannotListen(words, is_temporary=True)


class Handlers(Protocol):
    """What answers incoming sessions; ``node.rpc`` implements it."""

    allow_queries_from: Collection[str]
    """The operator's IPs, as the tunable parameters have them now."""

    async def handle(self, caller: Caller, command: Command) -> Answer | None:
        """The answer to a command; None where there is none."""

    async def screen_block(self, ip: str, header: Block) -> None:
        """A pushed block before its messages are parsed.  Raises Ignore for one that is refused."""


@dataclass(slots=True)
class Listening:
    """Accepts sessions.  ``own_port`` is the port in our hello."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    connections: Connections
    identity: Identity
    verifier: Verifier
    limits: Limits
    own_port: int
    peers: Peers
    mempool: Mempool
    serving: Handlers
    log: Callable[[str], None]
    subjects: Subjects = SILENT
    access: AccessLog | None = None
    admission: Admission = field(init=False)
    _early_limits: Limits = field(init=False)
    """Until a list is known: nobody is put on hold for not being on it, and hypernodes of a network on
    loopback are no strangers of one /24."""
    _log_limiter: PeerLogLimiter = field(init=False)
    _budgets: Budgets = field(init=False)
    _transports: dict[int, Transport] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self._early_limits = replace(
            self.limits, hold_first_s=0.0, hold_max_s=0.0, sessions_per_site=self.limits.sessions
        )
        self.admission = Admission(self._early_limits, self._is_never_held, self.get_standing)
        self._budgets = Budgets(self.limits, self.clock)
        self._log_limiter = PeerLogLimiter(self.log, self.clock.monotonic)

    async def start(self, local: Endpoint) -> Listener:
        """Listen.  Raises CannotListen."""
        try:
            return await self.connections.listen(local, self._serve)
        except OSError as error:
            raise explain_refusal(local, error) from error

    @property
    def count(self) -> int:
        """How many incoming sessions are open."""
        return len(self._transports)

    @property
    def bytes_held(self) -> int:
        """Bytes of the questions and answers of these sessions."""
        return self._budgets.bytes_held

    def close_all(self) -> None:
        """End every incoming session."""
        for transport in list(self._transports.values()):
            transport.close()

    def _is_never_held(self, ip: str) -> bool:
        """Whether the operator's tools come from the IP, by the allow list in force; also if a hypernode has
        it."""
        return ip in self.serving.allow_queries_from

    def get_standing(self, ip: str) -> Standing:
        """What an IP counts for; the operator's own IPs by the allow list in force."""
        return find_standing(self.peers, self.serving.allow_queries_from, ip)

    async def _serve(self, transport: Transport) -> None:
        self._count += 1
        number = self._count
        self._transports[number] = transport
        self.admission.change_limits(self.limits if self.peers.has_list else self._early_limits)
        known: list[Peer] = []
        try:
            end = await serve_session(
                transport,
                params=self.params,
                posnet_allow=self.tunables.current().posnet_allow,
                limits=self.limits,
                clock=self.clock,
                our_hello=Hello(self.params.posnet, self.own_port, self.identity.signer.address),
                features=ANNOUNCED_FEATURES,
                admission=self.admission,
                is_registered=self.peers.is_registered_ip,
                on_hello=lambda caller: known.extend(self._welcome(caller)),
                handler=self.serving.handle,
                budgets=self._budgets,
                offload=self.verifier.run,
                identity=self.identity,
                screen_block=self.serving.screen_block,
                on_end=self.access.note if self.access is not None else _tell_nobody,
                keys=Keys(self.peers.is_key_of, self.peers.is_key_proved_at),
            )
        finally:
            del self._transports[number]
            for peer in known:
                self.peers.remove(peer)
                if not self.peers.shares_exchange(peer):
                    self.mempool.forget_peer(peer.exchange)
        if end.is_foreign:
            ip = transport.remote.ip
            self._log_limiter.note(ip, f"{ip}: {printable(end.reason)}: {self._describe_network()}")
        if end.is_offence:
            ip = transport.remote.ip
            self._log_limiter.note(ip, f"{ip}: {end.reason}, on hold for {end.held_s:.0f} s")

    def _describe_network(self) -> str:
        name, posnet, magic = self.params.name, self.params.posnet, self.params.magic.hex()
        return (
            f"it is of another network, or configured for one (ours is {name}, {posnet}, magic {magic}): "
            "name the right one there, or here (--network, NETWORK)"
        )

    def _welcome(self, caller: Caller) -> list[Peer]:
        """A hypernode that says hello with its own port is a peer of ours from now on."""
        hello = caller.hello
        self.subjects.log("hello", lambda: _describe_hello(caller))
        if hello is None or not hello.is_dialable:
            return []
        peer = Peer(
            caller.name,
            caller.ip,
            hello.port,
            caller.features,
            is_outbound=False,
            caller=caller,
            proved_address=caller.proved_address,
        )
        self.peers.add(peer)
        self.mempool.forget_peer(peer.exchange)
        return [peer]


def _tell_nobody(caller: Caller, end: SessionEnd) -> None:
    """For a node without a log of sessions."""


def _describe_hello(caller: Caller) -> str:
    hello = caller.hello
    said = f"{printable(hello.address)} of {printable(hello.posnet)}" if hello is not None else "nothing"
    return f"{caller.name} says {said}, features {caller.features}"
