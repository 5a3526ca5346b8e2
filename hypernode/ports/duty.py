"""What the node keeps of its own duty (spec 10, 2): never asked of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hypernode.core.types import Round
from hypernode.health.duty_log import SlotRecord


class DutyReader(Protocol):
    """The duty log, read.  Every call may raise StorageFault."""

    async def get_slot_records(self, first: Round, last: Round) -> list[SlotRecord]:
        """Of these rounds, both included, ascending."""
        ...

    async def get_summaries(self, first: Round, last: Round) -> list[Mapping[str, object]]:
        """Of rounds that are final, ascending (``health.duty_log.parse_summary``)."""
        ...

    async def get_last_summary_round(self) -> Round | None:
        """The latest round that is final; None for a new log."""
        ...

    async def get_first_summary_round(self) -> Round | None:
        """The earliest round that is kept; of a new log the one before it begins."""
        ...


class DutyStore(DutyReader, Protocol):
    """The duty log, kept.  Every call may raise StorageFault; then nothing of it was kept."""

    async def save_slot_record(self, record: SlotRecord) -> None:
        """A later one of the same slot replaces it."""
        ...

    async def save_final_round(
        self, round_: Round, records: Sequence[SlotRecord], summary: Mapping[str, object]
    ) -> None:
        """The records of a round in place of what was noted, and its summary: in one transaction.  What is
        older than 25 months goes."""
        ...
