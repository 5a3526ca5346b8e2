"""The judgement of the running node, made once a second and shown everywhere (spec 10, 1).

The facts are gathered here, from the owner's last view and from the parts; ``health`` judges them.  Nothing
waits for this, and nothing of it is asked of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.kinds import KO_ACTION
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_start, compute_slot_start
from hypernode.core.types import PowHeight, Round, Slot
from hypernode.health.duty import Duty, Judgement, compare, settle
from hypernode.health.duty_log import list_own_slots
from hypernode.health.files import DiskFacts
from hypernode.health.findings import Finding
from hypernode.health.running import (
    CompanionState,
    CompanionView,
    DutyFacts,
    Listing,
    RegistrationState,
    find_waiting_end,
    judge,
    summarise,
)
from hypernode.machine.decide import NodeView
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tunables import TunablesInForce
from hypernode.node.chain.registration_feed import replay
from hypernode.node.duty.duty_log import DutyLog
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.node.owner.storage_watch import StorageWatch
from hypernode.node.sync.partitions import Partitions
from hypernode.node.sync.synchroniser import Synchroniser
from hypernode.ports.chain import ChainReader
from hypernode.ports.clock import Clock
from hypernode.ports.registrations import FeedReader, PowNotReady, PowSource

EVERY_S: Final = 1.0
GROWING_BLOCKS: Final = 3
"""A late companion catches up while its height rises within so many times of its blocks; one that stands
longer needs somebody."""
LOOK_AHEAD_PART: Final = 1 / 6
"""How often it is asked whether we count from the next round on, in slots."""


@dataclass(slots=True)
class HealthWatch:
    """``own``: our address; ``metrics``: figures of the process and its host, as the status has them."""

    params: ChainParams
    own: str
    clock: Clock
    pow_source: PowSource
    feed: FeedReader | None
    ledger: ChainReader
    node_state: NodeState
    duty_log: DutyLog
    storage: StorageWatch
    partitions: Partitions
    sync: Synchroniser
    tunables: TunablesInForce
    configs: ConfigWatch
    metrics: Callable[[], Mapping[str, object]]
    log: Callable[[str], None]
    warn: Callable[[str], None]
    judgement: Judgement | None = None
    _looked: float = float("-inf")
    _view: NodeView | None = None
    _reporters: int = 0
    _counted_in: tuple[Round, Slot] | None = None
    _last_pow_height: PowHeight = 0
    _grew: float = float("-inf")
    """When the companion's height last rose (unix s)."""
    _counts_from: tuple[Round, Round | None] = (-1, None)
    """Seen in a round: from which on we count, by what is registered now; None: by none."""
    _asked_ahead: float = field(default=float("-inf"))

    async def look(self, view: NodeView | None) -> None:
        """Judge, once a second.  ``view``: what the owner saw; None where something kept it from looking,
        then the last one stands.  Raises StorageFault."""
        self._view = view or self._view
        if self._view is None and view is None and not self.storage.problem:
            return
        now = self.clock.monotonic()
        if now - self._looked < EVERY_S:
            return
        self._looked = now
        await self._look_ahead(now)
        await self._count_reporters()
        facts = self._gather()
        judgement = settle(
            self.judgement,
            judge(facts),
            facts.now,
            self.params.slot_s,
            summary=summarise(facts),
            until=find_waiting_end(facts),
        )
        before, self.judgement = self.judgement, judgement
        self._tell(before, judgement)

    def to_status(self) -> dict[str, object]:
        """``duty`` and ``findings`` of the status."""
        judgement = self.judgement
        if judgement is None:
            return {"duty": self._describe_start(), "findings": []}
        return {
            "duty": {
                "word": judgement.duty.value,
                "sentence": judgement.sentence,
                "since": round(judgement.since),
                "until": None if judgement.until is None else round(judgement.until),
                "ready": judgement.duty.is_ready,
            },
            "findings": [finding.to_object() for finding in judgement.findings],
        }

    def _describe_start(self) -> dict[str, object]:
        """The duty of a node that has not judged itself yet."""
        return {
            "word": Duty.WAITING.value,
            "sentence": "started a moment ago: nothing is judged yet",
            "since": round(self.node_state.start_time),
            "until": None,
            "ready": False,
        }

    def _tell(self, before: Judgement | None, now: Judgement) -> None:
        """Findings as they begin and end, and the word as it changes, one line each (spec 10, 9)."""
        changes = compare(before, now)
        for finding in changes.begun:
            self.warn(f"finding {finding.code} ({finding.severity.word}): {_format(finding)}")
        for finding in changes.ended:
            self.log(f"finding {finding.code} is over: {finding.found}")
        if before is None or changes.duty is not None:
            self.log(f"duty {now.duty.value}: {now.sentence}")

    def _gather(self) -> DutyFacts:
        state, view, now = self.node_state, self._view, self.clock.now()
        round_, sir = state.get_round_slot()
        consensus = state.consensus
        progress = self.sync.progress
        own_double = sum(case.first.forger == self.own for case in state.evidence)
        heard = self.configs.describe(self.own, self.tunables.format_config())
        day = self.duty_log.day
        extra = self.metrics().get("extra")
        figures = extra if isinstance(extra, Mapping) else {}
        return DutyFacts(
            now=now,
            slot_s=self.params.slot_s,
            round=round_,
            started=state.start_time,
            registration=self._find_registration(round_),
            companion=self._find_companion(now),
            connected=view.connected if view is not None else 0,
            needed_connections=self.params.min_connections,
            silent=view is not None and view.connected > 0 and not view.peers,
            consensus=consensus.percent if consensus is not None else None,
            needed=self.tunables.current().min_forge_consensus,
            height=view.own.height if view is not None else 0,
            tip_age_s=self._get_tip_age(view, now),
            target=progress.target if progress is not None else None,
            seconds_left=progress.seconds_left if progress is not None else None,
            forge_from_round=state.forge_from_round,
            round_s=self.params.round_s,
            next_round_s=compute_round_start(self.params, round_ + 1) - now,
            next_slot=self._find_next_slot(round_, sir, now),
            halted=state.halted,
            split=self.partitions.words,
            storage=self.storage.problem,
            own_double=own_double,
            reports=self._reporters,
            slots=day.count(),
            score=day.rate(),
            clock_offset_s=state.clock_offset_s,
            loop_lag_s=_get_figure(figures, "loop_lag_ms") / 1_000,
            disk=_find_disk(figures),
            differing=_as_int(heard.get("differ")),
            heard=_as_int(heard.get("heard")),
        )

    def _get_tip_age(self, view: NodeView | None, now: float) -> float:
        """Since the slot of our last block began; of the network where there is none yet."""
        if view is None:
            return 0.0
        start = compute_slot_start(self.params, view.own.round, view.own.sir) if view.own.height else 0.0
        return max(0.0, now - max(start, self.node_state.start_time if not view.own.height else start))

    def _find_registration(self, round_: Round) -> RegistrationState:
        plan = self.node_state.plan
        if plan is None or plan.round != round_:
            return RegistrationState(Listing.UNKNOWN)
        entry = next((entry for entry in plan.registered if entry.pos == self.own), None)
        if entry is None:
            seen_in, counts_from = self._counts_from
            if seen_in != round_ or counts_from is None:
                return RegistrationState(Listing.ABSENT)
            return RegistrationState(Listing.LATER, counts_from)
        return RegistrationState(
            Listing.LISTED,
            weight=entry.weight,
            is_voided=self.own in plan.voided,
            is_silent=self.own in plan.inactive,
            uncounted=self.node_state.counted.reasons.get(self.own),
        )

    async def _look_ahead(self, now: float) -> None:
        """Where we are on no list: from which round on we are, by what is registered now.  The next round's
        reference time is past already; what came later counts from the one after it."""
        plan = self.node_state.plan
        round_, _ = self.node_state.get_round_slot()
        is_absent = (
            plan is not None
            and plan.round == round_
            and not any(entry.pos == self.own for entry in plan.registered)
        )
        if not is_absent or now - self._asked_ahead < self.params.slot_s * LOOK_AHEAD_PART:
            return
        self._asked_ahead = now
        try:
            listed = await self.pow_source.get_registered(round_ + 1)
            is_next = any(entry.pos == self.own for entry in listed.entries)
            is_known = is_next or await self._is_registered_now()
        except PowNotReady:
            return
        self._counts_from = (round_, round_ + (1 if is_next else 2) if is_known else None)

    async def _is_registered_now(self) -> bool:
        """At the companion's last block.  Raises PowNotReady."""
        status = self.node_state.pow_status
        if self.feed is None or status is None or not status.height:
            return False
        events = await self.feed.get_feed(status.height)
        return any(entry.pos == self.own for entry in replay(self.params, events).entries)

    async def _count_reporters(self) -> None:
        """Once a slot: how many others say in this round that a session with us failed.  Raises
        StorageFault."""
        slot = self.node_state.get_round_slot()
        if slot == self._counted_in:
            return
        before, _ = await self.ledger.get_reference(slot[0])
        found = await self.ledger.get_messages_of_kind(KO_ACTION, before + 1)
        self._reporters = len({m.sender for m in found if m.recipient == self.own})
        self._counted_in = slot

    def _find_companion(self, now: float) -> CompanionView:
        status = self.node_state.pow_status
        if status is None:
            return CompanionView()
        if status.height > self._last_pow_height > 0:
            self._grew = now
        self._last_pow_height = status.height
        if not status.problem:
            state = CompanionState.IN_SYNC
        elif not status.height:
            state = CompanionState.UNREADABLE
        else:
            is_growing = now - self._grew <= GROWING_BLOCKS * self.params.pow_block_s
            state = CompanionState.CATCHING_UP if is_growing else CompanionState.LATE
        age_s = max(0.0, now - status.timestamp) if status.timestamp else 0.0
        return CompanionView(state, status.height, age_s, status.problem, status.remarks)

    def _find_next_slot(self, round_: Round, sir: Slot, now: float) -> tuple[Slot, float] | None:
        plan = self.node_state.plan
        if plan is None or plan.round != round_:
            return None
        following = [slot for slot in list_own_slots(plan, self.own) if slot > sir]
        if not following:
            return None
        return following[0], compute_slot_start(self.params, round_, following[0]) - now


def _find_disk(figures: Mapping[str, object]) -> DiskFacts | None:
    disk = figures.get("disk")
    free = disk.get("free") if isinstance(disk, Mapping) else None
    return DiskFacts("the data folder", free, None, None) if isinstance(free, int) else None


def _get_figure(figures: Mapping[str, object], name: str) -> float:
    found = figures.get(name)
    return float(found) if isinstance(found, int | float) else 0.0


def _format(finding: Finding) -> str:
    return f"{finding.found}. {finding.remedy}" if finding.remedy else finding.found


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else 0
