"""Settling the duty log (spec 10, 2): two rounds on, what became of our slots is final.

One round at a time: its slots are ours by what was noted at their ends, and where nothing was, by the round's
plan; so the time in which no node ran is filled in once the chain of it is here.  A new log begins within a
round: of that one what was noted counts, and nothing is said of the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Message, Round, RoundPlan, Slot
from hypernode.health.duty_log import (
    FINAL_AFTER_ROUNDS,
    SlotRecord,
    finalise,
    list_own_slots,
    summarise_round,
)
from hypernode.machine.reasons import Reason
from hypernode.ports.chain import BlockReader, MessageIndex, RoundReader
from hypernode.ports.duty import DutyStore

MAX_MESSAGES: Final = 20_000
"""Of ours in one round: over a hundred times what a hypernode writes; more are not counted."""
NOT_DERIVED: Final = "the lists of the round were not derived in time"


class Ledger(BlockReader, MessageIndex, RoundReader, DutyStore, Protocol):
    """What is read for a summary, and where it is kept."""


@dataclass(slots=True)
class DutySettler:
    """``derive`` gives the plan of a past round that none is kept for, and may raise PowNotReady;
    ``started``: when this process did (unix s)."""

    params: ChainParams
    own: str
    ledger: Ledger
    derive: Callable[[Round], Awaitable[RoundPlan]]
    started: float
    next_round: Round | None = None
    """The first that is not final yet; None before ``begin``."""

    async def settle_one(self, present: Round) -> bool:
        """Make the earliest round that is not final yet final, if it is due; whether one was.  Raises
        PowNotReady, StorageFault: then nothing changed, and it is to be tried again."""
        await self.begin(present)
        round_ = self.next_round
        if round_ is None or round_ > present - FINAL_AFTER_ROUNDS:
            return False
        await self._settle(round_)
        self.next_round = round_ + 1
        return True

    async def begin(self, present: Round) -> None:
        """Find out where the log stands.  Raises StorageFault."""
        if self.next_round is None:
            self.next_round = await self._find_first(present)

    async def _find_first(self, present: Round) -> Round:
        """The round after the last final one; for a new log the present one, which is written down."""
        last = await self.ledger.get_last_summary_round()
        if last is None:
            last = present - 1
            await self.ledger.save_final_round(last, (), {})
        return last + 1

    async def _settle(self, round_: Round) -> None:
        plan = await self.ledger.get_plan(round_) or await self.derive(round_)
        noted = {record.sir: record for record in await self.ledger.get_slot_records(round_, round_)}
        headers = await self.ledger.get_headers_of_rounds([round_])
        blocks = {block.sir: block for block in headers}
        is_first = round_ - 1 == await self.ledger.get_first_summary_round()
        slots = sorted({*noted, *(() if is_first else list_own_slots(plan, self.own))})
        records = [self._finalise(round_, sir, noted.get(sir), blocks.get(sir)) for sir in slots]
        if is_first:
            await self.ledger.save_final_round(round_, records, {})
            return
        messages = await self._get_messages(headers)
        kpis = await self.ledger.get_kpis(round_, round_)
        summary = summarise_round(plan, self.own, records, messages, kpis)
        await self.ledger.save_final_round(round_, records, summary.to_object())

    def _finalise(
        self, round_: Round, sir: Slot, noted: SlotRecord | None, block: Block | None
    ) -> SlotRecord:
        record = finalise(self.params, (round_, sir), noted, block, self.own)
        ended = compute_slot_start(self.params, round_, sir) + self.params.slot_s
        if record.reason is Reason.NOT_RUNNING and ended > self.started:
            # it ran, and did not know that the slot was its own
            return replace(record, reason=Reason.ROUND_NOT_DERIVED, figures=NOT_DERIVED)
        return record

    async def _get_messages(self, headers: list[Block]) -> list[Message]:
        """What we sent and what is to us in a round's blocks."""
        if not headers:
            return []
        first, last = min(block.height for block in headers), max(block.height for block in headers)
        found = await self.ledger.get_messages_of(self.own, first, MAX_MESSAGES)
        return [message for message in found if message.block_height <= last]
