"""``ledger follow``: an operator says which side of a split network this node takes (spec 4, SPLIT).

The word is a file of the data folder; the node, running or started later, carries it out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from hypernode.app.files import FolderFiles
from hypernode.config.settings import Settings
from hypernode.core.types import ChainHeight, Height
from hypernode.machine.peers import ForkOverride
from hypernode.node.sync.common_block import get_own_hash
from hypernode.node.sync.partitions import (
    ORDER_NAME,
    OtherTip,
    load_order,
    load_tips,
    resolve_order,
    save_order,
)
from hypernode.ports.chain import Ledger
from hypernode.storage.interface import StorageError
from hypernode.storage.ledger import open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase


async def follow_chain(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    """Give the word, withdraw it, or say which chains there are; what was done.  Raises UnknownTip,
    StorageError, OSError."""
    if not settings.ledger_path.is_file():
        raise StorageError(f"{settings.ledger_path}: there is no ledger; name the run folder with --home")
    files = FolderFiles(settings.data_path)
    if args.cancel:
        return _cancel(files)
    tips = load_tips(files)
    ledger = await open_ledger_to_read(SnapshotDatabase(settings.ledger_path), settings.params)
    try:
        own = ledger.get_height()
        if args.tip is None:
            return _describe(files, own, tips)
        order = resolve_order(tips, args.tip, args.height)
        if await get_own_hash(ledger, order.height) == order.block_hash:
            words = f"nothing to do: block {order.height} {order.block_hash.hex()} is in our chain"
            return {"ordered": False, "height": order.height, "words": words}
        common = await _find_common(ledger, tips, order)
    finally:
        await ledger.close()
    save_order(files, order)
    return {
        "ordered": True,
        "ours": {"height": own.height, "block_hash": own.block_hash.hex()},
        "theirs": {"height": order.height, "block_hash": order.block_hash.hex()},
        "common": common,
        "words": "\n".join(_list_consequences(own, order, common)),
    }


def _list_consequences(own: ChainHeight, order: ForkOverride, common: Height | None) -> list[str]:
    if common is None:
        cut = "all blocks of ours above the last one that both chains have are cut"
    elif common < own.height:
        cut = f"blocks {common + 1} to {own.height} of ours are cut"
    else:
        cut = "none of our blocks is cut"
    return [
        f"ours:   block {own.height} {own.block_hash.hex()}",
        f"theirs: block {order.height} {order.block_hash.hex()}",
        "The node takes their chain as soon as a peer gives it and every block of it holds the rules;",
        f"then {cut}, and kept in data/cut-FIRST-LAST-TIME.json.gz; their messages go back to the mempool.",
        "The status (extra.follow) shows this word until it is done; --cancel withdraws it.",
    ]


async def _find_common(ledger: Ledger, tips: Sequence[OtherTip], order: ForkOverride) -> Height | None:
    """The last block of both chains as the node saw it, where our chain still has it."""
    seen = next((tip for tip in tips if tip.block_hash == order.block_hash), None)
    if seen is None or await get_own_hash(ledger, seen.common) is None:
        return None
    return seen.common


def _describe(files: FolderFiles, own: ChainHeight, tips: Sequence[OtherTip]) -> dict[str, object]:
    order = load_order(files)
    lines = [f"ours: block {own.height} {own.block_hash.hex()}"]
    for tip in reversed(tips):
        at = datetime.fromtimestamp(tip.seen_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines.append(
            f"seen {at}: block {tip.height} {tip.block_hash.hex()}, in common up to block {tip.common}"
        )
    if not tips:
        lines.append("this node has seen no chain that parted from ours and may not replace it by itself")
    if order is not None:
        lines.append(f"ordered, not done yet: block {order.height} {order.block_hash.hex()}")
    return {
        "ours": {"height": own.height, "block_hash": own.block_hash.hex()},
        "seen": [
            {"height": t.height, "block_hash": t.block_hash.hex(), "common": t.common, "seen_at": t.seen_at}
            for t in tips
        ],
        "order": None if order is None else {"height": order.height, "block_hash": order.block_hash.hex()},
        "words": "\n".join(lines),
    }


def _cancel(files: FolderFiles) -> dict[str, object]:
    was = files.read(ORDER_NAME) is not None
    files.remove(ORDER_NAME)
    words = "withdrawn" if was else "there was no word to withdraw, or it is done"
    return {"cancelled": was, "words": words}
