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

from hypernode.core.params import Network
from hypernode.core.registry import PowRow, RowResult
from hypernode.core.types import PowHeight, Registration, Round
from hypernode.ports import PowStatus, RegisteredList
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.ledger_file import LedgerFile
from hypernode.pow.ledger_registry import DEFAULT_OPTIONS, LedgerRegistry, RegistryOptions

CLOSE_TIMEOUT_S: Final = 3.0
"""Of the ten seconds that stopping may take."""

_T = TypeVar("_T")


class LedgerPowSource:
    """``ports.PowSource`` over a ledger file.  ``executor`` runs the reading when given (one task at a
    time, whatever its size); it then stays its owner's to shut down.  ``log`` hears how far a long scan is,
    ``warn`` of rollbacks; both are called from the thread that reads.  ``last_seen`` notes what it tells."""

    def __init__(
        self,
        path: Path | str,
        network: Network,
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
        self._registry = LedgerRegistry(
            LedgerFile(Path(path), busy_timeout_s, attempts),
            network,
            options,
            is_stopped=lambda: self._closed,
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
        return await self._run(lambda: self._registry.get_status(now))

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
        except TimeoutError:
            """The thread is stuck in the companion's lock; what it keeps is safe as it is."""
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._inline:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run_alone, work)

    def _run_alone(self, work: Callable[[], _T]) -> _T:
        # a caller that was cancelled leaves its work running: the next one waits for it here
        with self._lock:
            return work()
