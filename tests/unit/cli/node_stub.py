"""A listening node for tests of the client: real TCP, real frames, real sessions, and a small chain that is
kept in a dictionary in place of a ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from hypernode.app.system_clock import SystemClock, SystemEntropy
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Block, Endpoint, Message
from hypernode.net.admission import Admission
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller
from hypernode.net.server import serve_session
from hypernode.net.signed_hello import Identity
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.connections import Transport
from hypernode.wallet.pos_wallet import make_wallet
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello

WALLET = make_wallet(b"\x07" * 32, mainnet().address_byte)
MESSAGE_ITEMS = 10
MESSAGE = create_message(
    WALLET.sign,
    WALLET.pubkey,
    timestamp=1_600_000_000,
    sender=WALLET.address,
    recipient=WALLET.address,
    what=202,
    params="START",
    value=5,
)
BLOCK = Block(
    height=7,
    round=1,
    sir=2,
    timestamp=1_600_000_010,
    previous_hash=b"\x01" * 20,
    messages=(MESSAGE,),
    msg_count=1,
    uniques_sources=1,
    signature=b"\x02" * 64,
    block_hash=b"\x03" * 20,
    forger=WALLET.address,
)
HEADER = Block(8, 1, 3, 1_600_000_200, b"\x03" * 20, (), 4, 3, b"\x04" * 64, b"\x05" * 20, WALLET.address)
STATUS = {"chain": {"height": 8}, "state": {"state": "SYNCING", "forger": None}, "PID": 1}

Handler = Callable[[Caller, Command], Awaitable[Command | None]]


class StubNode:
    """Answers like a node whose chain ends at height 8; remembers what was asked."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.asked: list[Command] = []
        self.got: list[Message] = []

    async def handle(self, caller: Caller, command: Command) -> Command | None:
        self.asked.append(command)
        if command.id is CommandId.TX:
            self.got += command.messages
            return Command(CommandId.OK)
        return self._answer(command)

    def _answer(self, command: Command) -> Command | None:
        asked, text = command.id, command.string
        if asked is CommandId.PING:
            return Command(CommandId.OK)
        if asked is CommandId.UPDATE:
            return Command(CommandId.KO, string="signed releases only")
        if asked in (CommandId.GETBLOCK, CommandId.BLOCKSYNC):
            return Command(asked, blocks=(BLOCK,) if command.int32 == BLOCK.height else ())
        if asked is CommandId.GETHEADERS:
            return Command(asked, blocks=() if text == "9,1" else (HEADER,))
        if asked is CommandId.GETTX:
            return Command(asked, messages=(MESSAGE,) if text == MESSAGE.txid.hex() else ())
        if asked in (CommandId.GETADDTXS, CommandId.MEMPOOL):
            return Command(asked, messages=(MESSAGE,))
        return Command(asked, string=json.dumps({"asked": asked.name.lower(), "text": text, **STATUS}))


async def stay_silent(caller: Caller, command: Command) -> Command | None:
    """A handler that never answers."""
    await asyncio.Event().wait()
    return None


@asynccontextmanager
async def listening(
    handler: Handler,
    *,
    on_hello: Callable[[Caller], None] = lambda caller: None,
    features: int = ANNOUNCED_FEATURES,
    params: ChainParams | None = None,
) -> AsyncIterator[Endpoint]:
    """The node's address while it listens."""
    served_network = params or mainnet()
    limits = Limits(sessions_per_ip=50)
    wallet = make_wallet(WALLET.privkey, served_network.address_byte)
    admission = Admission(limits, is_never_held=lambda ip: ip == "127.0.0.1")
    budgets = Budgets(limits, SystemClock())

    async def on_connection(transport: Transport) -> None:
        await serve_session(
            transport,
            params=served_network,
            limits=limits,
            clock=SystemClock(),
            our_hello=Hello(served_network.posnet, 6969, wallet.address),
            features=features,
            admission=admission,
            is_registered=lambda ip: False,
            on_hello=on_hello,
            handler=handler,
            budgets=budgets,
            identity=Identity(wallet, SystemEntropy()),
        )

    async with listening_raw(on_connection) as endpoint:
        yield endpoint


@asynccontextmanager
async def listening_raw(on_connection: Callable[[Transport], Awaitable[None]]) -> AsyncIterator[Endpoint]:
    """A free port on loopback whose connections go to ``on_connection``."""
    listener = await TornadoConnections().listen(Endpoint("127.0.0.1", 0), on_connection)
    try:
        yield listener.endpoint
    finally:
        await listener.close()


def without_received(value: Any) -> Any:
    """A JSON value with 0 for when its messages were received, which is when the client got them."""
    if isinstance(value, dict):
        return {key: without_received(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    is_message = len(value) == MESSAGE_ITEMS and isinstance(value[-1], int)
    return [*value[:-1], 0] if is_message else [without_received(item) for item in value]
