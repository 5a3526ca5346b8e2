"""Processes of the launcher: started, watched, told to stop, killed when they will not."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from hypernode.devnet.children import PARENT_VARIABLE, TAIL_LINES, Child, read_tail, stop_all

WILLING = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WILLING}"


def make_child(folder: Path, code: str) -> Child:
    return Child("child", [sys.executable, "-c", code], folder / "log", os.environ)


async def start(child: Child) -> None:
    """Until it says that it is up."""
    await child.start()
    async with asyncio.timeout(20):
        while "up" not in child.read_tail():
            await asyncio.sleep(0.02)


def test_child_writes_to_its_log_and_knows_its_parent(tmp_path: Path) -> None:
    child = make_child(tmp_path, f"import os; print(os.environ['{PARENT_VARIABLE}'])")

    async def run() -> int:
        await child.start()
        return await child.wait()

    assert asyncio.run(run()) == 0
    assert child.read_tail() == str(os.getpid())
    assert child.describe_end() == "ended with exit status 0"
    assert child.was_killed


@pytest.mark.parametrize(
    ("code", "words", "was_killed"),
    [
        ("raise SystemExit(78)", "ended with exit status 78", False),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL", True),
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV", False),
    ],
)
def test_ends_by_itself_and_by_others_are_told_apart(
    tmp_path: Path, code: str, words: str, was_killed: bool
) -> None:
    child = make_child(tmp_path, code)

    async def run() -> None:
        await child.start()
        await child.wait()

    asyncio.run(run())
    assert child.describe_end() == words
    assert child.was_killed == was_killed
    assert not child.is_running


def test_willing_child_stops_when_told(tmp_path: Path) -> None:
    child = make_child(tmp_path, WILLING)

    async def run() -> list[str]:
        await start(child)
        return await stop_all([child], asyncio.Event())

    assert asyncio.run(run()) == []
    assert child.describe_end() == "ended by SIGTERM"


@pytest.mark.parametrize("hurry", [True, False])
def test_stubborn_child_is_killed_after_its_time_or_in_a_hurry(tmp_path: Path, hurry: bool) -> None:
    child = make_child(tmp_path, STUBBORN)

    async def run() -> list[str]:
        await start(child)
        event = asyncio.Event()
        if hurry:
            event.set()
        return await stop_all([child], event, within_s=60 if hurry else 0.05)

    assert asyncio.run(run()) == ["child"]
    assert child.describe_end() == "ended by SIGKILL"


def test_stopping_what_does_not_run_is_nothing(tmp_path: Path) -> None:
    assert asyncio.run(stop_all([make_child(tmp_path, "")], asyncio.Event())) == []


def test_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert read_tail(path) == ""
    path.write_text("\n".join(map(str, range(10_000))))
    assert read_tail(path).splitlines() == [str(n) for n in range(10_000 - TAIL_LINES, 10_000)]
