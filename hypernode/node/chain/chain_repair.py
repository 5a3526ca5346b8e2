"""Cuts a ledger back to its last good block.  What is cut off is written to a file first; nothing is lost
silently.

The cut blocks are exported as one JSON object a line, compressed, and synced, before the first of them is
dropped; the node fetches what is missing from the network.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.pruning import compute_replay_window
from hypernode.core.types import Block, Height
from hypernode.node.base.json_shapes import block_to_object
from hypernode.ports.chain import Ledger
from hypernode.ports.files import Files
from hypernode.ports.signing import Offload

STEP_BLOCKS: Final = 200
"""Blocks dropped at once; each step is one transaction."""


def make_cut_name(first: Height, last: Height, now: float) -> str:
    """The file of the data folder that keeps blocks which are cut off at ``now`` (unix s)."""
    return f"cut-{first}-{last}-{int(now)}.json.gz"


async def keep_blocks(ledger: Ledger, first: Height, files: Files, name: str, offload: Offload) -> int:
    """Write the blocks from ``first`` to the tip into a file, whole or not at all; how many.  Raises
    OSError."""
    tip = ledger.get_height().height

    async def list_parts() -> AsyncIterator[bytes]:
        # Block by block: the members of a gzip file follow each other, and nobody waits long.
        for height in range(first, tip + 1):
            block = await ledger.get_block(height)
            if block is not None:
                yield await offload(partial(_compress, block))

    await files.write_parts(name, list_parts())
    return tip - first + 1


def _compress(block: Block) -> bytes:
    line = json.dumps(block_to_object(block), separators=(",", ":")).encode() + b"\n"
    return gzip.compress(line, mtime=0)


async def lacks_pruned(params: ChainParams, ledger: Ledger, common: Height) -> bool:
    """Whether a chain that goes back to ``common`` would need what was pruned: to be cut, or for rule 10 in
    the blocks that come on top (``core.pruning``)."""
    below = ledger.get_pruned_below()
    if not below:
        return False
    [last_pruned] = await ledger.get_headers(below - 1, 1)
    [parent] = await ledger.get_headers(common, 1)
    window = compute_replay_window(params)
    return common + 1 < below or last_pruned.timestamp + window >= parent.timestamp


async def cut_back(ledger: Ledger, to_height: Height) -> int:
    """Drop the blocks above a height, from the top down; how many.  Raises StorageFault, and what
    ``Ledger.rollback`` raises where they are pruned."""
    count = 0
    while (height := ledger.get_height().height) > to_height:
        count += len(await ledger.rollback(max(to_height, height - STEP_BLOCKS)))
    return count
