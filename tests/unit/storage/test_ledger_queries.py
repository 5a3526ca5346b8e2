"""What the ledger is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.core.block import to_header
from hypernode.core.kpis import compute_kpis
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Equivocation, Juror, Kpis, PeerTest, Registration, RoundPlan
from hypernode.ports.chain import ToleratedViolation
from hypernode.storage.database import InlineDatabase
from hypernode.storage.evidence import MAX_CASES
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.storage.chains import GENESIS, NETWORK, block, chain, message


async def _ledger(*blocks: Block) -> SqliteLedger:
    ledger = await open_ledger(InlineDatabase(), NETWORK)
    await ledger.append_many(blocks)
    return ledger


def test_blocks_by_height_slot_and_round() -> None:
    async def run() -> None:
        blocks = chain(8)
        ledger = await _ledger(*blocks)
        assert await ledger.get_block(5) == blocks[4]
        assert await ledger.get_block(9) is None
        assert await ledger.get_blocks(7, 20) == blocks[6:]
        assert await ledger.get_blocks(3, 2) == blocks[2:4]
        assert await ledger.get_blocks(9, 20) == await ledger.get_blocks(1, 0) == []
        assert await ledger.get_block_of_slot(2, 1) == to_header(blocks[4])
        assert await ledger.get_block_of_slot(2, 18) is None
        assert await ledger.get_round_blocks(2) == blocks[3:6]
        assert await ledger.get_round_blocks(4) == []

    asyncio.run(run())


def test_headers_are_newest_first_or_ascending() -> None:
    async def run() -> None:
        blocks = chain(4)
        headers = [to_header(b) for b in (GENESIS, *blocks)]
        ledger = await _ledger(*blocks)
        assert await ledger.get_headers(None, 3) == headers[:1:-1]
        assert await ledger.get_headers(None, 99) == headers[::-1]
        assert await ledger.get_headers(2, 2) == headers[2:4]
        assert await ledger.get_headers(3, 99) == headers[3:]
        assert await ledger.get_headers(5, 1) == await ledger.get_headers(None, -1) == []

    asyncio.run(run())


def test_messages_of_an_address_are_by_height_and_then_newest_first() -> None:
    async def run() -> None:
        first = block(
            GENESIS,
            1,
            0,
            messages=[
                message("old", "me", "x", timestamp=10),
                message("none of mine", "x", "y", timestamp=10),
                message("to me", "x", "me", timestamp=11),
                message("to me too", "y", "me", timestamp=11),
            ],
        )
        second = block(first, 1, 1, messages=[message("other", "x", "y")])
        third = block(second, 1, 2, messages=[message("self", "me", "me", timestamp=9)])
        ledger = await _ledger(first, second, third)
        old, _, to_me, to_me_too = first.messages
        expected = [to_me, to_me_too, old, *third.messages]
        assert await ledger.get_messages_of("me") == expected
        assert await ledger.get_messages_of("me", 2) == expected[3:]
        assert await ledger.get_messages_of("me", count=2) == expected[:2]
        assert await ledger.get_messages_of("me", 4) == await ledger.get_messages_of("nobody") == []
        assert await ledger.get_messages_of("me", count=0) == []

    asyncio.run(run())


def test_messages_of_a_kind_are_those_of_the_blocks_from_a_height_on() -> None:
    async def run() -> None:
        first = block(GENESIS, 1, 0, messages=[message("a", what=120), message("b", what=201)])
        second = block(first, 1, 1, messages=[message("c", what=120), message("d", what=120)])
        ledger = await _ledger(first, second)
        assert await ledger.get_messages_of_kind(120, 0) == [first.messages[0], *second.messages]
        assert await ledger.get_messages_of_kind(120, 2) == list(second.messages)
        assert await ledger.get_messages_of_kind(203, 0) == await ledger.get_messages_of_kind(120, 3) == []

    asyncio.run(run())


def test_known_ids_are_those_in_the_chain_up_to_a_height() -> None:
    async def run() -> None:
        blocks = chain(3)
        ledger = await _ledger(*blocks)
        ids = [m.txid for b in blocks for m in b.messages]
        twin = b"\x00" * 58 + ids[0][-6:]
        assert await ledger.get_known_ids([*ids, twin, b""]) == frozenset(ids)
        assert await ledger.get_known_ids([*ids, twin], up_to=2) == frozenset(ids[:8])
        assert await ledger.get_known_ids([]) == frozenset()

    asyncio.run(run())


def test_reference_is_the_last_block_of_a_round_before() -> None:
    async def run() -> None:
        blocks = chain(6)
        late = block(blocks[-1], 9, 0)
        ledger = await _ledger(*blocks, late)

        async def height(round_: int, up_to: int | None = None) -> int:
            found, block_hash = await ledger.get_reference(round_, up_to)
            assert (GENESIS, *blocks, late)[found].block_hash == block_hash
            return found

        assert [await height(r) for r in (0, 1, 2, 3, 9, 10, 11)] == [0, 0, 3, 6, 6, 7, 7]
        assert [await height(r, 4) for r in (1, 2, 3, 10)] == [0, 3, 4, 4]

    asyncio.run(run())


def test_seen_are_forgers_and_senders_of_a_round_up_to_a_height() -> None:
    async def run() -> None:
        first = block(GENESIS, 4, 0, "f1", [message(1, "a", "nobody", 200)])
        second = block(first, 4, 1, "f2", [message(2, "b")])
        ledger = await _ledger(first, second)
        assert await ledger.get_seen(4) == await ledger.get_seen(4, 2) == {"f1", "a", "f2", "b"}
        assert await ledger.get_seen(4, 1) == {"f1", "a"}
        assert await ledger.get_seen(4, 0) == await ledger.get_seen(3) == frozenset()

    asyncio.run(run())


def test_kpis_are_those_of_the_core_for_every_span() -> None:
    async def run() -> None:
        blocks = [GENESIS]
        kinds = (200, 101, 201, 202, 202, 204, 203, 110)
        for i in range(30):
            messages = [
                message(
                    (i, n),
                    f"a{(i * n) % 6}",
                    f"a{(i + n) % 7}",
                    kinds[(i + 3 * n) % 8],
                    "START" if n % 2 else "TEST:1",
                )
                for n in range(5)
            ]
            blocks.append(block(blocks[-1], 1 + i // 4, i % 4, f"f{i % 3}", messages))
        ledger = await _ledger(*blocks[1:])
        await ledger.rollback(27)
        await ledger.append_many(blocks[28:])
        for first, last in ((1, 1), (1, 3), (3, 8), (0, 99), (8, 8), (9, 9), (3, 2)):
            span = [b for b in blocks[1:] if first <= b.round <= last]
            assert await ledger.get_kpis(first, last) == compute_kpis(span)
        assert await ledger.get_forged_count("f1") == 10
        assert await ledger.get_forged_count("a1") == await ledger.get_forged_count("nobody") == 0

    asyncio.run(run())


def test_failures_alone_make_no_entry_and_are_counted_by_distinct_peers() -> None:
    async def run() -> None:
        messages = [message(i, "a", r, 101) for i, r in enumerate(("b", "b", "c", "a"))]
        ledger = await _ledger(block(GENESIS, 1, 0, "f", messages))
        assert await ledger.get_kpis(1, 1) == {
            "a": Kpis(sources=4, ko_actions_received=4),
            "f": Kpis(forged=1),
        }

    asyncio.run(run())


def _entry(pos: str, weight: int = 1, timestamp: float = 1.25) -> Registration:
    return Registration("c" * 56, "127.0.0.1", "06969", pos, "reward", weight, timestamp)


def test_plan_of_a_round_comes_back_and_can_be_replaced() -> None:
    async def run() -> None:
        ledger = await _ledger()
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


def test_status_of_a_round_comes_back() -> None:
    async def run() -> None:
        ledger = await _ledger()
        assert await ledger.get_status(3) is None
        await ledger.save_status(3, {"state": {"round": 3, "name": "é\x00"}, "list": [1, 2.5, None, True]})
        await ledger.save_status(4, {})
        assert await ledger.get_status(3) == {
            "state": {"round": 3, "name": "é\x00"},
            "list": [1, 2.5, None, True],
        }
        await ledger.save_status(3, {"new": 1})
        assert await ledger.get_status(3) == {"new": 1}

    asyncio.run(run())


def test_of_the_evidence_the_latest_cases_are_kept_and_of_large_blocks_the_heads() -> None:
    """A juror can sign any number of blocks, for years."""

    async def run() -> None:
        ledger = await _ledger()
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
        ledger = await _ledger()
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
        ledger = await _ledger()
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


def test_messages_of_an_address_are_found_over_the_whole_chain_also_after_a_rollback() -> None:
    """Who is in which block is kept in spans of 32 heights: their edges, and what is left of them."""

    async def run() -> None:
        present = {1, 30, 31, 32, 33, 63, 64, 70, 95, 96, 97}
        blocks: list[Block] = []
        for height in range(1, 100):
            who = "me" if height in present else "you"
            sealed = [message((height, n), who if n == 2 else "s", "r") for n in range(4)]
            blocks.append(block(blocks[-1] if blocks else GENESIS, height, 0, messages=sealed))
        ledger = await _ledger(*blocks)
        for tip in (99, 96, 95, 64, 63, 31):
            await ledger.rollback(tip)
            held = sorted(height for height in present if height <= tip)
            for first in (0, 1, 2, 31, 32, 33, 64, 65, 98):
                for count in (1, 3, 100):
                    found = await ledger.get_messages_of("me", first, count)
                    assert [m.block_height for m in found] == [h for h in held if h >= first][:count]
            rows = await ledger._database.fetch_all(
                "SELECT height FROM presence p JOIN addresses a ON a.id = p.address_id "
                "WHERE a.address = 'me' ORDER BY height"
            )
            assert [height for (height,) in rows] == held
        left = await ledger._database.fetch_all("SELECT count(*) FROM presence_spans WHERE heights = 0")
        assert left == [(0,)]

    asyncio.run(run())


def test_headers_of_some_rounds() -> None:
    async def run() -> None:
        blocks = chain(9)
        ledger = await _ledger(*blocks)
        headers = [to_header(b) for b in blocks]
        assert await ledger.get_headers_of_rounds([3, 1, 7, 1]) == [*headers[0:3], *headers[6:9]]
        assert await ledger.get_headers_of_rounds([]) == []

    asyncio.run(run())
