"""Processes that verify for the node (``app.worker``): one per core, started when there is much to do.

The interpreter's lock lets threads verify side by side, but not decode, judge and store meanwhile; processes
do.  They are started by the first job, as programs of their own, never by forking, and go after a minute
without one.  A job whose process dies is done in line: nothing is lost but time.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from hypernode.app import worker
from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams

MAX_PROCESSES: Final = 6
"""What one process judges and stores, five or six verify."""
REST_S: Final = 60.0
"""Without a job for so long they go: each takes some 20 MB."""


class WorkerDied(Exception):
    """A process ended in the middle of a job: most likely it was killed because memory ran out."""


class _Worker:
    """One process, and a thread at a time that talks to it.  Starting one raises OSError."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hypernode.app.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def do(self, job: bytes, payload: bytes) -> tuple[bool, bytes]:
        """Whether it is a refusal, and the result.  Raises WorkerDied."""
        jobs, results = self.process.stdin, self.process.stdout
        assert jobs is not None
        assert results is not None
        try:
            jobs.write(job)
            jobs.write(payload)
            jobs.flush()
            head = results.read(worker.RESULT.size)
            if len(head) == worker.RESULT.size:
                is_refused, size = worker.RESULT.unpack(head)
                encoded = results.read(size)
                if len(encoded) == size:
                    return is_refused, encoded
        except OSError as fault:
            raise WorkerDied(f"process {self.process.pid}: {fault}") from fault
        raise WorkerDied(f"process {self.process.pid} ended")

    def kill(self) -> None:
        """From any thread: who talks to it finds it dead."""
        self.process.kill()

    def end(self) -> None:
        """Killed, and nothing of it left; from the thread that talks to it, or when none does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:  # half a job was still to be written
                continue


class WorkerPool:
    """``processes`` at most; none before the first job, and none ``rest_s`` after the last."""

    def __init__(self, processes: int, rest_s: float = REST_S) -> None:
        self._rest_s = rest_s
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="worker")
        self._idle: deque[_Worker] = deque()
        self._busy: set[_Worker] = set()
        self._resting: asyncio.TimerHandle | None = None
        self._network: tuple[ChainParams, bytes] | None = None
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are."""
        return [each.process.pid for each in (*self._busy, *self._idle)]

    async def do(self, work: int, params: ChainParams, payload: bytes, received: int = 0) -> bytes:
        """The result of a job.  Raises Reject where that is one, WorkerDied; OSError when no process can be
        started.  A job that is begun goes on when nobody waits for it any more."""
        pickled = self._pickle_network(params)
        head = worker.JOB.pack(work, len(pickled), len(payload), received)
        loop = asyncio.get_running_loop()
        try:
            is_refused, encoded = await loop.run_in_executor(self._threads, self._do, head + pickled, payload)
        finally:
            self._rest_later(loop)
        if is_refused:
            raise Reject(*pickle.loads(encoded))
        return encoded

    def _do(self, job: bytes, payload: bytes) -> tuple[bool, bytes]:
        """In a thread: there are as many as there may be processes."""
        try:
            each = self._idle.popleft()
        except IndexError:
            each = _Worker()
        self._busy.add(each)
        try:
            if self._is_closed:
                raise WorkerDied("the pool is closed")
            result = each.do(job, payload)
        except BaseException:
            self._busy.discard(each)
            each.end()
            raise
        self._busy.discard(each)
        self._idle.append(each)
        return result

    def _rest_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._resting is not None:
            self._resting.cancel()
        if not self._is_closed:
            self._resting = loop.call_later(self._rest_s, self._rest, loop)

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Those that have nothing to do go."""
        while self._idle:
            self._idle.popleft().end()
        if self._busy:
            self._rest_later(loop)

    def _pickle_network(self, params: ChainParams) -> bytes:
        if self._network is None or self._network[0] is not params:
            self._network = params, pickle.dumps(params, pickle.HIGHEST_PROTOCOL)
        return self._network[1]

    def close(self) -> None:
        """End them all; jobs under way end with WorkerDied."""
        self._is_closed = True
        if self._resting is not None:
            self._resting.cancel()
        for each in tuple(self._busy):
            each.kill()
        self._threads.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.popleft().end()
