"""A chain in a source, and an empty ledger to take it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypernode.core.types import Block, Height
from hypernode.node.chain.chain_import import ImportReport, import_chain
from hypernode.node.chain.examiner import Examiner
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.node.beds import Bed, Branch

SLOTS = ((3, 0), (3, 1), (4, 0), (4, 7), (6, 3))


class Blocks:
    """A chain in memory as a source."""

    def __init__(self, genesis_hash: bytes, blocks: Sequence[Block]) -> None:
        self._hashes = {0: genesis_hash, **{block.height: block.block_hash for block in blocks}}
        self._blocks = blocks
        self.tip_height: Height = blocks[-1].height if blocks else 0

    async def get_hash(self, height: Height) -> bytes | None:
        return self._hashes.get(height)

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        return [block for block in self._blocks if first <= block.height < first + count]


class ImportBed:
    """A bed with a chain in a source, and an empty ledger."""

    def __init__(self, bed: Bed, ledger: SqliteLedger, blocks: list[Block]) -> None:
        self.bed, self.ledger, self.blocks = bed, ledger, blocks
        self.examiner = Examiner(bed.params, InlineVerifier(), FixedPowSource(bed.params), bed.clock.now())
        self.heard: list[Height] = []

    @classmethod
    async def make(cls, **fields: Any) -> ImportBed:
        bed = Bed(**fields)
        bed.go_to(7, 0)
        ledger = await open_ledger(InlineDatabase(), bed.params)
        branch = await Branch.on(bed, ledger)
        return cls(bed, ledger, await branch.grow(*SLOTS))

    async def take_in(self, blocks: Sequence[Block] | None = None, **options: Any) -> ImportReport:
        [genesis] = await self.ledger.get_headers(0, 1)
        return await import_chain(
            self.bed.params,
            self.ledger,
            Blocks(genesis.block_hash, self.blocks if blocks is None else blocks),
            self.examiner,
            **{"needs_companion": True, "on_progress": self._hear, **options},
        )

    def _hear(self, report: ImportReport) -> None:
        self.heard.append(report.height)
