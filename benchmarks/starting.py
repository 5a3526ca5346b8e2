"""The daemon as a process of its own on a long chain: until it answers, what it takes of memory and disk."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from statistics import median

import psutil

from benchmarks.chains import Party, make_ip
from benchmarks.figures import Row, compute_noise, say, time_await
from benchmarks.ledgers import copy_ledger, load_ledger
from hypernode.app.system_clock import SystemClock
from hypernode.core.params.network_file import network_to_json
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.rpc.answer_cache import LIFE_S
from hypernode.ports.connections import TransportClosed
from hypernode.wallet.pos_wallet import create_wallet
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

START_TARGET = 4.0
PSS_MB = 60.0
STATUS_MS = 3.0
DISK_BYTES = 120.0
GIVE_UP_S = 60.0
RETRY_S = 0.01
STOP_S = 20.0
DISK_BLOCKS = 1_000
DISK_MESSAGES = 200


async def measure_start(party: Party, blocks: int, messages: int, idle_s: float, asked: int) -> list[Row]:
    """Start on a chain of ``blocks`` blocks of ``messages`` messages, leave it idle for ``idle_s``, and ask
    for its status ``asked`` times, each made anew."""
    say(f"a ledger of {blocks:,} blocks: made if it is not there")
    path = await load_ledger(party, blocks, messages)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        endpoint = _make_home(party, home, path)
        loop = asyncio.get_running_loop()
        bound = min([await time_await(_import_only) for _ in range(min(asked, 3))])
        start = loop.time()
        async with _run_daemon(home, endpoint) as process:
            await _ask_until_answered(process, party, endpoint, blocks)
            took = loop.time() - start
            await asyncio.sleep(idle_s)
            await _ask_until_answered(process, party, endpoint, blocks)
            pss = measure_tree(process.pid) / 1e6
            times = await _time_statuses(party, endpoint, asked)
    chain = f"{blocks:,} blocks, {blocks * messages:,} messages"
    return [
        Row(
            f"start of the daemon on {chain}",
            f"{took:.2f} s until it answers, {took / bound:.1f} × the bound",
            f"an interpreter that imports it: {bound:.2f} s",
            f"≤ {START_TARGET} × the bound",
            took / bound <= START_TARGET,
            {"ratio": took / bound, "s": took},
        ),
        Row(
            f"memory of the idle node, {chain}",
            f"{pss:.0f} MB PSS, with its children",
            "",
            f"≤ {PSS_MB:.0f} MB",
            pss <= PSS_MB,
            {"mb": pss},
        ),
        Row(
            f"whole status over the wire, made anew, {len(party.addresses)} registered, {chain}",
            f"{median(times) * 1000:.1f} ms, at most {max(times) * 1000:.1f} ms",
            "",
            f"≤ {STATUS_MS:.0f} ms",
            median(times) * 1000 <= STATUS_MS,
            {"ms": median(times) * 1000},
            compute_noise(times),
        ),
    ]


async def _import_only() -> None:
    """A process that imports what the daemon does, and ends."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import hypernode.app.daemon")
    await process.wait()


def measure_tree(pid: int) -> int:
    """Bytes of a process and all below it: what several share counts once (PSS); RSS where there is no
    PSS."""
    whole = 0
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        full = each.memory_full_info()
        whole += getattr(full, "pss", full.rss)
    return whole


async def _time_statuses(party: Party, endpoint: Endpoint, count: int) -> list[float]:
    """Seconds of each, on one session, when what was made for the last one is not served any more."""
    times = []
    session = await _open(party, endpoint)
    try:
        for _ in range(count):
            await asyncio.sleep(LIFE_S + RETRY_S)
            times.append(await time_await(lambda: session.request(Command(CommandId.STATUS), 10.0)))
    finally:
        session.close()
    return times


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
    session = await _open(party, endpoint)
    try:
        return await session.request(Command(CommandId.STATUS), 10.0)
    finally:
        session.close()


async def _open(party: Party, endpoint: Endpoint) -> ClientSession:
    return await open_session(
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
