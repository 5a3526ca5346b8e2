"""The duty log of the running node (spec 10, 2): records are kept as slots end, and settled two rounds on.

What the last 24 hours were like is held ready, for the status and the judgement.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Round, RoundPlan, Slot
from hypernode.health.duty_log import FINAL_AFTER_ROUNDS, RoundSummary, SlotRecord, count_slots, parse_summary
from hypernode.health.running import Score, SlotCounts
from hypernode.machine.slot_account import Outcome
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.node.duty.duty_settler import DutySettler
from hypernode.ports.chain import Ledger
from hypernode.ports.registrations import PowNotReady

DAY_S: Final = 86_400
MAX_DAY_ROUNDS: Final = 800
"""Of a network with short rounds: more than a day of rounds of two minutes."""
_NO_BLOCK: Final = (Outcome.MISSED, Outcome.TAKEN)


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours: final slots counted, all records by time, and summaries of rounds that are final."""

    records: tuple[SlotRecord, ...] = ()
    summaries: tuple[RoundSummary, ...] = ()

    def to_object(self) -> dict[str, object] | None:
        """For the status; None before a round is final."""
        if not self.summaries:
            return None
        tally, last = count_slots(self.records), self.summaries[-1]
        return {
            **{name: getattr(tally, name) for name in ("won", "forged", "missed", "taken", "replaced")},
            "tests": sum(summary.tests for summary in self.summaries),
            "tests_passed": sum(summary.tests_passed for summary in self.summaries),
            "tests_failed": sum(summary.tests_failed for summary in self.summaries),
            "score": last.score,
            "median": last.median,
            "rank": last.rank,
            "scored": last.scored,
        }

    def count(self) -> SlotCounts:
        """For the judgement: the newest slots at once, also before they are final."""
        tally = count_slots(self.records)
        ended = [record for record in self.records if record.outcome is not Outcome.REDRAWN]
        row = 0
        for record in reversed(ended):
            if record.outcome not in _NO_BLOCK:
                break
            row += 1
        last = next((record for record in reversed(ended) if record.outcome in _NO_BLOCK), None)
        return SlotCounts(tally.won, tally.forged, row, _describe(last) if last is not None else "")

    def rate(self) -> Score:
        """The last score beside the median, and for how many rounds it has been under half of that."""
        scored = [s for s in self.summaries if s.score is not None and s.median is not None]
        low = 0
        for summary in reversed(scored):
            if summary.score is None or summary.median is None or 2 * summary.score >= summary.median:
                break
            low += 1
        if not scored:
            return Score()
        return Score(scored[-1].score or 0.0, scored[-1].median or 0.0, low)


def _describe(record: SlotRecord) -> str:
    reason = f"{record.reason.value}: {record.figures}" if record.reason is not None else record.outcome.value
    return f"slot {record.sir} of round {record.round}, {reason}"


@dataclass(slots=True)
class DutyLog:
    """Kept in the ledger's file.  ``started``: when this process did (unix s)."""

    params: ChainParams
    own: str
    ledger: Ledger
    rounds: Rounds
    started: float
    day: Day = Day()
    _settler: DutySettler = field(init=False)
    _day_of: Round | None = None
    _tried: Round | None = None
    """A round in which the companion could not tell a list of the past."""

    def __post_init__(self) -> None:
        self._settler = DutySettler(self.params, self.own, self.ledger, self._derive, self.started)

    async def save(self, record: SlotRecord) -> None:
        """A slot of ours is over.  Raises StorageFault."""
        await self.ledger.save_slot_record(record)
        self._day_of = None

    async def note_pushed(self, slot: tuple[Round, Slot], sent: int, targets: int) -> None:
        """A block of ours was pushed after its slot was written down.  Raises StorageFault."""
        for record in await self.ledger.get_slot_records(slot[0], slot[0]):
            if record.sir == slot[1] and not record.is_final:
                await self.save(replace(record, pushed=sent, targets=targets))

    def count_waiting(self, present: Round) -> int:
        """How many rounds that are old enough are not settled yet; 0 before the first look."""
        following = self._settler.next_round
        return 0 if following is None else max(0, present - FINAL_AFTER_ROUNDS - following + 1)

    async def look(self, present: Round, *, is_synced: bool) -> None:
        """Settle a round that is due, where our chain can tell what became of it; and bring ``day`` up to
        date.  Raises StorageFault."""
        await self._settler.begin(present)
        if is_synced and self._tried != present:
            try:
                if await self._settler.settle_one(present):
                    self._day_of = None
            except PowNotReady:
                self._tried = present
        if self._day_of != present:
            await self._read_day(present)

    async def _read_day(self, present: Round) -> None:
        first = max(0, present - min(MAX_DAY_ROUNDS, -(-DAY_S // self.params.round_s)) + 1)
        records = await self.ledger.get_slot_records(first, present)
        summaries = [parse_summary(found) for found in await self.ledger.get_summaries(first, present)]
        self.day, self._day_of = Day(tuple(records), tuple(summaries)), present

    async def _derive(self, round_: Round) -> RoundPlan:
        headers = await self.ledger.get_headers(None, 1)
        return await self.rounds.derive(round_, History(self.ledger, headers[0]))
