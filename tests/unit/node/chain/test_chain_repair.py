"""What is cut off is written down first."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.pruning import compute_replay_window
from hypernode.core.types import Block
from hypernode.node.base.json_shapes import block_to_object
from hypernode.node.chain import chain_repair
from hypernode.node.chain.chain_repair import cut_back, keep_blocks, lacks_pruned
from hypernode.sim.memory.adapters import InlineVerifier, MemoryFiles
from tests.unit.node.beds import play
from tests.unit.node.chain.imports import ImportBed
from tests.unit.wire.samples import BLOCK


def test_what_is_cut_is_written_down_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_repair, "STEP_BLOCKS", 2)

    async def scenario() -> None:
        setup = await ImportBed.make()
        await setup.take_in()
        files = MemoryFiles()
        assert await keep_blocks(setup.ledger, 2, files, "cut.json.gz", InlineVerifier().run) == 4
        lines = gzip.decompress(files.read("cut.json.gz") or b"").decode().splitlines()
        assert [json.loads(line) for line in lines] == [block_to_object(b) for b in setup.blocks[1:]]
        assert await cut_back(setup.ledger, 1) == 4
        assert await setup.ledger.get_blocks(1, 9) == setup.blocks[:1]
        assert await cut_back(setup.ledger, 1) == 0
        # and it can be had again
        assert (await setup.take_in()).height == 5

    play(scenario())


class Pruned:
    """A ledger whose messages below block 5 are gone: the last of them of second 100."""

    def __init__(self, parent_time: int, below: int = 5) -> None:
        self._below = below
        self._times = {4: 100, 9: parent_time}

    def get_pruned_below(self) -> int:
        return self._below

    async def get_headers(self, first: int, count: int) -> list[Block]:
        assert count == 1
        return [replace(BLOCK, height=first, timestamp=self._times.get(first, 200), messages=())]


@pytest.mark.parametrize(
    ("beyond_s", "common", "below", "is_lacking"),
    [(-1, 9, 5, True), (0, 9, 5, True), (1, 9, 5, False), (1, 3, 5, True), (-1, 9, 0, False)],
)
def test_what_was_pruned_is_needed_up_to_the_end_of_its_window(
    beyond_s: int, common: int, below: int, is_lacking: bool
) -> None:
    params = mainnet()
    ledger: Any = Pruned(100 + compute_replay_window(params) + beyond_s, below)
    assert asyncio.run(lacks_pruned(params, ledger, common)) is is_lacking
