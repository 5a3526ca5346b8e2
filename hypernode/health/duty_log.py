"""The duty log (spec 10, 2): what became of each slot of ours, when that is final, and a round in figures.

Pure: the node notes a record at the end of a slot, and settles it two rounds on by what the chain has then;
slots that passed while no node ran are filled in from the round's plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from statistics import median
from typing import Any, Final

from hypernode.core.kinds import (
    KO_ACTION,
    OK_ACTION,
    START_OR_TEST_OK,
    START_PARAMS,
    TEST_KO,
    format_test,
)
from hypernode.core.kpis import compute_score
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Height, Kpis, Message, Round, RoundPlan, Slot
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome, SlotAccount

FINAL_AFTER_ROUNDS: Final = 2
"""An outcome is final so many rounds on: no better branch reaches back that far by itself."""
NOT_RUNNING: Final = "no node ran"


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """One slot of ours.  ``height``, ``block_hash``, ``forger``: of the block that the chain has for it, if
    any; ``reason`` with its ``figures``, and ``also`` with seconds: what stood in the way, unless the block
    is ours; ``pushed`` to so many of ``targets``, ``delay_s`` after the slot began: of a block of ours."""

    round: Round
    sir: Slot
    outcome: Outcome
    height: Height = 0
    block_hash: bytes = b""
    forger: str = ""
    reason: Reason | None = None
    figures: str = ""
    also: tuple[tuple[Reason, float], ...] = ()
    pushed: int | None = None
    targets: int | None = None
    delay_s: int | None = None
    is_final: bool = False

    def to_object(self) -> dict[str, object]:
        """For programs."""
        shown: dict[str, object] = {
            "round": self.round,
            "sir": self.sir,
            "outcome": self.outcome.value,
            "final": self.is_final,
        }
        if self.block_hash:
            shown |= {"height": self.height, "block_hash": self.block_hash.hex(), "forger": self.forger}
        if self.reason is not None:
            shown |= {"reason": self.reason.value, "figures": self.figures}
            shown["also"] = {reason.value: seconds for reason, seconds in self.also}
        sent = {"pushed": self.pushed, "targets": self.targets, "delay_s": self.delay_s}
        return shown | {name: value for name, value in sent.items() if value is not None}


def record_account(
    params: ChainParams, account: SlotAccount, block: Block | None, push: tuple[int, int] | None
) -> SlotRecord:
    """What is noted at the end of a slot.  ``block``: that of the slot in our chain; ``push``: to how many of
    how many a block of ours was sent."""
    record = SlotRecord(account.round, account.sir, account.outcome)
    if account.miss is not None:
        obstacle = account.miss.obstacle
        record = replace(record, reason=obstacle.reason, figures=obstacle.figures, also=account.miss.also)
    if push is not None:
        record = replace(record, pushed=push[0], targets=push[1])
    return _add_block(params, record, block)


def finalise(
    params: ChainParams, slot: tuple[Round, Slot], record: SlotRecord | None, block: Block | None, own: str
) -> SlotRecord:
    """The final record of a slot of ours (``own``: our address).  ``record``: what was noted at its end, None
    where no node ran; ``block``: what the chain has for it now."""
    if record is None:
        record = SlotRecord(*slot, Outcome.MISSED, reason=Reason.NOT_RUNNING, figures=NOT_RUNNING)
    if record.outcome is Outcome.REDRAWN:
        return replace(record, is_final=True)
    had_block = record.outcome in (Outcome.FORGED, Outcome.REPLACED)
    if block is not None and block.forger == own:
        outcome = Outcome.FORGED
        record = replace(record, reason=None, figures="", also=())
    elif had_block:
        outcome = Outcome.REPLACED
    else:
        outcome = Outcome.MISSED if block is None else Outcome.TAKEN
    bare = replace(record, outcome=outcome, height=0, block_hash=b"", forger="", is_final=True)
    return _add_block(params, bare, block)


def _add_block(params: ChainParams, record: SlotRecord, block: Block | None) -> SlotRecord:
    if block is None:
        return record
    is_ours = record.outcome is Outcome.FORGED
    start = compute_slot_start(params, record.round, record.sir)
    return replace(
        record,
        height=block.height,
        block_hash=block.block_hash,
        forger=block.forger,
        delay_s=block.timestamp - start if is_ours else None,
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """Final slots of ours counted."""

    won: int = 0
    forged: int = 0
    missed: int = 0
    taken: int = 0
    replaced: int = 0


def count_slots(records: Iterable[SlotRecord]) -> Tally:
    """Of records that are final; a slot that stopped being ours was not won."""
    outcomes = [record.outcome for record in records if record.is_final]
    return Tally(
        won=sum(outcome is not Outcome.REDRAWN for outcome in outcomes),
        forged=outcomes.count(Outcome.FORGED),
        missed=outcomes.count(Outcome.MISSED),
        taken=outcomes.count(Outcome.TAKEN),
        replaced=outcomes.count(Outcome.REPLACED),
    )


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """A round of ours in figures.  Tests *of ours*: what we had to do; *of us*: what others say of us.
    ``rank``: among those that have a score, from 1; ``median``: theirs."""

    round: Round
    won: int = 0
    forged: int = 0
    missed: int = 0
    tests: int = 0
    tests_passed: int = 0
    tests_failed: int = 0
    tests_not_done: int = 0
    tested: int = 0
    tested_failed: int = 0
    received_ok: int = 0
    received_ko: int = 0
    messages_sent: int = 0
    weight: int = 0
    score: float | None = None
    median: float | None = None
    rank: int | None = None
    scored: int = 0

    def to_object(self) -> dict[str, object]:
        return asdict(self)


def summarise_round(
    plan: RoundPlan,
    own: str,
    records: Sequence[SlotRecord],
    messages: Sequence[Message],
    kpis: Mapping[str, Kpis],
) -> RoundSummary:
    """``messages``: of the round's blocks, those that we sent or that are to us; ``kpis``: of the round, by
    address (spec 7)."""
    tally = count_slots(records)
    weights = {entry.pos: entry.weight for entry in plan.registered}
    scores = {
        address: compute_score(found, weights[address])
        for address, found in kpis.items()
        if address in weights
    }
    sent = [message for message in messages if message.sender == own]
    received = [message for message in messages if message.recipient == own and message.sender != own]
    planned = Counter(
        (test.tested, format_test(test.kind)) for slot in plan.tests for test in slot if test.tester == own
    )
    # a node that was killed may publish a result again: a test counts once
    passes = Counter((m.recipient, m.params) for m in sent if m.what == START_OR_TEST_OK) & planned
    fails = Counter((m.recipient, m.params) for m in sent if m.what == TEST_KO) & (planned - passes)
    passed, failed = passes.total(), fails.total()
    ranked = scores.get(own)
    return RoundSummary(
        round=plan.round,
        won=tally.won,
        forged=tally.forged,
        missed=tally.missed,
        tests=planned.total(),
        tests_passed=passed,
        tests_failed=failed,
        tests_not_done=planned.total() - passed - failed,
        tested=sum(m.what == START_OR_TEST_OK and m.params != START_PARAMS for m in received),
        tested_failed=sum(m.what == TEST_KO for m in received),
        received_ok=sum(m.what == OK_ACTION for m in received),
        received_ko=len({m.sender for m in received if m.what == KO_ACTION}),
        messages_sent=len(sent),
        weight=weights.get(own, 0),
        score=ranked,
        median=median(scores.values()) if scores else None,
        rank=1 + sum(score > ranked for score in scores.values()) if ranked is not None else None,
        scored=len(scores),
    )


def parse_summary(found: Mapping[str, Any]) -> RoundSummary:
    """What ``RoundSummary.to_object`` gave; keys of a later version are left out."""
    known = {field.name for field in fields(RoundSummary)}
    return RoundSummary(**{name: value for name, value in found.items() if name in known})


def list_own_slots(plan: RoundPlan, own: str) -> list[Slot]:
    """Slots of a round that are ours by its plan, ascending."""
    return [sir for sir, juror in enumerate(plan.jurors) if juror.address == own]
