"""Watches our locks while the node runs: somebody may remove the file of one, because it looks stale.

Each look leaves the time on the files.  A loop that hangs does not look: what keeps a node alive goes by that
where the log was moved, or cannot be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from hypernode.files.own_files import explain
from hypernode.wallet.locks import Lock, LockHeld

LOCK_CHECK_S: Final = 10.0
"""What a removed file is for tools until then: a node that does not run.  A second node finds the folder and
the wallet locked themselves."""

APP_LOG = logging.getLogger("tornado.application")


async def watch_locks(locks: Sequence[Lock], halt: Callable[[str], None]) -> None:
    """Look every ``LOCK_CHECK_S``; ``halt`` is told why the node must not go on."""
    while True:
        await asyncio.sleep(LOCK_CHECK_S)
        for lock in locks:
            look_at_lock(lock, halt)
            lock.touch()


def look_at_lock(lock: Lock, halt: Callable[[str], None]) -> None:
    """Make its file again where it is gone; where that cannot be, halt."""
    try:
        if lock.renew():
            APP_LOG.warning("%s was removed and is made again: leave it there while the node runs", lock.path)
    except LockHeld as held:
        halt(f"{held}; it came while our lock had been removed")
    except OSError as error:
        halt(f"the lock is gone and cannot be made again: {explain(error)}; restart the node on its folder")
