"""A large piece of memory that was freed is the system's again."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
