"""Child processes that end with the launcher: started in a session of their own, watched, and stopped in
time.

A child has a session of its own, so a Ctrl-C at the terminal reaches the launcher alone, which then stops
all in order.  Children watch the launcher's process themselves, for the case that it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

PARENT_VARIABLE: Final = "HN_PARENT_PID"
STOP_S: Final = 8.5
"""A child that is told to stop has this long; with what the launcher itself takes it is under 10 s."""
TAIL_LINES: Final = 15
TAIL_BYTES: Final = 16_384
"""What is read from the end of a log to find its last lines."""

KILLING_SIGNALS: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Ends that somebody outside wanted; by any other signal a process dies of itself."""


class Child:
    """A process with its log.  It can be started again after its end."""

    def __init__(
        self, name: str, command: Sequence[str], log_path: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._environment = {**environment, PARENT_VARIABLE: str(os.getpid())}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def was_killed(self) -> bool:
        """It ended because somebody wanted it to: by a signal from outside, or in order."""
        code = self._process.returncode if self._process else None
        return code is not None and (code == 0 or -code in KILLING_SIGNALS)

    async def start(self) -> None:
        """Start it; what it prints is added to its log."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return await self._process.wait() if self._process else 0

    def send(self, number: int) -> None:
        """A signal, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def describe_end(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode if self._process else None
        if code is None:
            return "runs"
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"

    def read_tail(self) -> str:
        """The last lines of its log."""
        return read_tail(self.log_path)


def read_tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a file, empty without one."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


async def stop_all(children: Iterable[Child], hurry: asyncio.Event, within_s: float = STOP_S) -> list[str]:
    """Tell all to stop and wait; kill what is left after ``within_s``, or when ``hurry`` is set.  Returns
    the names of those that had to be killed."""
    running = [child for child in children if child.is_running]
    for child in running:
        child.send(signal.SIGTERM)
    ends = asyncio.create_task(_wait_for(running), name="ends of children")
    hurried = asyncio.create_task(hurry.wait(), name="hurry")
    waiting: list[asyncio.Task[bool]] = [ends, hurried]
    await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    stubborn = [child for child in running if child.is_running]
    for child in stubborn:
        child.send(signal.SIGKILL)
    await ends
    return [child.name for child in stubborn]


async def _wait_for(children: Sequence[Child]) -> bool:
    for child in children:
        await child.wait()
    return True
