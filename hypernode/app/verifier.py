"""Signatures verified on all cores, outside the event loop.

libsecp256k1 releases the GIL, so threads serve (measured: two of them are worth two processes).  Chunks
keep the hand-over cheap and let height requests through between them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hypernode.core.signing import is_valid_signature
from hypernode.ports import SignatureCheck

CHUNK = 64
"""Signatures a task: some 3 ms of work on one core."""
INLINE = 8
"""Up to this many are verified at once where they are: handing over costs more."""


class ThreadVerifier:
    """The Verifier port of the daemon."""

    def __init__(self, threads: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="verify")

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        if len(checks) <= INLINE:
            return verify_chunk(checks, allow_long_ids=allow_long_ids)
        loop = asyncio.get_running_loop()
        chunks = [checks[start : start + CHUNK] for start in range(0, len(checks), CHUNK)]
        tasks = [
            loop.run_in_executor(self._pool, _verify_in_thread, chunk, allow_long_ids) for chunk in chunks
        ]
        return [verdict for verdicts in await asyncio.gather(*tasks) for verdict in verdicts]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def verify_chunk(checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
    """One verdict each, in order."""
    return [
        is_valid_signature(c.pubkey, c.signature, c.buffer, allow_long_ids=allow_long_ids) for c in checks
    ]


def _verify_in_thread(checks: Sequence[SignatureCheck], allow_long_ids: bool) -> list[bool]:
    return verify_chunk(checks, allow_long_ids=allow_long_ids)
