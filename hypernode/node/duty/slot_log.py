"""One line in the log for each slot of ours, at its end: forged, or why not (spec 10, 2).

What stood in the way is noted with each look of the owner, for every slot: whose it is may be known only
when the round's lists are derived.  ``machine.slot_account`` judges; here it is remembered and said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hypernode.core.errors import Verdict
from hypernode.core.forging import TooFewMessages
from hypernode.core.types import Block, Round, RoundPlan, Slot
from hypernode.health.duty_log import record_account
from hypernode.machine.decide import Decision, NodeView
from hypernode.machine.reasons import Obstacle, Reason
from hypernode.machine.slot_account import Look, Miss, Outcome, SlotAccount, account_for_slot, find_obstacle
from hypernode.node.base.node_state import NodeState
from hypernode.node.duty.duty_log import DutyLog
from hypernode.ports.chain import BlockReader
from hypernode.ports.clock import Clock
from hypernode.ports.journal import AlreadySigned
from hypernode.ports.registrations import PowNotReady
from hypernode.ports.storage_faults import StorageFault

MAX_LOOKS: Final = 200
"""Of one slot, after equal ones were put together: a change of obstacle each second of main's slot."""

MAX_RECENT: Final = 20
"""A round of main, if all slots were ours."""

PlaceInRound = tuple[Round, Slot]


@dataclass(slots=True)
class SlotLog:
    """Keeps what stood in the way of the present slot, and of the slots of a round that cannot be judged
    yet."""

    clock: Clock
    own_address: str
    ledger: BlockReader
    node_state: NodeState
    duty_log: DutyLog
    log: Callable[[str], None]
    warn: Callable[[str], None]
    recent: deque[SlotAccount] = field(default_factory=lambda: deque(maxlen=MAX_RECENT))
    """Our last slots that are over, for the status."""
    _slot: PlaceInRound | None = None
    _looks: list[Look] = field(default_factory=list)
    _ended: dict[PlaceInRound, tuple[Look, ...]] = field(default_factory=dict)
    _forged: PlaceInRound | None = None
    _held: PlaceInRound | None = None
    """The last slot that was ours at some look in it."""
    _pushed: tuple[PlaceInRound, tuple[int, int]] | None = None

    def note(self, view: NodeView, decision: Decision) -> None:
        """Note what the owner saw, and what it is about to do."""
        if view.juror is not None and view.juror == view.own_address:
            self._held = (view.round, view.sir)
        self.note_obstacle(find_obstacle(view, decision))

    def note_obstacle(self, obstacle: Obstacle | None) -> None:
        """From now on this obstacle stands against forging."""
        if self._looks and self._looks[-1].obstacle == obstacle:
            return
        if len(self._looks) < MAX_LOOKS:
            self._looks.append(Look(self.clock.now(), obstacle))

    def note_fault(self, fault: Exception) -> None:
        """A procedure of the owner ended by this fault."""
        match fault:
            case PowNotReady():
                reason = Reason.COMPANION_LATE
            case StorageFault():
                reason = Reason.DISK
            case TooFewMessages():
                reason = Reason.TOO_FEW_MESSAGES
            case AlreadySigned():
                reason = Reason.ALREADY_SIGNED
            case Verdict():
                reason = Reason.CATCHING_UP
            case _:
                reason = Reason.HALTED
        self.note_obstacle(Obstacle(reason, fault.reason if isinstance(fault, Verdict) else str(fault)))

    def note_forged(self, round_: Round, sir: Slot) -> None:
        """A block of ours was stored for the slot."""
        self._forged = (round_, sir)

    async def note_pushed(self, slot: PlaceInRound, sent: int, targets: int) -> None:
        """Our block of a slot went to ``sent`` of ``targets``; its slot may be over.  Raises
        StorageFault."""
        self._pushed = (slot, (sent, targets))
        if any((account.round, account.sir) == slot for account in self.recent):
            await self.duty_log.note_pushed(slot, sent, targets)

    def list_recent(self) -> list[dict[str, object]]:
        """What became of our last slots, for the status."""
        return [account_to_object(account) for account in self.recent]

    async def end_past(self) -> None:
        """Close a slot that is over; to be called before the owner decides anything.  If it raises
        StorageFault, it is to be called again."""
        place = self.node_state.get_round_slot()
        if self._slot != place:
            self._end_slots(place)
            self._slot = place
        for slot, looks in list(self._ended.items()):
            if (plan := self._find_plan(slot[0])) is not None:
                await self._judge(plan, slot, looks)
                del self._ended[slot]
        self._give_up(place[0])

    def _end_slots(self, place: PlaceInRound) -> None:
        """Keep what was seen in the last slot, and that it stood through all that the owner slept over."""
        if self._slot is not None and self._slot < place:
            self._ended[self._slot] = tuple(self._looks)
            standing = tuple(self._looks[-1:])
            slots, (round_, sir) = self.node_state.params.slots_total, self._slot
            for number in range(round_ * slots + sir + 1, place[0] * slots + place[1])[:slots]:
                self._ended[divmod(number, slots)] = standing
        # What stands goes on to stand until the next look.
        self._looks = self._looks[-1:]

    def _find_plan(self, round_: Round) -> RoundPlan | None:
        plans = (self.node_state.plan, self.node_state.previous_plan)
        return next((plan for plan in plans if plan is not None and plan.round == round_), None)

    def _give_up(self, round_: Round) -> None:
        """Give up slots of a round whose lists were never derived: nobody here knows whose they were."""
        for past in sorted({slot[0] for slot in self._ended if slot[0] < round_}):
            looks = [look for slot, looks in self._ended.items() if slot[0] == past for look in looks]
            seen = [look.obstacle for look in looks if look.obstacle is not None]
            why = f" ({_describe(seen[-1])})" if seen else ""
            self.warn(f"round {past} is over and its lists were never derived{why}: slots of ours are missed")
            self._ended = {slot: looks for slot, looks in self._ended.items() if slot[0] != past}

    async def _judge(self, plan: RoundPlan, slot: PlaceInRound, looks: Sequence[Look]) -> None:
        own = self.own_address
        is_ours = plan.juror_of(slot[1]) == own
        if not is_ours and self._held != slot:
            return
        params, block = self.node_state.params, await self._find_block(slot)
        account = account_for_slot(
            params,
            slot,
            looks,
            block,
            own=own,
            forged=self._forged == slot,
            started=self.node_state.start_time,
        )
        if not is_ours:
            # the list was derived again within the slot, and it is another's
            account = replace(account, outcome=Outcome.REDRAWN)
        pushed = self._pushed[1] if self._pushed is not None and self._pushed[0] == slot else None
        await self.duty_log.save(record_account(params, account, block, pushed))
        self.recent.append(account)
        say = self.log if account.outcome is Outcome.FORGED else self.warn
        say(describe_account(account))

    async def _find_block(self, slot: PlaceInRound) -> Block | None:
        """The block that our chain has for a slot."""
        headers = await self.ledger.get_headers_of_rounds([slot[0]])
        return next((block for block in headers if (block.round, block.sir) == slot), None)


def account_to_object(account: SlotAccount) -> dict[str, object]:
    """For the status."""
    shown: dict[str, object] = {"round": account.round, "sir": account.sir, "outcome": account.outcome.value}
    if account.block_hash:
        shown |= {"height": account.height, "forger": account.forger}
    if account.miss is not None:
        obstacle = account.miss.obstacle
        shown |= {"reason": obstacle.reason.value, "figures": obstacle.figures}
        shown["also"] = {reason.value: seconds for reason, seconds in account.miss.also}
    return shown


def describe_account(account: SlotAccount) -> str:
    """The line for the log."""
    words = f"our slot {account.sir} of round {account.round}: {account.outcome.value}"
    if account.outcome is Outcome.FORGED:
        return f"{words}, block {account.height} {account.block_hash.hex()[:10]}"
    if account.block_hash:
        words += f", it has block {account.height} of {account.forger}"
    return f"{words}, {_describe_miss(account.miss)}" if account.miss is not None else words


def _describe_miss(miss: Miss) -> str:
    also = ", ".join(f"{reason.value} for {seconds:.1f} s" for reason, seconds in miss.also)
    return _describe(miss.obstacle) + (f"; also {also}" if also else "")


def _describe(obstacle: Obstacle) -> str:
    return f"{obstacle.reason.value}: {obstacle.figures}"
