"""Evidence and findings: kept once, and bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.core.block import to_header
from hypernode.core.rules import Rule
from hypernode.core.types import Equivocation
from hypernode.ports.chain import ToleratedViolation
from hypernode.storage.evidence import MAX_CASES
from tests.unit.storage.chains import GENESIS, block, chain, message
from tests.unit.storage.ledgers import make_ledger


def test_the_latest_evidence_is_kept_and_only_heads_of_large_blocks() -> None:
    """A juror can sign any number of blocks, for years."""

    async def run() -> None:
        ledger = await make_ledger()
        many = [message(n, params="x" * 200) for n in range(400)]
        large, small = block(GENESIS, 1, 0, "f", many), block(GENESIS, 1, 0, "f", salt=1)
        for round_ in range(MAX_CASES + 30):
            first, second = (replace(one, round=round_) for one in (large, small))
            await ledger.save_evidence(Equivocation(first, second))
        found = await ledger.get_evidence()
        assert [case.first.round for case in found] == list(range(30, MAX_CASES + 30))
        assert found[0].first == to_header(replace(large, round=30))
        assert found[0].second == replace(small, round=30)

    asyncio.run(run())


def test_evidence_is_kept_once_for_a_slot_and_forger() -> None:
    async def run() -> None:
        ledger = await make_ledger()
        a = block(GENESIS, 1, 0, "f", [message(1, params="\x00'"), message(2)])
        b, c = (block(GENESIS, 1, 0, "f", salt=n) for n in (1, 2))
        assert await ledger.get_evidence() == []
        await ledger.save_evidence(Equivocation(a, b, seen_at=77))
        await ledger.save_evidence(Equivocation(a, c, seen_at=78))
        await ledger.save_evidence(Equivocation(replace(a, forger="g"), replace(b, forger="g")))
        found = await ledger.get_evidence()
        assert found == [
            Equivocation(a, b),
            Equivocation(replace(a, forger="g"), replace(b, forger="g")),
        ]
        assert found[0].seen_at == 77

    asyncio.run(run())


def test_findings_are_counted_by_rule_once_for_a_block() -> None:
    async def run() -> None:
        ledger = await make_ledger()
        assert await ledger.count_findings() == {}
        blocks = chain(2)
        findings = [
            ToleratedViolation(blocks[at].height, blocks[at].block_hash, rule, "words")
            for at, rule in ((0, Rule.B13), (0, Rule.B3), (1, Rule.B3))
        ]
        await ledger.append(blocks[0], findings[:2])
        await ledger.rollback(0)
        await ledger.append_many(blocks, findings)
        assert await ledger.count_findings() == {"13": 1, "3": 2}
        assert await ledger.get_findings(1, 2) == findings
        assert await ledger.get_findings(2, 9) == findings[2:]

    asyncio.run(run())
