"""Messages verified on all cores, outside the event loop.

libsecp256k1 releases the GIL, so threads serve for what is verified now and then: a pushed block.  Where much
is to be done, answers go to processes as they came (``app.worker_pool``), and come back decoded and verified.
Chunks keep the hand-over cheap, and let what was asked meanwhile get its turn between them.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from hypernode.app import worker
from hypernode.app.cores import count_cores
from hypernode.app.worker_pool import MAX_PROCESSES, REST_S, WorkerDied, WorkerPool
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Violation
from hypernode.core.signing import is_valid_signature
from hypernode.core.types import Block, Message, Timestamp
from hypernode.core.validate_message import find_core_violations
from hypernode.ports.signing import BlockChecker, SignatureCheck
from hypernode.wire.checked_blocks import check_blocks, split_answer

MUCH_BYTES: Final = 1024 * 1024
"""Of answers within a minute, over which processes are started: 4,500 messages, a quarter of a second of one
core; to start one takes as long."""
CHUNK = 128
"""Messages a task: some 4 ms of work on one core."""
MANY_MESSAGES: Final = 2_000
"""Fewer are verified in threads: a block that was pushed is stored before a process has started."""
MESSAGE_BYTES: Final = 230
"""Of a message as it is usual, encoded."""
PROCESS_CHUNK: Final = 1_000
"""Messages a process is given at a time: some 30 ms of one core."""
INLINE = 8
"""Up to this many are verified at once where they are: handing over costs more."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class ThreadVerifier:
    """The Verifier port of the daemon.  ``processes``: of the pool for long answers, by default one per core;
    1 for none, as where there is one core only."""

    def __init__(self, threads: int | None = None, processes: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="verify")
        self._processes = min(MAX_PROCESSES, processes or count_cores())
        self._workers: WorkerPool | None = None
        self._here: deque[tuple[float, int]] = deque()
        """When, in seconds of the loop, answers of how many bytes came that were verified in threads."""

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        def verify_chunk(chunk: Sequence[SignatureCheck]) -> list[bool]:
            return [
                is_valid_signature(c.pubkey, c.signature, c.buffer, allow_long_ids=allow_long_ids)
                for c in chunk
            ]

        verdicts = await self._map_chunks(verify_chunk, checks)
        return [verdict for chunk in verdicts for verdict in chunk]

    async def find_core_violations(
        self, params: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        if len(messages) >= MANY_MESSAGES and self._is_much(len(messages) * MESSAGE_BYTES):
            found = await asyncio.gather(
                *(self._find_in_process(params, chunk) for chunk in _split(messages, PROCESS_CHUNK))
            )
        else:
            found = await self._map_chunks(lambda chunk: find_core_violations(params, chunk), messages)
        return [broken for chunk in found for broken in chunk]

    async def _find_in_process(
        self, params: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        packed = worker.pack_messages(messages)
        try:
            found = worker.load_violations(await self._get_workers().do(worker.MESSAGES, params, packed))
        except (WorkerDied, OSError):
            return await self.run(lambda: find_core_violations(params, messages))
        return [found.get(place) for place in range(len(messages))]

    async def run(self, work: Callable[[], Result], /) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    @property
    def worker_pids(self) -> list[int]:
        """Of the processes that there are now."""
        return self._workers.pids if self._workers else []

    def get_checker(self) -> BlockChecker:
        return self._check_blocks

    async def _check_blocks(
        self, params: ChainParams, payload: bytes, received: Timestamp
    ) -> tuple[Block, ...]:
        """In pieces, in the processes or in threads; what is wrong with the first of them that is wrong."""
        is_pooled = self._is_much(len(payload))
        check = self._check_in_process if is_pooled else self._check_in_thread
        parts = await asyncio.gather(
            *(check(params, piece, received) for piece in split_answer(payload)), return_exceptions=True
        )
        blocks: list[Block] = []
        for part in parts:
            if isinstance(part, BaseException):
                raise part
            blocks += part
        return tuple(blocks)

    def _is_much(self, size: int) -> bool:
        """Whether starting processes pays for what came of late."""
        if self._processes < 2:
            return False
        if self.worker_pids:
            return True
        now = asyncio.get_running_loop().time()
        while self._here and self._here[0][0] < now - REST_S:
            self._here.popleft()
        self._here.append((now, size))
        return sum(size for _, size in self._here) > MUCH_BYTES

    async def _check_in_process(
        self, params: ChainParams, payload: bytes, received: Timestamp
    ) -> tuple[Block, ...]:
        try:
            return worker.load_blocks(await self._get_workers().do(worker.BLOCKS, params, payload, received))
        except (WorkerDied, OSError):
            return await self._check_in_thread(params, payload, received)

    def _get_workers(self) -> WorkerPool:
        if self._workers is None:
            self._workers = WorkerPool(self._processes)
        return self._workers

    async def _check_in_thread(
        self, params: ChainParams, payload: bytes, received: Timestamp
    ) -> tuple[Block, ...]:
        return await self.run(lambda: check_blocks(params, payload, received))

    async def _map_chunks(
        self, work: Callable[[Sequence[Item]], Result], items: Sequence[Item]
    ) -> list[Result]:
        if len(items) <= INLINE:
            return [work(items)]
        loop = asyncio.get_running_loop()
        chunks = _split(items, CHUNK)
        tasks = [loop.run_in_executor(self._pool, self._map_chunk, work, chunk) for chunk in chunks]
        return await asyncio.gather(*tasks)

    def _map_chunk(self, work: Callable[[Sequence[Item]], Result], chunk: Sequence[Item]) -> Result:
        return work(chunk)

    def close(self) -> None:
        if self._workers is not None:
            self._workers.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _split(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    """In pieces of so many."""
    return [items[start : start + most] for start in range(0, len(items), most)]
