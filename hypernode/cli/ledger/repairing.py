"""``ledger repair``: finds the last good block, keeps what is above it in a file, and cuts it off."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from hypernode.app.files import FolderFiles
from hypernode.app.system_clock import SystemClock
from hypernode.app.verifier import ThreadVerifier
from hypernode.cli.check.stored import open_source
from hypernode.cli.progress import Meter
from hypernode.config.settings import Settings
from hypernode.core.types import Height
from hypernode.node.chain.chain_check import ChainCheck
from hypernode.node.chain.chain_repair import cut_back, keep_blocks, lacks_pruned, make_cut_name
from hypernode.node.chain.examiner import Examiner
from hypernode.storage.interface import StorageError
from hypernode.storage.ledger import SqliteLedger
from hypernode.storage.prune import check_not_pruned

T = TypeVar("T")


async def repair_ledger(
    args: argparse.Namespace, settings: Settings, ledger: SqliteLedger, stack: AsyncExitStack
) -> dict[str, object]:
    """Cut back to ``args.to``, or to the last good block; what was done.  Raises StorageError for a height
    that the chain cannot go back to, StorageFault, OSError."""
    tip = ledger.get_height().height
    good = await _find_last_good(args, settings, ledger, stack) if args.to is None else args.to
    if not 0 <= good <= tip:
        raise StorageError(f"there is no block {good}: the chain ends at {tip}")
    if good == tip:
        return {"cut": 0, "height": tip, "words": f"nothing to repair: all {tip} blocks are good"}
    check_not_pruned(str(settings.ledger_path), good, ledger.get_pruned_below())
    if await lacks_pruned(settings.params, ledger, good):
        raise StorageError(
            f"{settings.ledger_path}: a block on top of {good} could hold a message again that was pruned: "
            "move the ledger away and fetch or import the chain"
        )
    if args.dry_run:
        words = f"blocks {good + 1} to {tip} would be cut"
        return {"cut": 0, "would_cut": tip - good, "height": tip, "words": words}
    kept = settings.data_path / make_cut_name(good + 1, tip, SystemClock().now())
    await keep_blocks(ledger, good + 1, FolderFiles(settings.data_path), kept.name, _run_here)
    count = await cut_back(ledger, good)
    words = (
        f"cut back to block {good}: {count} blocks are gone from the ledger and kept in {kept}; "
        "start the node, and it fetches the rest"
    )
    return {"cut": count, "height": good, "kept": str(kept), "words": words}


async def _run_here(work: Callable[[], T], /) -> T:  # nobody else waits for this loop
    return work()


async def _find_last_good(
    args: argparse.Namespace, settings: Settings, ledger: SqliteLedger, stack: AsyncExitStack
) -> Height:
    """The block below the first one that breaks a rule."""
    source, why = open_source(settings)
    if source is not None:
        stack.push_async_callback(source.close)
    verifier = ThreadVerifier()
    stack.callback(verifier.close)
    examiner = Examiner(settings.params, verifier, source, SystemClock().now(), why=why)
    with Meter("checking", 0, ledger.get_height().height, quiet=args.json) as meter:
        check = ChainCheck(
            settings.params,
            ledger,
            examiner,
            on_progress=lambda progress, state: meter.show(progress.height, progress.messages),
            stop_at_break=True,
        )
        state = await check.run()
    bad = state.find_first_refused()
    return ledger.get_height().height if bad is None else bad - 1
