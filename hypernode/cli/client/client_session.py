"""One question of a client to a node: connect, hello, ask, each within its time limit.  It never hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypernode import __version__
from hypernode.cli.client.actions import Action, Answer, read_answer
from hypernode.core.kinds import format_peer_name
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.signed_hello import Identity
from hypernode.node.base.json_shapes import message_to_list
from hypernode.node.peers.identities import KeyProof
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections
from hypernode.ports.signing import Signer
from hypernode.wire.catalogue import LIMITS, CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

TEST_VALUE: Final = 1


class SaidKo(Exception):
    """The peer said no; its reason may be empty, and is as it came."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, as whom, and how long to wait."""

    params: ChainParams
    remote: Endpoint
    address: str
    """Ours, for the hello."""
    source_ip: str | None
    connect_timeout_s: float
    read_timeout_s: float
    identity: Identity | None = None
    """The key of ``address``; None where there is none to sign the hello with."""


async def ask(
    target: Target,
    action: Action,
    question: Command,
    *,
    connections: Connections,
    clock: Clock,
    tell: Callable[[str], None],
) -> Answer:
    """The answer to ``question``.  ``tell`` hears of each step.  Raises what ``open_session`` and
    ``ClientSession.request`` raise, SaidKo, BadAnswer."""
    name = format_peer_name(target.remote.ip, target.remote.port)
    tell(f"connecting to {name}, at most {target.connect_timeout_s:g} s")
    begun = clock.monotonic()
    session = await open_session(
        connections,
        target.remote,
        params=target.params,
        limits=LIMITS,
        hello=Hello(target.params.posnet, CLIENT_PORT, target.address),
        features=ANNOUNCED_FEATURES,
        clock=clock,
        connect_timeout_s=target.connect_timeout_s,
        hello_timeout_s=target.read_timeout_s,
        source_ip=target.source_ip,
        identity=target.identity,
    )
    tell(f"said hello as {target.address}, {clock.monotonic() - begun:.3f} s, features {session.features}")
    if session.peer_hello is not None:
        tell(f"it is {session.peer_hello.address}, {_get_identity(session)}")
    try:
        return await _ask_in(session, action, question, target.read_timeout_s, clock, begun)
    finally:
        session.close()


async def _ask_in(
    session: ClientSession, action: Action, question: Command, timeout_s: float, clock: Clock, begun: float
) -> Answer:
    if action.command is CommandId.HELLO:
        return _describe_hello(session)
    if action.command is CommandId.PING and not session.features:
        # a legacy node closes on a ping after hello: its hello was the answer
        return Answer({"ok": True, "rtt": round(clock.monotonic() - begun, 6)})
    asked = clock.monotonic()
    reply = await session.request(question, timeout_s)
    rtt = round(clock.monotonic() - asked, 6)
    if reply.id is CommandId.KO:
        raise SaidKo(reply.string or "")
    answer = read_answer(action, reply)
    if action.command is CommandId.TX:
        # what was sent, as legacy clients print it
        return Answer(message_to_list(question.messages[0]))
    if action.command is CommandId.PING:
        return Answer({"ok": True, "rtt": rtt})
    if action.command is CommandId.STATUS and isinstance(answer.value, dict):
        return Answer(answer.value | {"client": _describe_client(session, clock, rtt)})
    return answer


def _describe_hello(session: ClientSession) -> Answer:
    hello = session.peer_hello
    if hello is None:
        raise SaidKo("no hello")
    return Answer(
        {
            "posnet": hello.posnet,
            "port": hello.port,
            "address": hello.address,
            "identity": _get_identity(session),
        }
    )


def _get_identity(session: ClientSession) -> str:
    """How well we know whom we talk with: a signed hello proves its address, a legacy one claims it."""
    return KeyProof.PROVED.value if session.proved_address is not None else KeyProof.CLAIMED.value


def _describe_client(session: ClientSession, clock: Clock, rtt: float) -> dict[str, object]:
    """What a client adds to a status (spec 6), and how well it knows whose it is."""
    return {
        "version": __version__,
        "lib_version": __version__,
        "localtime": clock.now(),
        "rtt": rtt,
        "identity": _get_identity(session),
    }


def make_test_message(signer: Signer, clock: Clock) -> Command:
    """The ``txtest`` question: a message what 0, value 1, to ourselves."""
    message = create_message(
        signer.sign,
        signer.pubkey,
        timestamp=int(clock.now()),
        sender=signer.address,
        recipient=signer.address,
        what=0,
        value=TEST_VALUE,
    )
    return Command(CommandId.TX, messages=(message,))


def run_asking(
    target: Target, action: Action, question: Command, clock: Clock, tell: Callable[[str], None]
) -> Answer:
    """``ask`` over TCP, from a program that has no event loop yet."""
    from hypernode.net.tornado_connections import TornadoConnections

    return asyncio.run(
        ask(target, action, question, connections=TornadoConnections(), clock=clock, tell=tell)
    )
