"""Messages verified on all cores, outside the event loop.

libsecp256k1 releases the GIL, so threads serve (``make bench`` compares them with processes, which would have
to be given the messages first).  Chunks keep the hand-over cheap, and let what was asked meanwhile get its
turn between them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hypernode.core.chain_params import ChainParams
from hypernode.core.rules import Violation
from hypernode.core.signing import is_valid_signature
from hypernode.core.types import Message
from hypernode.core.validate_message import find_core_breaks
from hypernode.ports.signing import SignatureCheck

CHUNK = 128
"""Messages a task: some 4 ms of work on one core."""
INLINE = 8
"""Up to this many are verified at once where they are: handing over costs more."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class ThreadVerifier:
    """The Verifier port of the daemon."""

    def __init__(self, threads: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="verify")

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        def verify_chunk(chunk: Sequence[SignatureCheck]) -> list[bool]:
            return [
                is_valid_signature(c.pubkey, c.signature, c.buffer, allow_long_ids=allow_long_ids)
                for c in chunk
            ]

        verdicts = await self._map_chunks(verify_chunk, checks)
        return [verdict for chunk in verdicts for verdict in chunk]

    async def find_core_breaks(
        self, network: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        found = await self._map_chunks(lambda chunk: find_core_breaks(network, chunk), messages)
        return [broken for chunk in found for broken in chunk]

    async def run(self, work: Callable[[], Result], /) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _map_chunks(
        self, work: Callable[[Sequence[Item]], Result], items: Sequence[Item]
    ) -> list[Result]:
        if len(items) <= INLINE:
            return [work(items)]
        loop = asyncio.get_running_loop()
        chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
        tasks = [loop.run_in_executor(self._pool, self._map_chunk, work, chunk) for chunk in chunks]
        return await asyncio.gather(*tasks)

    def _map_chunk(self, work: Callable[[Sequence[Item]], Result], chunk: Sequence[Item]) -> Result:
        return work(chunk)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
