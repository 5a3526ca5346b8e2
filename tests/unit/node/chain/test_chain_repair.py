"""What is cut off is written down first."""

from __future__ import annotations

import gzip
import json

import pytest

from hypernode.node.base.json_shapes import block_to_object
from hypernode.node.chain import chain_repair
from hypernode.node.chain.chain_repair import cut_back, keep_blocks
from hypernode.sim.memory.adapters import InlineVerifier, MemoryFiles
from tests.unit.node.chain.imports import World
from tests.unit.node.worlds import play


def test_what_is_cut_is_written_down_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_repair, "STEP_BLOCKS", 2)

    async def scenario() -> None:
        ports = await World.make()
        await ports.take_in()
        files = MemoryFiles()
        assert await keep_blocks(ports.ledger, 2, files, "cut.json.gz", InlineVerifier().run) == 4
        lines = gzip.decompress(files.read("cut.json.gz") or b"").decode().splitlines()
        assert [json.loads(line) for line in lines] == [block_to_object(b) for b in ports.blocks[1:]]
        assert await cut_back(ports.ledger, 1) == 4
        assert await ports.ledger.get_blocks(1, 9) == ports.blocks[:1]
        assert await cut_back(ports.ledger, 1) == 0
        # and it can be had again
        assert (await ports.take_in()).height == 5

    play(scenario())
