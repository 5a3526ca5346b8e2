"""The companion as its ledger file: the default PoW source (spec 5).

In the daemon the file is read by one worker thread, so that the event loop never waits for a disk or
for the companion's lock; in a simulation (``inline=True``) it is read in line, because threads do not
live on virtual time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import PowRow, RowResult
from hypernode.core.types import PowHeight, Registration, Round
from hypernode.ports.registrations import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import DEFAULT_OPTIONS, LedgerRegistry, RegistryOptions

CLOSE_TIMEOUT_S: Final = 3.0
"""Of the ten seconds that stopping may take."""

STUCK_S: Final = 60.0
"""Twice that long without a single query's end the disk is taken for gone: a locked ledger costs some 15
s."""

_T = TypeVar("_T")


def _forget_result(future: asyncio.Future[_T]) -> None:
    """Of work that nobody waits for any more; an error of it is no news either."""
    if not future.cancelled():
        future.exception()


class LedgerPowSource:
    """``ports.registrations.PowSource`` over a ledger file.  ``executor`` runs the reading when given (one
    task at a time, whatever its size); it then stays its owner's to shut down.  ``log`` hears how far a long
    scan is, ``warn`` of rollbacks; both are called from the thread that reads.  ``last_seen`` notes what it
    tells."""

    def __init__(
        self,
        path: Path | str,
        params: ChainParams,
        *,
        inline: bool = False,
        executor: Executor | None = None,
        busy_timeout_s: float = 5.0,
        attempts: int = 3,
        options: RegistryOptions = DEFAULT_OPTIONS,
        log: Callable[[str], None] = lambda text: None,
        warn: Callable[[str], None] = lambda text: None,
        last_seen: LastSeen | None = None,
    ) -> None:
        self._last_seen = last_seen or LastSeen(None)
        self._closed = False
        self._steps = 0
        """Queries, and parts of long ones: while a scan goes on, so do these."""
        self._stuck: asyncio.Future[object] | None = None
        """Work that does not come back from the file system."""
        self._registry = LedgerRegistry(
            LedgerFile(Path(path), busy_timeout_s, attempts),
            params,
            options,
            is_stopped=self._note_step,
            log=log,
            warn=warn,
        )
        self._inline = inline
        self._own: ThreadPoolExecutor | None = None
        if executor is None and not inline:
            self._own = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pow-ledger")
        self._executor = executor or self._own
        self._lock = threading.Lock()

    async def get_status(self, now: float) -> PowStatus:
        """The last block; ``problem`` says when it is too old or the file cannot be read."""
        try:
            return await self._run(lambda: self._registry.get_status(now))
        except PowNotReady as problem:
            return PowStatus(str(self._registry.path), 0, 0.0, "", str(problem))

    async def get_registered(self, round_: Round) -> RegisteredList:
        """registered(R) of spec 3.  Raises PowNotReady when the ledger is late or cannot be read."""
        return await self._run(lambda: self._last_seen.note(self._registry.derive_round(round_)))

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """Block hashes, in order.  Raises PowNotReady when one is not there."""
        return await self._run(lambda: self._registry.get_block_hashes(heights))

    async def get_feed(self, height: PowHeight) -> list[tuple[PowRow, RowResult]]:
        """What became of each row of the registry up to a height: for the operator's feed."""
        return await self._run(lambda: self._registry.derive_feed(height)[1])

    async def get_balance(self, address: str, height: PowHeight) -> int | None:
        """Balance (1e-8 BIS) at a height; None for one that never received or never sent."""
        return await self._run(lambda: self._registry.find_balance(address, height))

    async def get_weights(self, entries: Sequence[Registration], height: PowHeight) -> tuple[int, ...]:
        """What the balance of each entry's collateral gives at a height."""
        return await self._run(lambda: self._registry.find_weights(entries, height))

    async def close(self) -> None:
        """A scan under way ends at its next query; it is waited for, but no longer than a locked ledger
        deserves."""
        self._closed = True
        if self._inline:
            self._registry.close()
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._run(self._registry.close)
        except (TimeoutError, PowNotReady):
            """The thread is stuck in the companion's lock; what it keeps is safe as it is."""
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)

    def _note_step(self) -> bool:
        self._steps += 1
        return self._closed

    async def _run(self, work: Callable[[], _T]) -> _T:
        """Raises PowNotReady, too, when the file system of the ledger does not answer."""
        if self._inline:
            return work()
        if self._stuck is not None and not self._stuck.done():
            # what is asked now would wait behind it, and the next question behind that
            raise PowNotReady(self._explain_stuck())
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._run_alone, work)
        steps = None
        while not (await asyncio.wait({future}, timeout=STUCK_S))[0]:
            if steps == self._steps:
                self._stuck = future  # type: ignore[assignment]
                future.add_done_callback(_forget_result)
                raise PowNotReady(self._explain_stuck())
            steps = self._steps
        return future.result()

    def _explain_stuck(self) -> str:
        return (
            f"{self._registry.path}: nothing comes back from the disk that it is on; if that is a network "
            "mount: is its server there?"
        )

    def _run_alone(self, work: Callable[[], _T]) -> _T:
        # a caller that was cancelled leaves its work running: the next one waits for it here
        with self._lock:
            return work()
