"""A devnet of real processes of which one node is attacked, and what it is like for others meanwhile.

The last two of five nodes are ended at once, and their wallets taken: one is the legitimate peer that goes on
asking, the other the registered hypernode that attacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from hypernode.app.system_clock import SystemClock, SystemEntropy
from hypernode.core.errors import Verdict
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.network_file import network_from_json
from hypernode.core.types import Block, ChainHeight, Endpoint, Message
from hypernode.devnet.verdict import SlotKey
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.signed_hello import Identity
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.connections import Transport
from hypernode.wallet.pos_wallet import Wallet, load_open_wallet, make_wallet
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

NODES: Final = 5
MIB: Final = 1024 * 1024
PATIENCE_S: Final = 60.0


@dataclass(slots=True)
class Arena:
    """The attacked node is ``target``; ``peer`` and ``rogue`` are wallets of registered hypernodes."""

    params: ChainParams
    target: Endpoint
    target_address: str
    process: psutil.Process
    home: Path
    witness: Endpoint
    """Another node, that nobody attacks."""
    peer: Wallet
    peer_ip: str
    rogue: Wallet
    rogue_ip: str
    control: Wallet
    """Whose messages count without being registered."""
    connections: TornadoConnections = field(default_factory=TornadoConnections)
    flood: int = 0
    faults: list[str] = field(default_factory=list)
    """What the node did wrong as a flood saw it."""
    said: int = 0
    """Messages that were made."""
    jurors: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Of the rounds that were asked about."""

    def begin_flood(self) -> None:
        """The next flood has addresses that the node has not seen."""
        self.flood += 1
        self.faults.clear()

    def make_stranger_ip(self, number: int) -> str:
        """A loopback address that is not registered, of those of this flood; those that follow each other
        are of different /24s."""
        return f"127.{100 + self.flood}.{number % 200}.{1 + number // 200}"

    def get_rss(self) -> int:
        """Bytes that the attacked node holds."""
        return int(self.process.memory_info().rss)

    def count_log_lines(self) -> int:
        """Lines in all that the attacked node wrote of what it does; one a session has a bound of its own."""
        logs = [*self.home.glob("logs/pos_app*.log"), self.home / "output.log"]
        return sum(path.read_bytes().count(b"\n") for path in logs if path.exists())

    def find_slot_lines(self, slots: Collection[SlotKey]) -> list[str]:
        """What the attacked node wrote of slots of its own that did not get its block."""
        starts = tuple(f"our slot {sir} of round {round_}: " for round_, sir in slots)
        lines = (self.home / "logs/pos_app.log").read_text("utf-8").splitlines() if slots else []
        return [line[line.index("our slot ") :] for line in lines if any(start in line for start in starts)]

    def get_disk_bytes(self) -> int:
        """Of the attacked node's ledger, with its log."""
        return sum(path.stat().st_size for path in self.home.glob("data/ledger.db*"))

    def make_message(self, wallet: Wallet) -> Message:
        """What a hypernode says of a test, unlike every other one."""
        self.said += 1
        return create_message(
            wallet.sign,
            wallet.pubkey,
            timestamp=int(SystemClock().now()),
            sender=wallet.address,
            recipient=self.target_address,
            what=202,
            params="TEST:0",
            value=self.said,
        )

    async def dial(self, ip: str) -> Transport:
        """A connection to the attacked node, nothing said yet."""
        return await self.connections.connect(self.target, ip, 5.0)

    async def open(
        self, wallet: Wallet, ip: str, port: int, features: int = ANNOUNCED_FEATURES
    ) -> ClientSession:
        """A session with the attacked node, its hello signed."""
        return await self._open(
            self.target, Hello(self.params.posnet, port, wallet.address), ip, wallet, features
        )

    async def ask_chain(self) -> list[tuple[int, int, str]]:
        """Round, slot and forger of the newest blocks, as the witness has them."""
        answer = await self._ask_witness(Command(CommandId.GETHEADERS, string=",60"))
        return [(block.round, block.sir, block.forger) for block in answer.blocks]

    async def ask_newest(self) -> tuple[Block, ...]:
        """The newest blocks with their messages, as the witness has them."""
        (header,) = (await self._ask_witness(Command(CommandId.GETHEADERS, string=",1"))).blocks
        first = max(1, header.height - 3)
        return (await self._ask_witness(Command(CommandId.BLOCKSYNC, int32=first))).blocks

    async def ask_jurors(self) -> None:
        """Learn the jurors of the present round, as the witness has them."""
        answer = await self._ask_witness(Command(CommandId.GETROUND))
        said: dict[str, Any] = json.loads(answer.string or "{}")
        self.jurors[int(said["previous"])] = tuple(str(slot[0]) for slot in said["slots"])

    async def find_slots(self, first: SlotKey, last: SlotKey) -> tuple[set[SlotKey], set[SlotKey]]:
        """Slots of the attacked node's after ``first`` and before ``last``, of the rounds that were asked
        about, and those of them that have no block of its where the witness looks."""
        due = {
            (round_, sir)
            for round_, jurors in self.jurors.items()
            for sir, juror in enumerate(jurors)
            if juror == self.target_address and first < (round_, sir) < last
        }
        chain = await self.ask_chain()
        forged = {(round_, sir) for round_, sir, forger in chain if forger == self.target_address}
        return due, due - forged

    async def _ask_witness(self, command: Command) -> Command:
        hello = Hello(self.params.posnet, CLIENT_PORT, self.peer.address)
        session = await self._open(self.witness, hello, self.peer_ip, self.peer, ANNOUNCED_FEATURES)
        try:
            return await session.request(command, 10.0)
        finally:
            session.close()

    async def _open(
        self, remote: Endpoint, hello: Hello, ip: str, wallet: Wallet, features: int
    ) -> ClientSession:
        return await open_session(
            self.connections,
            remote,
            params=self.params,
            limits=Limits(),
            hello=hello,
            features=features,
            clock=SystemClock(),
            connect_timeout_s=5.0,
            hello_timeout_s=20.0,
            source_ip=ip,
            identity=Identity(wallet, SystemEntropy()),
        )


@dataclass(slots=True)
class Exchange:
    """The legitimate peer: exchanges heights all the time, and notes how long each took.  It also says what
    three hypernodes say in every slot, because three that are left say too little for every block."""

    arena: Arena
    pause_s: float
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    height: ChainHeight = field(default_factory=lambda: ChainHeight(0, 0, 0, bytes(20)))
    _next_words: float = 0.0

    async def run(self) -> None:
        """Until it is cancelled.  It tells the height that it was told."""
        session = await self._connect()
        loop = asyncio.get_running_loop()
        try:
            while True:
                start = loop.time()
                try:
                    answer = await session.request(Command(CommandId.HEIGHT, height=self.height), 10.0)
                except Exception as fault:
                    self.faults.append(repr(fault))
                    session.close()
                    session = await self._connect()
                    continue
                self.waits.append(loop.time() - start)
                self.height = answer.height or self.height
                await self._speak(session)
                await asyncio.sleep(self.pause_s)
        finally:
            session.close()

    async def _speak(self, session: ClientSession) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next_words:
            return
        self._next_words = now + self.arena.params.slot_s / 2
        arena = self.arena
        messages = [
            arena.make_message(wallet)
            for wallet in (arena.peer, arena.rogue, arena.control)
            for _ in range(2)
        ]
        with contextlib.suppress(TimeoutError, ConnectionError, Verdict):
            await session.request(Command(CommandId.TX, messages=tuple(messages)), 10.0)

    async def _connect(self) -> ClientSession:
        arena = self.arena
        return await arena.open(arena.peer, arena.peer_ip, arena.target.port)


@asynccontextmanager
async def open_arena(folder: Path, slot_s: int) -> AsyncIterator[Arena]:
    """A devnet in ``folder`` that has forged two blocks since it lost two nodes."""
    command = [sys.executable, "-m", "hypernode", "devnet", "--json", "--nodes", str(NODES)]
    command += ["--slot", str(slot_s), "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder.parent,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=MIB,
    )
    if process.stdout is None:
        raise RuntimeError("a process without the pipe that was asked for")
    drain: asyncio.Task[None] | None = None
    try:
        start = await _wait_for(process.stdout, lambda event: event["event"] == "start")
        for name in ("node4", "node5"):
            os.kill(start["pids"][name], signal.SIGTERM)
        await _wait_for(process.stdout, lambda event: _get_height(event, "node1") >= 1)
        drain = asyncio.create_task(_drain(process.stdout))
        yield _make_arena(folder, start)
    finally:
        if drain is not None:
            drain.cancel()
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(process.wait(), 15.0)
            except TimeoutError:
                process.kill()
                await process.wait()


def _make_arena(folder: Path, start: dict[str, Any]) -> Arena:
    params = network_from_json((folder / "network.json").read_text("utf-8"), "network.json")
    nodes = {f"node{number}": node for number, node in enumerate(start["nodes"], start=1)}
    ends = {name: Endpoint(node["ip"], node["port"]) for name, node in nodes.items()}
    wallets = {}
    for name in ("node4", "node5"):
        wallet = load_open_wallet(folder / name / "poswallet.json", params.address_byte)
        if wallet is None:
            raise RuntimeError("a wallet of the devnet is encrypted")
        wallets[name] = wallet
    control = json.loads((folder / "control.json").read_text("utf-8"))
    return Arena(
        control=make_wallet(bytes.fromhex(control["pos_privkey"]), params.address_byte),
        params=params,
        target=ends["node1"],
        target_address=nodes["node1"]["address"],
        process=psutil.Process(start["pids"]["node1"]),
        home=folder / "node1",
        witness=ends["node2"],
        peer=wallets["node5"],
        peer_ip=ends["node5"].ip,
        rogue=wallets["node4"],
        rogue_ip=ends["node4"].ip,
    )


def _get_height(event: dict[str, Any], name: str) -> int:
    status = event["nodes"][name]["status"] if event["event"] == "slot" else None
    return int(status["height"]) if status else 0


async def _wait_for(stream: asyncio.StreamReader, is_it: Any) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while line := await stream.readline():
            event: dict[str, Any] = json.loads(line)
            if is_it(event):
                return event
    raise RuntimeError("the devnet ended")


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        """Nobody reads on; a full pipe would stop the launcher."""
