"""Gathers facts for ``health.node``: finds the node of this folder by its lock, and asks it."""

from __future__ import annotations

import psutil

from hypernode import __version__
from hypernode.app.system_clock import SystemEntropy
from hypernode.cli.check.inquiry import Inquiry, in_thread
from hypernode.cli.check.look_files import look_at_lock
from hypernode.cli.client.actions import ACTIONS, BadAnswer, make_question, read_answer
from hypernode.cli.client.client_session import SaidKo
from hypernode.cli.client.identity import make_throwaway
from hypernode.config.settings import ANY_IP, Settings
from hypernode.core.errors import Ignore, Reject
from hypernode.core.types import Endpoint
from hypernode.health.node import Answers, NodeFacts
from hypernode.net.client_session import ClientSession, HelloRefused, open_session
from hypernode.net.signed_hello import Identity
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.connections import TransportClosed
from hypernode.wire.catalogue import LIMITS, CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

CONNECT_S = 1.5
ANSWER_S = 2.5
LOOPBACK = "127.0.0.1"
PROBLEMS = (TransportClosed, TimeoutError, HelloRefused, Reject, Ignore, SaidKo, BadAnswer, OSError)
"""What asking may raise."""


async def look_for_node(inquiry: Inquiry) -> int | None:
    """The process of the node on this folder.  A ledger tool has the folder too, but nothing else of it.
    Raises OSError where the lock cannot be looked at: whether one runs is not known then."""
    lock = await inquiry.once(look_at_lock)
    if lock.problem:
        raise OSError(lock.problem)
    pid = lock.data_pid
    if pid is None or pid == lock.wallet_pid:
        return pid
    return pid if await in_thread(lambda: _list_listening(pid)) != [] else None


async def look_at_node(inquiry: Inquiry) -> NodeFacts:
    """The running node's answers, if one runs."""
    params = inquiry.settings.params
    pid = await inquiry.once(look_for_node)
    if pid is None:
        return NodeFacts(params, inquiry.now, __version__, is_running=False)
    try:
        endpoint = await in_thread(lambda: find_endpoint(inquiry.settings, pid))
        session = await open_to(inquiry, endpoint)
        try:
            answers = await _ask_all(session, params.slots_total)
        finally:
            session.close()
    except PROBLEMS as problem:
        words = describe(problem)
        return NodeFacts(params, inquiry.now, __version__, is_running=True, problem=words)
    return NodeFacts(params, inquiry.now, __version__, is_running=True, answers=answers)


def find_endpoint(settings: Settings, pid: int) -> Endpoint:
    """Where the process listens, which its own command line may have said; else where it should."""
    places = _list_listening(pid) or [Endpoint(settings.listen_ip, settings.port)]
    # the daemon has one port; where it has more, ours is that of the configuration
    place = next((place for place in places if place.port == settings.port), places[0])
    return Endpoint(LOOPBACK, place.port) if place.ip == ANY_IP else place


def _list_listening(pid: int) -> list[Endpoint] | None:
    """Where a process listens; None for one that this user may not look at."""
    try:
        found = psutil.Process(pid).net_connections("tcp4")
    except psutil.Error:
        return None
    return [Endpoint(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN]


async def open_to(inquiry: Inquiry, endpoint: Endpoint) -> ClientSession:
    """A session under a throw-away name.  Raises what is in ``PROBLEMS``."""
    params = inquiry.settings.params
    speaker = make_throwaway(params)
    return await open_session(
        TornadoConnections(),
        endpoint,
        params=params,
        limits=LIMITS,
        hello=Hello(params.posnet, CLIENT_PORT, speaker.address),
        features=ANNOUNCED_FEATURES,
        clock=inquiry.clock,
        connect_timeout_s=CONNECT_S,
        hello_timeout_s=CONNECT_S,
        identity=Identity(speaker, SystemEntropy()),
    )


async def _ask_all(session: ClientSession, blocks: int) -> Answers:
    hello = session.peer_hello
    if hello is None:
        raise BadAnswer("no hello")
    status = await _ask(session, "status")
    round_ = await _ask(session, "round")
    headers = await session.request(make_question(ACTIONS["headers"], f",{blocks}"), ANSWER_S)
    return Answers(
        hello.address,
        status if isinstance(status, dict) else {},
        round_ if isinstance(round_, dict) else {},
        headers.blocks if headers.id is CommandId.GETHEADERS else (),
    )


async def _ask(session: ClientSession, name: str) -> object:
    action = ACTIONS[name]
    reply: Command = await session.request(make_question(action, ""), ANSWER_S)
    if reply.id is CommandId.KO:
        raise SaidKo(reply.string or "")
    return read_answer(action, reply).value


def describe(problem: Exception) -> str:
    """In words; a time-out has none of its own."""
    return (
        "no answer in time" if isinstance(problem, TimeoutError) else str(problem) or type(problem).__name__
    )
