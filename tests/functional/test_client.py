"""``hn_client.py`` as scripts run it: a process of its own against a listening node, judged by what it prints
and how it exits."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hypernode.core.params.networks import devnet, mainnet
from hypernode.core.types import Endpoint
from hypernode.node.base.json_shapes import block_to_object, message_to_list
from hypernode.ports.connections import Transport
from tests.unit.cli.node_stub import (
    BLOCK,
    MESSAGE,
    STATUS,
    WALLET,
    Handler,
    StubNode,
    listening,
    listening_raw,
    stay_silent,
    without_received,
)

CLIENT = Path(__file__).resolve().parents[2] / "hn_client.py"


@dataclass(frozen=True, slots=True)
class Run:
    """How a process ended, and what it said."""

    status: int | None
    out: str
    err: str


async def run_client(folder: Path, endpoint: Endpoint | None, *arguments: str) -> Run:
    where = ("-I", endpoint.ip, "-p", str(endpoint.port)) if endpoint else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CLIENT),
        *where,
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return Run(process.returncode, out.decode(), err.decode())


def ask(folder: Path, *arguments: str, handler: Handler | None = None) -> Run:
    async def scenario() -> Run:
        async with listening(handler or StubNode().handle) as endpoint:
            return await run_client(folder, endpoint, *arguments)

    return asyncio.run(scenario())


def ask_raw(folder: Path, on_connection: Callable[[Transport], Awaitable[None]], *arguments: str) -> Run:
    async def scenario() -> Run:
        async with listening_raw(on_connection) as endpoint:
            return await run_client(folder, endpoint, *arguments)

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (
            ["--action", "hello"],
            {"posnet": "posnet0002", "port": 6969, "address": WALLET.address, "identity": "proved"},
        ),
        (["--action", "block", "--param", "7"], block_to_object(BLOCK)),
        (["--action", "tx", "--param", MESSAGE.txid.hex()], [message_to_list(MESSAGE)]),
    ],
)
def test_the_answer_is_json_on_one_line_and_the_exit_status_0(
    tmp_path: Path, arguments: list[str], printed: object
) -> None:
    run = ask(tmp_path, *arguments)
    assert run.err == ""
    assert run.status == 0
    assert run.out.count("\n") == 1
    assert without_received(json.loads(run.out)) == printed


def test_a_message_is_shown_with_the_time_at_which_it_came(tmp_path: Path) -> None:
    before = int(time.time())
    run = ask(tmp_path, "--action", "tx", "--param", MESSAGE.txid.hex())
    ((*_, received),) = json.loads(run.out)
    assert before <= received <= time.time()


def test_txtest_prints_the_message_that_was_sent(tmp_path: Path) -> None:
    stub = StubNode()
    run = ask(tmp_path, "--action", "txtest", handler=stub.handle)
    assert (run.status, run.err) == (0, "")
    assert json.loads(run.out) == without_received(message_to_list(stub.got[0]))


def test_a_status_is_one_line_with_the_client_in_it(tmp_path: Path) -> None:
    run = ask(tmp_path, "--action", "status", "-S", "127.0.0.1", "-v")
    assert run.status == 0
    assert run.out.count("\n") == 1
    status = json.loads(run.out)
    assert status["state"] == STATUS["state"]
    assert set(status["client"]) == {"version", "lib_version", "localtime", "rtt", "identity"}
    assert "connecting to 127.0.0.1:" in run.err


@pytest.mark.parametrize("action", ["block", "blocksync"])
def test_what_there_is_not_is_false_and_exit_status_1(tmp_path: Path, action: str) -> None:
    run = ask(tmp_path, "--action", action, "--param", "9")
    assert (run.status, run.out) == (1, "false\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--action", "dance"],
        ["--action", "block"],
        ["--action", "block", "--param", "-1"],
        ["--port", "0"],
        ["--timeout", "0"],
        ["--network", "nonet"],
        ["--wallet", "absent.json"],
    ],
)
def test_a_command_line_that_cannot_be_used_is_exit_status_2(tmp_path: Path, arguments: list[str]) -> None:
    run = asyncio.run(run_client(tmp_path, None, *arguments))
    assert (run.status, run.out) == (2, "")
    assert run.err


def test_a_host_that_does_not_answer_is_a_timeout_and_never_a_hang(tmp_path: Path) -> None:
    run = ask(tmp_path, "--action", "status", "-r", "0.2", handler=stay_silent)
    assert (run.status, run.out) == (3, "'Timeout'\n")


def test_a_connection_that_is_closed_is_said(tmp_path: Path) -> None:
    async def hang_up(transport: Transport) -> None:
        transport.close()

    run = ask_raw(tmp_path, hang_up, "--action", "hello")
    assert (run.status, run.out) == (3, "'Closed'\n")


def test_a_port_that_nobody_listens_on_is_closed(tmp_path: Path) -> None:
    async def scenario() -> Run:
        async with listening(StubNode().handle) as endpoint:
            pass
        return await run_client(tmp_path, endpoint, "--action", "hello")

    run = asyncio.run(scenario())
    assert (run.status, run.out) == (3, "'Closed'\n")
    assert "refused" in run.err


def test_a_ko_is_exit_status_4_with_its_reason(tmp_path: Path) -> None:
    run = ask(tmp_path, "--action", "update", "--param", "http://example.org/")
    assert run.status == 4
    assert json.loads(run.out) == {"ko": "signed releases only"}
    assert "signed releases only" in run.err


def test_a_node_of_another_network_says_ko_and_the_client_what_to_do(tmp_path: Path) -> None:
    other = devnet(0, 6, mainnet().control_pow, mainnet().control_pos)

    async def scenario() -> tuple[Run, Run]:
        async with listening(StubNode().handle, params=other) as endpoint:
            wrong = await run_client(tmp_path, endpoint)
            right = await run_client(tmp_path, endpoint, "--network", "devnet")
            return wrong, right

    wrong, right = asyncio.run(scenario())
    assert wrong.status == 4
    assert "Bad Posnet posnet0002" in wrong.err
    assert "--network" in wrong.err
    assert right.status == 0


def test_an_answer_that_is_none_is_exit_status_5(tmp_path: Path) -> None:
    async def babble(transport: Transport) -> None:
        await transport.write(b"\x00\x00\x00\x02\xff\xff")
        await asyncio.Event().wait()

    run = ask_raw(tmp_path, babble, "--action", "hello")
    assert (run.status, run.out) == (5, "")
    assert "bad answer" in run.err


def test_the_version_is_said_without_loading_what_asks(tmp_path: Path) -> None:
    code = (
        "import atexit, sys; from hypernode.cli.client.command import main; "
        "heavy = {'tornado', 'rich', 'google', 'asyncio', 'coincurve'}; "
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)))); main(['--version'])"
    )

    async def scenario() -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, cwd=CLIENT.parent, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        return out.decode()

    version, loaded = asyncio.run(scenario()).splitlines()
    assert version.startswith("hypernode ")
    assert loaded == "[]"


def test_a_terminal_gets_a_table_and_json_when_it_asks_for_it(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        async with listening(StubNode().handle) as endpoint:
            table = await run_on_terminal(tmp_path, endpoint, "--action", "headers")
            line = await run_on_terminal(tmp_path, endpoint, "--action", "hello", "--json")
            return table, line

    table, line = asyncio.run(scenario())
    assert "forger" in table
    assert "[{" not in table
    assert json.loads(line)["port"] == 6969


async def run_on_terminal(folder: Path, endpoint: Endpoint, *arguments: str) -> str:
    """What the client prints on a pseudo-terminal."""
    where = ["-I", endpoint.ip, "-p", str(endpoint.port)]
    code = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", code, sys.executable, str(CLIENT), *where, *arguments],
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return out.decode()
