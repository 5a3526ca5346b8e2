"""Stored or archived blocks held against every rule, for tools: what breaks is told, nothing is raised.

An ``Examiner`` judges block after block on top of their own history, as ``node.chain.chain`` does for blocks
that come in; but it lists every break, and where the companion cannot say who was registered it judges the
rest and says which rules it could not judge.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import BLOCK_RULES, UNCHECKED, Rule, Unchecked, Violation
from hypernode.core.types import Block, PowHeight, Round, RoundPlan
from hypernode.core.validate_block import BlockContext, Origin, find_violations, is_refused
from hypernode.node.chain.block_validation import ForgerKeys
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.ports.registrations import PowNotReady, PowSource, PowStatus, RegisteredList
from hypernode.ports.signing import Verifier

HEADER_RULES: Final = frozenset(BLOCK_RULES.values()) - {Rule.B6, Rule.B11, Rule.B13}
"""What is judged without signatures of messages and without the companion."""
WITHOUT_MESSAGES: Final = (Rule.B1, Rule.B2, Rule.B3, Rule.B6, Rule.B12)
"""What can be judged of a block whose messages are pruned."""
_WITH_MESSAGES: Final = tuple(rule for rule in BLOCK_RULES.values() if rule not in WITHOUT_MESSAGES)
PATIENCE: Final = 3
"""Rounds in a row that the companion cannot answer for before it is left alone."""
_LISTS_KEPT: Final = 4


class BlockGrade(Enum):
    """What a violation means for a stored block."""

    REFUSED = "refused"
    """No rule lets this block be in the chain."""
    DOCUMENTED = "documented"
    """Taken in a branch that most of a mixed network held, and kept as a finding (spec 4, class B)."""
    TOLERATED = "tolerated"
    """Of the lenient history, an exception, or class C on a mixed network."""


def grade_violation(
    params: ChainParams, block: Block, violation: Violation, documented: Collection[Rule]
) -> BlockGrade:
    """``documented``: rules that the ledger has a finding of for this block."""
    if not is_refused(params, block, violation, Origin.FETCHED):
        return BlockGrade.TOLERATED
    if violation.rule in documented and not is_refused(
        params, block, violation, Origin.FETCHED, majority_holds=True
    ):
        return BlockGrade.DOCUMENTED
    return BlockGrade.REFUSED


@dataclass(slots=True)
class NotJudged:
    """How many blocks could not be checked for a rule, and the first reason."""

    blocks: int
    reason: str

    def add_block(self) -> None:
        """One more."""
        self.blocks += 1


class Examiner:
    """Checks stored blocks for tools.  Without ``pow_source``, or while the companion cannot answer, rules 6
    and M6 are left out, for ``why``.  ``rules`` are those to check; ``now`` (unix s) bounds timestamps."""

    def __init__(
        self,
        params: ChainParams,
        verifier: Verifier,
        pow_source: PowSource | None,
        now: float,
        *,
        rules: Collection[Rule] | None = None,
        why: str = "the companion was not asked",
    ) -> None:
        self.params = params
        self.not_judged: dict[Rule, NotJudged] = {}
        self._verifier = verifier
        self._rounds = None if pow_source is None else Rounds(params, _RecentLists(pow_source))
        self._now = now
        self._rules = rules
        self._why = why
        self._failures = 0
        self._round: Round | None = None
        self._lists: tuple[RoundPlan, frozenset[str]] | None = None
        self._keys = ForgerKeys(params)

    def count_on(self, not_judged: dict[Rule, NotJudged]) -> None:
        """Count what is not judged in there from now on, on top of what an earlier check left out."""
        self.not_judged = not_judged

    @property
    def judges_companion(self) -> bool:
        """Whether rules 6 and M6 are judged, or would be for the next round."""
        return self._rounds is not None

    async def verify(self, blocks: Sequence[Block]) -> Mapping[bytes, Violation] | Unchecked:
        """What messages of the blocks break of M1 to M3, by id; UNCHECKED where rule 11 is not judged."""
        if not self._judges(Rule.B11):
            return UNCHECKED
        messages = [message for block in blocks for message in block.messages]
        found = await self._verifier.find_core_violations(self.params, messages)
        return {m.txid: broken for m, broken in zip(messages, found, strict=True) if broken is not None}

    def _judges(self, rule: Rule) -> bool:
        return self._rules is None or rule in self._rules

    async def examine(
        self,
        history: History,
        block: Block,
        bad_messages: Mapping[bytes, Violation] | Unchecked,
        *,
        is_pruned: bool = False,
    ) -> tuple[Violation, ...]:
        """Every rule that the block breaks on top of ``history``, as far as it can be judged."""
        lists = await self._get_lists(history, block.round)
        context = BlockContext(
            parent=history.tip,
            juror=lists[0].juror_of(block.sir) if lists else UNCHECKED,
            registered=lists[1] if lists else UNCHECKED,
            known_ids=await history.get_known_ids(message.txid for message in block.messages),
            slot_taken=await history.is_slot_taken(block.round, block.sir),
            now=self._now,
            bad_messages=bad_messages,
            forger_pubkey=None if is_pruned else self._keys.find(block),
        )
        violations = find_violations(self.params, block, context)
        if is_pruned:
            self._note(_WITH_MESSAGES, "the block's messages are pruned")
            violations = tuple(violation for violation in violations if violation.rule in WITHOUT_MESSAGES)
        return tuple(violation for violation in violations if self._judges(violation.rule))

    async def _get_lists(self, history: History, round_: Round) -> tuple[RoundPlan, frozenset[str]] | None:
        """The plan of a round and whose messages it takes, derived at its first block; None, and noted, when
        the companion cannot say."""
        if round_ != self._round:
            self._round, self._lists = round_, None
            if self._rounds is not None:
                await self._derive(self._rounds, history, round_)
        if self._lists is None and self._judges(Rule.B6):
            self._note((Rule.B6, Rule.M6), self._why)
        return self._lists

    async def _derive(self, rounds: Rounds, history: History, round_: Round) -> None:
        try:
            plan = await rounds.derive(round_, history)
            self._lists = plan, await rounds.get_allowed_senders(plan)
            self._failures = 0
        except PowNotReady as problem:
            self._why = str(problem)
            self._failures += 1
            if self._failures >= PATIENCE:
                self._rounds = None

    def _note(self, rules: Collection[Rule], reason: str) -> None:
        for rule in rules:
            self.not_judged.setdefault(rule, NotJudged(0, reason)).add_block()


class _RecentLists:
    """A ``PowSource`` that remembers the last lists: deriving a plan asks for two, one of them again."""

    def __init__(self, source: PowSource) -> None:
        self._source = source
        self._lists: OrderedDict[Round, RegisteredList] = OrderedDict()

    async def get_status(self, now: float) -> PowStatus:
        return await self._source.get_status(now)

    async def get_registered(self, round_: Round) -> RegisteredList:
        if round_ not in self._lists:
            self._lists[round_] = await self._source.get_registered(round_)
            while len(self._lists) > _LISTS_KEPT:
                self._lists.popitem(last=False)
        return self._lists[round_]

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        return await self._source.get_block_hashes(heights)

    async def close(self) -> None:
        await self._source.close()
