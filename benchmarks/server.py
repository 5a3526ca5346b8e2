"""The peer to catch up from, in a process of its own: ``python -m benchmarks.server FOLDER SENDERS``.

Serves the ledger in FOLDER as the node of the second sender.  Says the port that it took and its height as
one line of JSON, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks.chains import make_ip, make_party
from benchmarks.nodes import open_node
from hypernode.core.types import Endpoint
from hypernode.node.base.json_shapes import height_to_object

INDEX = 1


async def serve(folder: Path, senders: int) -> None:
    party = make_party(senders)
    async with open_node(party, INDEX, folder, threads=1) as node:
        listener = await node.listening.start(Endpoint(make_ip(INDEX), 0))
        height = height_to_object(node.chain.height)
        print(json.dumps({"port": listener.endpoint.port, "height": height}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await listener.close()
        node.listening.close_all()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
