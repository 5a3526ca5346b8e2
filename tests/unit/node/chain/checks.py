"""Ledgers to be checked, and checks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypernode.node.chain.chain_check import ChainCheck
from hypernode.node.chain.check_state import CheckState
from hypernode.node.chain.examiner import Examiner
from hypernode.ports.chain import Ledger
from hypernode.ports.registrations import PowSource
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.node.beds import Bed, Branch

SLOTS = ((3, 0), (3, 1), (3, 5), (4, 0), (6, 0), (6, 3), (9, 1), (9, 2))


async def make_ledger(
    bed: Bed, slots: Sequence[tuple[int, int]] = SLOTS
) -> tuple[SqliteLedger, InlineDatabase]:
    bed.go_to(9, 4)
    database = InlineDatabase()
    ledger = await open_ledger(database, bed.params)
    branch = await Branch.on(bed, ledger)
    await ledger.append_many(await branch.grow(*slots))
    return ledger, database


def examiner(bed: Bed, pow_source: PowSource | None = None, **options: Any) -> Examiner:
    source = pow_source or FixedPowSource(bed.params)
    return Examiner(bed.params, InlineVerifier(), source, bed.clock.now(), **options)


async def check(bed: Bed, ledger: Ledger, **options: Any) -> CheckState:
    return await ChainCheck(bed.params, ledger, options.pop("by", examiner(bed)), **options).run()
