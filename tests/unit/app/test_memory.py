"""A large piece of memory that was freed is the system's again."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

import pytest

from hypernode.app.memory import LOOK_S, MUCH_BYTES, find_trim, give_back_memory
from hypernode.net.tornado_connections import Traffic

SCRIPT = """
import sys
from hypernode.app.memory import hold_little
if sys.argv[1] == "hold" and not hold_little():
    print(-1)
    sys.exit()

def count_resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1000

before, kept = count_resident(), []
for _ in range(6):
    large = bytearray(31_000_000)
    kept.append([bytes(n) for n in range(600, 2_000)])
    del large
    large = bytearray(30_000_000)
    kept.append([bytes(n) for n in range(600, 2_000)])
    del large
print(count_resident() - before)
"""


def count_left(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="how much is resident is read from /proc")
def test_large_pieces_that_were_freed_are_given_back() -> None:
    left = count_left("hold")
    if left < 0:
        pytest.skip("this C library has no such switch")
    assert left < 35  # what is kept has 22


def test_free_memory_is_given_back_after_traffic_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> list[int]:
        traffic, trims, step = Traffic(), list[int](), 0
        amounts = [0, MUCH_BYTES, 10, 10, MUCH_BYTES, MUCH_BYTES, 0, 0]

        async def sleep(seconds: float) -> None:
            nonlocal step
            assert seconds == LOOK_S
            if step == len(amounts):
                raise asyncio.CancelledError
            traffic.bytes_sent += amounts[step]
            step += 1

        monkeypatch.setattr("hypernode.app.memory.asyncio.sleep", sleep)
        with contextlib.suppress(asyncio.CancelledError):
            await give_back_memory(lambda: trims.append(step), traffic)
        return trims

    assert asyncio.run(scenario()) == [2, 3, 5, 6, 7]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_there_is_something_that_gives_it_back() -> None:
    trim = find_trim()
    if trim is None:
        pytest.skip("this C library has no such call")
    assert trim() in (0, 1)
