"""A large piece of memory that was freed is the system's again."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

import pytest

from hypernode.app.memory import LOOK_S, find_trim, give_back_memory
from hypernode.app.memory import MUCH_BYTES as MUCH

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


@pytest.mark.parametrize(
    ("moved", "held", "trims"),
    [
        pytest.param(
            [0, MUCH, 10, 10, MUCH, MUCH, 0, 0], [0] * 8, [2, 3, 5, 6, 7], id="traffic, and then quiet"
        ),
        pytest.param([MUCH // 2] * 5, [0] * 5, [2, 3, 5], id="little traffic for long"),
        pytest.param([MUCH, 0, 0, 0, 0, 0], [MUCH, MUCH, MUCH, 0, 0, 0], [1, 2, 4, 5], id="nobody read it"),
        pytest.param([0] * 6, [MUCH * 3 // 4, MUCH // 2, MUCH // 4, 0, 0, 0], [], id="less than much"),
        pytest.param([0] * 6, [MUCH * 2, MUCH * 3 // 2, MUCH, 0, 0, 0], [3, 4, 5], id="bit by bit"),
        pytest.param([0] * 5, [0, 9 * MUCH, 9 * MUCH, 9 * MUCH, 9 * MUCH], [], id="held on"),
    ],
)
def test_free_memory_is_given_back(
    moved: list[int], held: list[int], trims: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After traffic, when others' bytes are let go, and once more when that is over."""

    async def scenario() -> list[int]:
        seen, step = list[int](), 0

        async def sleep(seconds: float) -> None:
            nonlocal step
            assert seconds == LOOK_S
            if step == len(moved):
                raise asyncio.CancelledError
            step += 1

        class Counts:
            @property
            def bytes_moved(self) -> int:
                return sum(moved[:step])

            @property
            def bytes_held(self) -> int:
                return held[step - 1]

        counts = Counts()
        monkeypatch.setattr("hypernode.app.memory.asyncio.sleep", sleep)
        with contextlib.suppress(asyncio.CancelledError):
            await give_back_memory(lambda: seen.append(step), counts, counts)
        return seen

    assert asyncio.run(scenario()) == trims


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_there_is_something_that_gives_it_back() -> None:
    trim = find_trim()
    if trim is None:
        pytest.skip("this C library has no such call")
    assert trim() in (0, 1)
