"""A ledger's file is looked over: what does not agree with itself is told by name."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.storage.database import InlineDatabase
from hypernode.storage.inspection import COUNTS, EQUAL, Fault, inspect_ledger
from hypernode.storage.ledger import open_ledger
from tests.unit.storage.chains import NETWORK, chain
from tests.unit.storage.timing import timed

SPOILED = {
    "messages without their block": ["UPDATE messages SET id = id + (1 << 30) WHERE id >> 20 = 7"],
    "messages of blocks that are pruned": ["UPDATE pruning SET below = 3"],
    "messages without sender, recipient or params": ["DELETE FROM params WHERE id = 1"],
    "messages of addresses that are not present in their blocks": [
        "DELETE FROM presence_spans WHERE address_id = 2"
    ],
    "blocks without their forger": ["UPDATE blocks SET forger_id = 999 WHERE height = 2"],
    "blocks without the one below": ["DELETE FROM blocks WHERE height = 5"],
    "presences of addresses in blocks that have no message of them": [
        "INSERT INTO presence_spans VALUES(1, 31, 128)"
    ],
    "addresses whose totals are not those of their rounds": [
        "UPDATE addresses SET sent = sent + 1 WHERE id = 3"
    ],
    "totals of rounds of unknown addresses": [
        "INSERT INTO participation VALUES(1, 999, 0, 1, 0, 0, 0, 0, 0)"
    ],
    "blocks forged, by the totals": ["UPDATE addresses SET forged = forged + 1 WHERE id = 3"],
    "senders of the chain, at the tip": ["UPDATE blocks SET total_uniques = 1 WHERE height = 12"],
    "forgers of the chain, at the tip": ["UPDATE blocks SET total_forgers = 1 WHERE height = 12"],
    "latest round, at the tip": ["UPDATE blocks SET max_round = 1 WHERE height = 12"],
    "messages, by the totals": ["DELETE FROM messages WHERE id >> 20 = 3"],
    "version": ["PRAGMA user_version = 1"],
}


async def spoil(length: int, *statements: str) -> list[Fault]:
    database = InlineDatabase()
    ledger = await open_ledger(database, NETWORK)
    await ledger.append_many(chain(length))
    for sql in statements:
        await database.write(lambda t, sql=sql: t.execute(sql))  # type: ignore[misc]  # bound here
    return await inspect_ledger(database)


@pytest.mark.parametrize("length", [0, 1, 12])
def test_good_ledger_has_no_faults(length: int) -> None:
    assert asyncio.run(spoil(length)) == []


def test_pruned_ledger_has_no_faults() -> None:
    async def run() -> None:
        database = InlineDatabase()
        ledger = await open_ledger(database, NETWORK)
        await ledger.append_many(timed(60))
        await ledger.prune(31)
        heard: list[str] = []
        assert await inspect_ledger(database, heard.append) == []
        assert heard == ["version", "integrity", *COUNTS, *EQUAL]

    asyncio.run(run())


@pytest.mark.parametrize("subject", SPOILED)
def test_fault_is_told_by_what_is_wrong(subject: str) -> None:
    faults = asyncio.run(spoil(12, *SPOILED[subject]))
    assert subject in {fault.subject for fault in faults}


def test_every_query_has_a_test() -> None:
    assert set(SPOILED) == {"version", *COUNTS, *EQUAL}
