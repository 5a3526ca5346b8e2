"""Processes that are there to be killed: quick to start, with one pipe on which they say what they do.

They come from a server process that has imported everything (``forkserver``), so that a life costs
milliseconds, and that no thread of the parent's is forked.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

JOIN_S: Final = 30.0
"""A process that was killed, or ended itself, is gone long before."""

Report = tuple[Any, ...]
"""What a child says: a word and what belongs to it."""

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.soak.storage_life", "tests.soak.forging_life"])


@dataclass(slots=True)
class Child:
    """A process that runs."""

    process: BaseProcess
    pipe: Connection

    def read(self, wait_s: float) -> Report | None:
        """What it said next; None when it says nothing for so long.  Raises EOFError after its last word."""
        return self.pipe.recv() if self.pipe.poll(wait_s) else None

    def read_rest(self) -> Iterator[Report]:
        """All that it still says, up to its end, which may come in the middle of a word."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                yield self.pipe.recv()

    def kill(self) -> None:
        """SIGKILL: it gets no word in."""
        self.process.kill()

    def end(self) -> int | None:
        """Wait until it is gone; its exit status, negative for a signal."""
        self.process.join(JOIN_S)
        self.pipe.close()
        return self.process.exitcode


def start(target: Callable[..., None], *arguments: object) -> Child:
    """Run ``target(pipe, *arguments)`` in a process of its own."""
    near, far = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=target, args=(far, *arguments), daemon=True)
    process.start()
    far.close()
    return Child(process, near)
