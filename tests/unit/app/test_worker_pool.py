"""Processes that verify: the same blocks and refusals as in line, and nothing lost when one of them dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import psutil
import pytest

from hypernode.app import verifier as verifying
from hypernode.app import worker
from hypernode.app.verifier import ThreadVerifier
from hypernode.app.worker_pool import WorkerDied, WorkerPool
from hypernode.core.errors import Reject
from hypernode.core.packed_messages import PackedMessages
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Violation
from hypernode.core.types import Block
from hypernode.core.validate_message import find_core_violations
from hypernode.wire.checked_blocks import check_blocks
from tests.unit.wire.encoded_blocks import encode, make_blocks

MAIN = mainnet()
PAYLOAD = encode(make_blocks(MAIN, [["none", "bad signature"], ["none"], ["another's key"]]))
EXPECTED = check_blocks(MAIN, PAYLOAD, 9)
NO_BLOCKS = b"\x08\x0b\x2a\x02\x08\x01"
GONE_S = 20.0


def run(scenario: Callable[[WorkerPool], Awaitable[None]], rest_s: float = 60.0) -> list[int]:
    """The processes that there were in the end."""

    async def whole() -> list[int]:
        pool = WorkerPool(2, rest_s)
        try:
            await scenario(pool)
            return pool.pids
        finally:
            pids = pool.pids
            pool.close()
            await wait_gone(pids)

    return asyncio.run(whole())


async def wait_gone(pids: list[int]) -> None:
    async with asyncio.timeout(GONE_S):
        while any(psutil.pid_exists(pid) for pid in pids):
            await asyncio.sleep(0.01)


def faults_of(blocks: tuple[Block, ...]) -> list[dict[bytes, Violation]]:
    return [dict(b.messages.faults) if isinstance(b.messages, PackedMessages) else {} for b in blocks]


def test_processes_give_back_what_is_made_in_line_and_are_two_at_most() -> None:
    async def scenario(pool: WorkerPool) -> None:
        assert pool.pids == []  # nothing is started before there is work
        results = await asyncio.gather(*(pool.do(worker.BLOCKS, MAIN, PAYLOAD, 9) for _ in range(5)))
        for result in results:
            blocks = worker.load_blocks(result)
            assert blocks == EXPECTED
            assert faults_of(blocks) == faults_of(EXPECTED) != [{}, {}, {}]
            assert {m.received for b in blocks for m in b.messages} == {9}

    assert len(run(scenario)) == 2


def test_a_refusal_comes_back_with_rule_and_cost_and_work_goes_on() -> None:
    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(Reject) as caught:
            await pool.do(worker.BLOCKS, MAIN, NO_BLOCKS)
        with pytest.raises(Reject) as in_line:
            check_blocks(MAIN, NO_BLOCKS, 0)
        assert vars(caught.value) == vars(in_line.value)
        assert str(caught.value) == str(in_line.value)
        [pid] = pool.pids
        await pool.do(worker.BLOCKS, MAIN, PAYLOAD)
        assert pool.pids == [pid]

    run(scenario)


def test_a_result_that_nobody_waits_for_is_not_taken_for_the_next() -> None:
    async def scenario(pool: WorkerPool) -> None:
        one = WorkerPool(1)
        try:
            await one.do(worker.BLOCKS, MAIN, PAYLOAD, 9)
            left = asyncio.create_task(one.do(worker.BLOCKS, MAIN, encode([])))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            left.cancel()
            assert worker.load_blocks(await one.do(worker.BLOCKS, MAIN, PAYLOAD, 9)) == EXPECTED
            assert len(one.pids) == 1
        finally:
            one.close()

    run(scenario)


def test_a_killed_process_is_said_and_replaced() -> None:
    async def scenario(pool: WorkerPool) -> None:
        await pool.do(worker.BLOCKS, MAIN, PAYLOAD)
        [pid] = pool.pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            await pool.do(worker.BLOCKS, MAIN, PAYLOAD)
        assert worker.load_blocks(await pool.do(worker.BLOCKS, MAIN, PAYLOAD)) == EXPECTED
        assert pool.pids != [pid]

    run(scenario)


def test_closing_waits_for_no_job() -> None:
    async def scenario(pool: WorkerPool) -> None:
        await pool.do(worker.BLOCKS, MAIN, PAYLOAD)
        os.kill(pool.pids[0], signal.SIGSTOP)
        job = asyncio.create_task(pool.do(worker.BLOCKS, MAIN, PAYLOAD))
        while not pool._busy:
            await asyncio.sleep(0)
        pool.close()
        with pytest.raises(WorkerDied):
            await job
        assert pool.pids == []

    run(scenario)


def test_they_go_when_there_was_nothing_to_do_for_a_while() -> None:
    async def scenario(pool: WorkerPool) -> None:
        await pool.do(worker.BLOCKS, MAIN, PAYLOAD)
        pids = pool.pids
        await wait_gone(pids)
        assert pool.pids == []
        await pool.do(worker.BLOCKS, MAIN, PAYLOAD)  # and others come

    run(scenario, rest_s=0.0)


def test_they_die_with_the_node_however_that_ends() -> None:
    program = (
        "import asyncio, sys\n"
        "from hypernode.app.worker_pool import WorkerPool\n"
        "from hypernode.core.params.networks import mainnet\n"
        "async def main():\n"
        "    pool = WorkerPool(1)\n"
        "    await pool.do(0, mainnet(), bytes.fromhex(sys.argv[1]))\n"
        "    print(*pool.pids, flush=True)\n"
        "    await asyncio.sleep(100)\n"
        "asyncio.run(main())\n"
    )
    node = subprocess.Popen([sys.executable, "-c", program, PAYLOAD.hex()], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    pids = [int(word) for word in node.stdout.readline().split()]
    assert len(pids) == 1
    node.kill()
    node.wait()
    node.stdout.close()
    asyncio.run(wait_gone(pids))


def test_a_process_imports_neither_the_node_nor_what_talks_or_stores() -> None:
    program = "import sys, hypernode.app.worker\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported = set(done.stdout.split())
    unwanted = (
        "asyncio",
        "sqlite3",
        "tornado",
        "aiosqlite",
        "hypernode.node",
        "hypernode.net",
        "hypernode.storage",
    )
    assert not imported.intersection(unwanted)


# --- behind the port --------------------------------------------------------------------------------------


def check_here(verifier: ThreadVerifier, payload: bytes = PAYLOAD) -> Awaitable[tuple[Block, ...]]:
    return verifier.get_checker()(MAIN, payload, 9)


def with_verifier(scenario: Callable[[ThreadVerifier], Awaitable[None]], processes: int = 2) -> None:
    async def whole() -> None:
        verifier = ThreadVerifier(2, processes)
        try:
            await scenario(verifier)
        finally:
            pids = verifier.worker_pids
            verifier.close()
            await wait_gone(pids)

    asyncio.run(whole())


def test_little_is_verified_in_threads_and_much_in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MUCH_BYTES", 2 * len(PAYLOAD))

    async def scenario(verifier: ThreadVerifier) -> None:
        counts = []
        for _ in range(4):
            assert await check_here(verifier) == EXPECTED
            counts.append(len(verifier.worker_pids))
        assert counts == [0, 0, 1, 1]

    with_verifier(scenario)


def test_where_there_is_one_core_there_are_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MUCH_BYTES", 0)

    async def scenario(verifier: ThreadVerifier) -> None:
        assert await check_here(verifier) == EXPECTED
        assert verifier.worker_pids == []

    with_verifier(scenario, processes=1)


def test_what_a_killed_process_had_is_done_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MUCH_BYTES", 0)

    async def scenario(verifier: ThreadVerifier) -> None:
        assert await check_here(verifier) == EXPECTED
        for pid in verifier.worker_pids:
            os.kill(pid, signal.SIGKILL)
        assert await check_here(verifier) == EXPECTED

    with_verifier(scenario)


def test_where_no_process_can_be_started_it_is_done_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MUCH_BYTES", 0)
    monkeypatch.setattr(sys, "executable", "/there/is/none")

    async def scenario(verifier: ThreadVerifier) -> None:
        assert await check_here(verifier) == EXPECTED

    with_verifier(scenario)


@pytest.mark.parametrize("much", [0, 1_000_000])
def test_what_is_wrong_with_the_first_piece_is_said(monkeypatch: pytest.MonkeyPatch, much: int) -> None:
    monkeypatch.setattr(verifying, "MUCH_BYTES", much)

    async def scenario(verifier: ThreadVerifier) -> None:
        with pytest.raises(Reject, match="a required field is missing"):
            await check_here(verifier, NO_BLOCKS)

    with_verifier(scenario)


@pytest.mark.parametrize("is_killed", [False, True])
def test_many_messages_are_verified_in_processes_too(
    monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    """As a check of the chain and an import ask for; fewer are not."""
    monkeypatch.setattr(verifying, "MUCH_BYTES", 0)
    monkeypatch.setattr(verifying, "MANY_MESSAGES", 40)
    monkeypatch.setattr(verifying, "PROCESS_CHUNK", 7)
    changes = ["none", "bad signature", "another's key", "none", "short id", "not ASCII"]
    messages = [m for b in make_blocks(MAIN, [changes * 7]) for m in b.messages]

    async def scenario(verifier: ThreadVerifier) -> None:
        assert len(await verifier.find_core_violations(MAIN, messages[:39])) == 39
        assert verifier.worker_pids == []
        for _ in range(2):
            assert await verifier.find_core_violations(MAIN, messages) == find_core_violations(MAIN, messages)
            assert verifier.worker_pids or is_killed
            for pid in verifier.worker_pids if is_killed else ():
                os.kill(pid, signal.SIGKILL)

    with_verifier(scenario)
