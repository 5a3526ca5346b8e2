"""Cutting a ledger back to its last good block: what goes is written down first, nothing is lost in silence.

The cut blocks are exported as one JSON object a line, compressed, and synced, before the first of them is
dropped; the node fetches what is missing from the network.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Final

from hypernode.core.types import Height
from hypernode.node.json_shapes import block_to_object
from hypernode.ports import Ledger

STEP_BLOCKS: Final = 200
"""Blocks read or dropped at once; each step of dropping is one transaction."""


async def export_blocks(ledger: Ledger, first: Height, path: Path) -> int:
    """Write the blocks from ``first`` to the tip into ``path``, whole or not at all; how many.  Raises
    OSError."""
    tip, count = ledger.get_height().height, 0
    beside = path.with_name(f".{path.name}.new")
    with open(beside, "wb") as raw:  # noqa: ASYNC230  a tool's: nobody else waits for this loop
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file:
            for start in range(first, tip + 1, STEP_BLOCKS):
                for block in await ledger.get_blocks(start, min(STEP_BLOCKS, tip - start + 1)):
                    file.write(json.dumps(block_to_object(block), separators=(",", ":")).encode() + b"\n")
                    count += 1
        raw.flush()
        os.fsync(raw.fileno())
    os.replace(beside, path)
    return count


async def cut_back(ledger: Ledger, to_height: Height) -> int:
    """Drop the blocks above a height, from the top down; how many.  Raises StorageTrouble, and what
    ``Ledger.rollback`` raises where they are pruned."""
    count = 0
    while (height := ledger.get_height().height) > to_height:
        count += len(await ledger.rollback(max(to_height, height - STEP_BLOCKS)))
    return count
