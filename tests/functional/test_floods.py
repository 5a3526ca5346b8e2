"""The short form of ``make flood``: all attacks on a real node, which answers and forges all the while.

Times are not asserted: the full form measures them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypernode.app.system_clock import SystemClock
from hypernode.core.timeline import compute_round_slot
from tests.floods.__main__ import raise_file_limit
from tests.floods.arena import PATIENCE_S, open_arena
from tests.floods.attacks import FLOODS
from tests.floods.measuring import Report, run_flood, wait_for_own_block

SLOT_S = 1
SCALE = 0.02


async def attack(folder: Path) -> dict[str, Report]:
    """Every flood in turn, and then a slot that the node forges in."""
    async with open_arena(folder, SLOT_S) as arena:
        reports = {name: await run_flood(arena, name, SCALE, settle_s=0.2) for name in FLOODS}
        async with asyncio.timeout(PATIENCE_S):
            await wait_for_own_block(arena, compute_round_slot(arena.params, SystemClock().now()))
        return reports


def test_a_node_under_attack_answers_forges_and_keeps_its_log_readable(tmp_path: Path) -> None:
    raise_file_limit()
    reports = asyncio.run(attack(tmp_path / "devnet"))
    assert len(reports) == 16
    assert {name: report.find_faults(with_clocks=False) for name, report in reports.items()} == {
        name: [] for name in FLOODS
    }
