"""The duty log in the ledger's file: records come back as they were, old ones go, older files get the
tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.params.networks import mainnet
from hypernode.health.duty_log import RoundSummary, SlotRecord, parse_summary
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.storage.database import InlineDatabase
from hypernode.storage.duty_log import KEPT_ROUNDS
from hypernode.storage.ledger import open_ledger
from hypernode.storage.schema.migrations import get_version, migrate
from hypernode.storage.schema.tables import LEDGER_MIGRATIONS

RECORD = SlotRecord(7, 3, Outcome.MISSED, reason=Reason.NO_CONSENSUS, figures="8 %, over 18 needed")
FORGED = SlotRecord(7, 9, Outcome.FORGED, 5, b"\1" * 20, "Bme", pushed=8, targets=9, delay_s=31)

RECORDS = st.builds(
    SlotRecord,
    st.integers(0, 100_000),
    st.integers(0, 18),
    st.sampled_from(Outcome),
    st.integers(0, 10**9),
    st.binary(max_size=20),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.none() | st.sampled_from(Reason),
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.lists(st.tuples(st.sampled_from(Reason), st.floats(0, 180).map(lambda s: round(s, 1)))).map(tuple),
    st.none() | st.integers(0, 200),
    st.none() | st.integers(0, 200),
    st.none() | st.integers(-5, 180),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_a_record_comes_back_as_it_was(record: SlotRecord) -> None:
    async def scenario() -> None:
        ledger = await open_ledger(InlineDatabase(), mainnet())
        await ledger.save_slot_record(RECORD)
        await ledger.save_slot_record(record)
        found = await ledger.get_slot_records(record.round, record.round)
        assert record in found
        await ledger.close()

    asyncio.run(scenario())


def test_a_later_record_of_a_slot_replaces_the_earlier() -> None:
    async def scenario() -> None:
        ledger = await open_ledger(InlineDatabase(), mainnet())
        for record in (RECORD, replace(RECORD, outcome=Outcome.TAKEN, forger="Bother"), FORGED):
            await ledger.save_slot_record(record)
        found = await ledger.get_slot_records(0, 100)
        assert [(r.sir, r.outcome) for r in found] == [(3, Outcome.TAKEN), (9, Outcome.FORGED)]
        assert await ledger.get_slot_records(8, 100) == []
        await ledger.close()

    asyncio.run(scenario())


def test_a_final_round_takes_the_place_of_what_was_noted() -> None:
    async def scenario() -> None:
        ledger = await open_ledger(InlineDatabase(), mainnet())
        await ledger.save_slot_record(RECORD)
        assert await ledger.get_last_summary_round() is None
        summary = RoundSummary(7, won=1, forged=1, score=2.5, rank=3)
        await ledger.save_final_round(7, [replace(FORGED, is_final=True)], summary.to_object())
        assert [r.sir for r in await ledger.get_slot_records(7, 7)] == [9]
        assert await ledger.get_last_summary_round() == 7
        assert [parse_summary(found) for found in await ledger.get_summaries(0, 9)] == [summary]
        await ledger.close()

    asyncio.run(scenario())


def test_what_is_older_than_is_kept_goes() -> None:
    async def scenario() -> None:
        ledger = await open_ledger(InlineDatabase(), mainnet())
        for round_ in (7, 8, 7 + KEPT_ROUNDS, 8 + KEPT_ROUNDS):
            await ledger.save_final_round(round_, [replace(RECORD, round=round_)], {"round": round_})
        rounds = [record.round for record in await ledger.get_slot_records(0, 10**9)]
        assert rounds == [8, 7 + KEPT_ROUNDS, 8 + KEPT_ROUNDS]
        assert len(await ledger.get_summaries(0, 10**9)) == 3
        await ledger.close()

    asyncio.run(scenario())


def test_a_ledger_of_the_version_before_gets_the_tables_and_keeps_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        database = InlineDatabase(tmp_path / "ledger.db")
        before = LEDGER_MIGRATIONS[: LEDGER_MIGRATIONS.index(LEDGER_MIGRATIONS[4])]
        await migrate(database, before, "ledger")
        assert await get_version(database) == 4
        ledger = await open_ledger(database, mainnet())
        tip = ledger.get_height()
        assert await get_version(database) == len(LEDGER_MIGRATIONS)
        await ledger.save_slot_record(RECORD)
        await ledger.close()
        again = await open_ledger(InlineDatabase(tmp_path / "ledger.db"), mainnet())
        assert again.get_height() == tip
        assert await again.get_slot_records(7, 7) == [RECORD]
        await again.close()

    asyncio.run(scenario())
