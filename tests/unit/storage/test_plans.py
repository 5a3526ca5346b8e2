"""The plans of rounds come back as they were derived."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.core.types import Juror, PeerTest, Registration, RoundPlan
from tests.unit.storage.ledgers import make_ledger


def _entry(pos: str, weight: int = 1, timestamp: float = 1.25) -> Registration:
    return Registration("c" * 56, "127.0.0.1", "06969", pos, "reward", weight, timestamp)


def test_plan_of_a_round_comes_back_and_can_be_replaced() -> None:
    async def run() -> None:
        ledger = await make_ledger()
        registered = (_entry("z"), _entry("a", -3), _entry("b ", 3), _entry("a", 2), _entry("z"))
        plan = RoundPlan(
            round=7,
            pow_height=-5,
            reference_hash=b"r" * 20,
            registered=registered,
            inactive=("a",),
            voided=("z", "gone"),
            jurors=(Juror("b ", 12), Juror("z", 0)),
            tests=((PeerTest("a", "b ", 4), PeerTest("b ", "a", 0)), ()),
        )
        empty = RoundPlan(round=8, pow_height=0, reference_hash=b"", registered=())
        await ledger.save_plan(plan)
        await ledger.save_plan(empty)
        assert await ledger.get_plan(7) == plan
        assert await ledger.get_plan(8) == empty
        assert await ledger.get_plan(9) is None
        later = replace(plan, registered=(_entry("z", timestamp=3.5),), jurors=())
        await ledger.save_plan(later)
        assert await ledger.get_plan(7) == later

    asyncio.run(run())
