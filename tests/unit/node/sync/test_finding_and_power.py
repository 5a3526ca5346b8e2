"""A block that breaks a tolerated rule, and its finding: both are stored or neither, whenever power goes."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, cast

import apsw
import pytest

from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.machine.peers import Support
from hypernode.node.chain.chain_import import import_chain
from hypernode.node.chain.examiner import Examiner
from hypernode.node.owner.runtime import Node
from hypernode.ports.chain import ToleratedViolation
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.storage.database import InlineDatabase
from hypernode.storage.interface import Durability
from hypernode.storage.ledger import open_ledger
from tests.power_cut.database import ApswDatabase
from tests.power_cut.disk import Disk, PowerCut
from tests.power_cut.vfs import DiskVfs
from tests.unit.node.beds import ROUND, Bed, Branch, play, store
from tests.unit.node.chain.imports import Blocks

NAME: Final = "/data/ledger.db"
MOST: Final = Support(3, 5)
SURVIVALS: Final = 4
"""What a disk keeps of what was not synced is up to chance: each cut is looked at so many times."""


async def make_of_stranger(bed: Bed, branch: Branch) -> Block:
    at = compute_slot_start(bed.params, ROUND, 1)
    return await branch.make(ROUND, 1, messages=[bed.message(n, at, recipient="nowhere") for n in range(4)])


async def make_by_wrong_juror(bed: Bed, branch: Branch) -> Block:
    juror = bed.index_of((await branch.plan(ROUND)).juror_of(1) or "")
    return await branch.make(ROUND, 1, forger=(juror + 1) % bed.size)


async def push(bed: Bed, node: Node, block: Block) -> None:
    await node.chain.accept_pushed(block)


async def fetch(bed: Bed, node: Node, block: Block) -> None:
    assert (await node.chain.adopt(block.height - 1, [block], None, MOST)).adopted


async def take_in(bed: Bed, node: Node, block: Block) -> None:
    ledger = node.ports.ledger
    genesis, *ours = await ledger.get_blocks(0, block.height)
    source = Blocks(genesis.block_hash, [*ours, block])
    examiner = Examiner(bed.params, InlineVerifier(), node.ports.pow_source, bed.clock.now())
    await import_chain(bed.params, ledger, source, examiner, needs_companion=True)


def plug_in(disk: Disk) -> InlineDatabase:
    return cast(InlineDatabase, ApswDatabase(DiskVfs(disk), NAME, Durability.WAL))


async def look(bed: Bed, disk: Disk, block: Block) -> tuple[bool, list[str]]:
    """Whether the block is there, and the rules of the findings that are."""
    database = plug_in(disk)
    ledger = await open_ledger(database, bed.params)
    found: list[ToleratedViolation] = await ledger.get_findings(0, block.height)
    assert all(finding.block_hash == block.block_hash for finding in found)
    is_there = await ledger.get_block(block.height) == block
    await ledger.close()
    return is_there, [finding.rule.number for finding in found]


@pytest.mark.parametrize(
    ("make", "take", "rule"),
    [
        (make_of_stranger, push, "13"),
        (make_by_wrong_juror, fetch, "6"),
        (make_by_wrong_juror, take_in, "6"),
    ],
    ids=["pushed", "fetched", "imported"],
)
def test_a_block_and_its_violation_outlive_a_power_cut_together(
    make: Callable[[Bed, Branch], Awaitable[Block]],
    take: Callable[[Bed, Node, Block], Awaitable[None]],
    rule: str,
) -> None:
    async def scenario() -> None:
        bed = Bed(mixed=True)
        bed.go_to(ROUND, 1)
        before = Disk()
        database = plug_in(before)
        ledger = await open_ledger(database, bed.params)
        await store(bed, ledger, (ROUND, 0))
        block = await make(bed, await Branch.on(bed, ledger))
        await ledger.close()
        seen: set[tuple[bool, tuple[str, ...]]] = set()
        cuts, is_done = 0, False
        while not is_done:
            disk = before.copy()
            database = plug_in(disk)
            node = await bed.node(ledger_db=database)
            disk.cut_in = cuts
            try:
                await take(bed, node, block)
                is_done = True
            except PowerCut:
                cuts += 1
            with contextlib.suppress(PowerCut, apsw.Error):
                await database.close()
            for chance in range(SURVIVALS):
                is_there, rules = await look(bed, disk.survive(Random(chance)), block)
                assert rules == ([rule] if is_there else []), f"cut at change {cuts}"
                assert is_there or not is_done, "what was acknowledged is gone"
                seen.add((is_there, tuple(rules)))
        assert cuts > 5
        assert seen == {(False, ()), (True, (rule,))}

    play(scenario())
