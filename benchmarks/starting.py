"""The daemon as a process of its own on a long chain: until it answers, what it takes of memory and disk."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import psutil

from benchmarks.chains import Party, make_ip
from benchmarks.figures import Row
from benchmarks.ledgers import copy_ledger, load_ledger
from hypernode.app.system_clock import SystemClock
from hypernode.core.network_file import network_to_json
from hypernode.core.types import Endpoint
from hypernode.net.client_session import open_session
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.connections import TransportClosed
from hypernode.wallet.pos_wallet import create_wallet
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

START_S = 2.0
RSS_MB = 90.0
DISK_BYTES = 120.0
GIVE_UP_S = 60.0
RETRY_S = 0.01
STOP_S = 20.0
DISK_BLOCKS = 1_000
DISK_MESSAGES = 200


async def measure_start(party: Party, blocks: int, messages: int, idle_s: float) -> list[Row]:
    """Start on a chain of ``blocks`` blocks of ``messages`` messages, and leave it idle for ``idle_s``."""
    path = await load_ledger(party, blocks, messages)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        endpoint = _make_home(party, home, path)
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with _run_daemon(home, endpoint) as process:
            await _ask_until_answered(process, party, endpoint, blocks)
            took = loop.time() - start
            await asyncio.sleep(idle_s)
            await _ask_until_answered(process, party, endpoint, blocks)
            rss = psutil.Process(process.pid).memory_info().rss / 1e6
    chain = f"{blocks:,} blocks, {blocks * messages:,} messages"
    return [
        Row(
            f"start of the daemon on {chain}",
            f"{took:.2f} s until it answers",
            "",
            f"≤ {START_S:.0f} s",
            took <= START_S,
            {"s": took},
        ),
        Row(
            f"memory of the idle node, {chain}",
            f"{rss:.0f} MB RSS",
            "",
            f"≤ {RSS_MB:.0f} MB",
            rss <= RSS_MB,
            {"mb": rss},
        ),
    ]


async def measure_disk(party: Party, blocks: int = DISK_BLOCKS, messages: int = DISK_MESSAGES) -> list[Row]:
    """Bytes of the ledger's file by message; with blocks of few messages, blocks and rounds weigh more."""
    rows = []
    for size, each, target in ((blocks, messages, DISK_BYTES), (blocks * 2, messages // 10, None)):
        path = await load_ledger(party, size, each)
        figure = _get_size(path) / (size * each)
        rows.append(
            Row(
                f"bytes on disk per message, blocks of {each}, all indices, {len(party.addresses)} addresses",
                f"{figure:.0f}",
                "",
                f"≤ {target:.0f}" if target else "",
                figure <= target if target else None,
                {"bytes": figure},
            )
        )
    return rows


def _get_size(path: Path) -> int:
    return path.stat().st_size


def _make_home(party: Party, home: Path, ledger: Path) -> Endpoint:
    """A run folder of the first sender's node; where it is to listen."""
    (home / "network.json").write_text(network_to_json(party.params), encoding="utf-8")
    copy_ledger(ledger, home / "data")
    create_wallet(
        home / "poswallet.json", party.params.address_byte, token=lambda size: party.privkeys[0], created=0
    )
    with closing(socket.socket()) as probe:
        probe.bind((make_ip(0), 0))
        return Endpoint(make_ip(0), probe.getsockname()[1])


@asynccontextmanager
async def _run_daemon(home: Path, endpoint: Endpoint) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hypernode", "instance", "--home", str(home)),
        *("--network", str(home / "network.json"), "--ip", endpoint.ip, "--port", str(endpoint.port)),
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ask_until_answered(
    process: asyncio.subprocess.Process, party: Party, endpoint: Endpoint, height: int
) -> None:
    """Ask for the status until there is one.  Raises TimeoutError."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the daemon ended with exit status {process.returncode}")
            try:
                answer = await _ask_status(party, endpoint)
            except TransportClosed:
                await asyncio.sleep(RETRY_S)
                continue
            if f'"block_height":{height}' not in (answer.string or "").replace(" ", ""):
                raise RuntimeError("the daemon has another chain")
            return


async def _ask_status(party: Party, endpoint: Endpoint) -> Command:
    session = await open_session(
        TornadoConnections(),
        endpoint,
        params=party.params,
        limits=Limits(),
        hello=Hello(party.params.posnet, CLIENT_PORT, party.addresses[1]),
        features=ANNOUNCED_FEATURES,
        clock=SystemClock(),
        connect_timeout_s=5.0,
        hello_timeout_s=10.0,
    )
    try:
        return await session.request(Command(CommandId.STATUS), 10.0)
    finally:
        session.close()
