"""Floods of strangers: many addresses that are registered nowhere take places, ask, or do not read answers.

What they do is no excuse: a network that they attack is judged as in calm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

from hypernode.core.address import encode_address
from hypernode.core.errors import Verdict
from hypernode.core.hashing import h20
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, HelloRefused, open_session
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.sim.cluster import SimNode
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.hello import CLIENT_PORT, Hello, format_hello

STAYING: Final = 220
"""More than strangers may have of the places of a node (``Limits.sessions`` less ``sessions_kept``)."""
ASKING: Final = 4
NOT_READING: Final = 12
AGAIN_S: Final = 120.0
"""After which those that were sent away come again."""
QUESTION_EVERY_S: Final = 6.0
QUESTIONS_AT_ONCE: Final = 30
"""Whose answers nobody reads."""
CONNECT_S: Final = 5.0
SENT_AWAY: Final = (TransportClosed, TimeoutError, HelloRefused, Verdict, OSError)
QUESTIONS: Final = (
    Command(CommandId.BLOCKSYNC, int32=0),
    Command(CommandId.STATUS),
    Command(CommandId.GETHEADERS, string=",500"),
)


@dataclass(slots=True)
class Strangers:
    """Those of one fault, at one host."""

    cluster: FaultCluster
    fault: Fault
    target: SimNode
    transports: list[Transport] = field(default_factory=list)

    def get_ip(self, number: int) -> str:
        """Each in a /24 of its own."""
        return f"{160 + self.fault.number % 30}.{self.target.index % 250}.{number % 250}.{1 + number // 250}"

    async def dial(self, number: int) -> Transport:
        """A connection to the host."""
        connections = self.cluster.network.get_connections(self.get_ip(number))
        remote = Endpoint(self.target.ip, self.cluster.params.port)
        transport = await connections.connect(remote, None, CONNECT_S)
        self.transports.append(transport)
        self.cluster.strangers += 1
        return transport

    async def open(self, number: int) -> ClientSession:
        """A session of a client."""
        return await open_session(
            self.cluster.network.get_connections(self.get_ip(number)),
            Endpoint(self.target.ip, self.cluster.params.port),
            params=self.cluster.params,
            limits=Limits(),
            hello=self.make_hello(number),
            features=0,
            clock=self.cluster.clock,
            connect_timeout_s=CONNECT_S,
            hello_timeout_s=CONNECT_S,
        )

    def make_hello(self, number: int) -> Hello:
        """Of an address that nobody knows."""
        pos = encode_address(h20(self.get_ip(number).encode()), self.cluster.params.address_byte)
        return Hello(self.cluster.params.posnet, CLIENT_PORT, pos)

    def drop_closed(self) -> int:
        """How many of the connections stand."""
        standing = [transport for transport in self.transports if not transport.is_gone]
        self.cluster.strangers -= len(self.transports) - len(standing)
        self.transports = standing
        return len(standing)

    def close(self) -> None:
        """It is over."""
        for transport in self.transports:
            transport.close()
        self.cluster.strangers -= len(self.transports)
        self.transports = []


async def attack(strangers: Strangers) -> None:
    """Go on until it is cancelled."""
    try:
        await _ATTACKS[strangers.fault.kind](strangers)
    finally:
        strangers.close()


async def _stay(strangers: Strangers) -> None:
    """Say hello, and nothing more; who is sent away comes again."""
    number = 0
    while True:
        for _ in range(STAYING - strangers.drop_closed()):
            number += 1
            with suppress(*SENT_AWAY):
                transport = await strangers.dial(number)
                hello = Command(CommandId.HELLO, string=format_hello(strangers.make_hello(number)))
                await transport.write(_frame(hello))
                strangers.cluster.impacts.count(strangers.fault)
        await asyncio.sleep(AGAIN_S)


async def _leave_unread(strangers: Strangers) -> None:
    """Ask for blocks, again and again, and read nothing."""
    number = 0
    questions = _frame(QUESTIONS[0]) * QUESTIONS_AT_ONCE
    while True:
        for _ in range(NOT_READING - strangers.drop_closed()):
            number += 1
            with suppress(*SENT_AWAY):
                transport = await strangers.dial(number)
                hello = Command(CommandId.HELLO, string=format_hello(strangers.make_hello(number)))
                await transport.write(_frame(hello) + questions)
                strangers.cluster.impacts.count(strangers.fault)
        await asyncio.sleep(AGAIN_S)


async def _ask(strangers: Strangers) -> None:
    """Ask dear questions, each as soon as the last one is answered."""

    async def ask(number: int) -> None:
        for question in cycle(QUESTIONS):
            with suppress(*SENT_AWAY):
                session = await strangers.open(number)
                try:
                    while not session.is_closed:
                        await session.request(question, CONNECT_S)
                        strangers.cluster.impacts.count(strangers.fault)
                        await asyncio.sleep(QUESTION_EVERY_S)
                finally:
                    session.close()
            await asyncio.sleep(QUESTION_EVERY_S)

    async with asyncio.TaskGroup() as tasks:
        for number in range(ASKING):
            tasks.create_task(ask(number), name=f"stranger {number}")


def _frame(command: Command) -> bytes:
    """Of a legacy stream."""
    payload = encode_command(command)
    return len(payload).to_bytes(4, "big") + payload


async def _do_all(strangers: Strangers) -> None:
    """Each of the three, by strangers of its own."""
    async with asyncio.TaskGroup() as tasks:
        for attack_by in (_stay, _ask, _leave_unread):
            others = Strangers(strangers.cluster, strangers.fault, strangers.target)
            tasks.create_task(_attack_and_close(attack_by, others), name="crowd")


async def _attack_and_close(attack_by: Callable[[Strangers], Awaitable[None]], strangers: Strangers) -> None:
    try:
        await attack_by(strangers)
    finally:
        strangers.close()


_ATTACKS: Final[Mapping[FaultKind, Callable[[Strangers], Awaitable[None]]]] = {
    FaultKind.STRANGERS_STAY: _stay,
    FaultKind.STRANGERS_ASK: _ask,
    FaultKind.STRANGERS_UNREAD: _leave_unread,
    FaultKind.STRANGERS_CROWD: _do_all,
}
