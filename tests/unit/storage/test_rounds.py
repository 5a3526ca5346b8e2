"""What is asked of rounds: the block they refer to, who was seen, KPIs, statuses."""

from __future__ import annotations

import asyncio

from hypernode.core.kpis import compute_kpis
from hypernode.core.types import Kpis
from tests.unit.storage.chains import GENESIS, block, chain, message
from tests.unit.storage.ledgers import make_ledger


def test_reference_is_the_last_block_of_a_round_before() -> None:
    async def run() -> None:
        blocks = chain(6)
        late = block(blocks[-1], 9, 0)
        ledger = await make_ledger(*blocks, late)

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
        ledger = await make_ledger(first, second)
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
        ledger = await make_ledger(*blocks[1:])
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
        ledger = await make_ledger(block(GENESIS, 1, 0, "f", messages))
        assert await ledger.get_kpis(1, 1) == {
            "a": Kpis(sources=4, ko_actions_received=4),
            "f": Kpis(forged=1),
        }

    asyncio.run(run())


def test_status_of_a_round_comes_back() -> None:
    async def run() -> None:
        ledger = await make_ledger()
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
