"""Where a check of the chain stands: what it found so far, and the small file of the data folder from which
the next one goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from hypernode import __version__
from hypernode.core.block import create_genesis
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import BLOCK_RULES, NUMBERED_RULES, Rule, RuleClass
from hypernode.core.types import Block, Height, Round
from hypernode.files.own_files import DAMAGED
from hypernode.node.chain.examiner import BlockGrade, NotJudged
from hypernode.node.chain.recount import FirstRounds
from hypernode.ports.chain import Ledger
from hypernode.ports.files import Files

FILE_NAME: Final = "check.json"

CHECKED_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.number: rule for rule in (*BLOCK_RULES.values(), Rule.MEASURES, Rule.KPIS, Rule.DEAD_TIP)}
)
"""What a check holds a chain against, by number, in the order in which it is shown."""


@dataclass(frozen=True, slots=True)
class ListedViolation:
    """A break of one block, and what it means for it."""

    height: Height
    block_hash: bytes
    rule: Rule
    cls: RuleClass
    verdict: BlockGrade
    reason: str

    def describe(self) -> dict[str, object]:
        """As it is saved and shown."""
        return {
            "height": self.height,
            "block_hash": self.block_hash.hex(),
            "rule": self.rule.number,
            "cls": self.cls.value,
            "verdict": self.verdict.value,
            "reason": self.reason,
        }


Counts: TypeAlias = Mapping[Rule, Mapping[BlockGrade, int]]
"""Rule to verdict to how many blocks."""


@dataclass(slots=True)
class CheckState:
    """Where a check stands after the block ``height``: what it found so far, and what counting goes on
    from."""

    height: Height
    block_hash: bytes
    max_round: Round = -1
    senders: FirstRounds = field(default_factory=dict)
    forgers: FirstRounds = field(default_factory=dict)
    counts: dict[Rule, dict[BlockGrade, int]] = field(default_factory=dict)
    breaks: list[ListedViolation] = field(default_factory=list)
    not_judged: dict[Rule, NotJudged] = field(default_factory=dict)
    """Rules that some blocks up to here were not held against: nobody looked, whatever ``counts`` says."""

    def begin_at(self, block_hash: bytes) -> None:
        """The block that the check begins after, by its hash."""
        self.block_hash = block_hash

    def advance(self, block: Block, max_round: Round) -> None:
        """The block is checked; ``max_round`` is the highest round so far."""
        self.height, self.block_hash, self.max_round = block.height, block.block_hash, max_round

    def count(self, verdict: BlockGrade) -> int:
        """Breaks with a verdict."""
        return sum(by_verdict.get(verdict, 0) for by_verdict in self.counts.values())

    def find_first_refused(self) -> Height | None:
        """The lowest block that no rule lets be in the chain."""
        refused = [violation.height for violation in self.breaks if violation.verdict is BlockGrade.REFUSED]
        return min(refused, default=None)


def describe_counts(counts: Counts) -> dict[str, dict[str, object]]:
    """By rule: its class and how many blocks broke it, by verdict; in the order of the rules."""
    return {
        number: {"class": rule.cls.value, **{grade.value: count for grade, count in counts[rule].items()}}
        for number, rule in CHECKED_RULES.items()
        if rule in counts
    }


def save_state(files: Files, params: ChainParams, state: CheckState) -> None:
    """Whole or not at all.  Raises OSError."""
    content = {
        "program": __version__,
        "network": create_genesis(params).block_hash,
        **asdict(replace(state, counts={}, breaks=[], not_judged={})),
        "counts": {
            rule.number: {grade.value: count for grade, count in by_grade.items()}
            for rule, by_grade in state.counts.items()
        },
        "breaks": [violation.describe() for violation in state.breaks],
        "not_judged": {rule.number: asdict(one) for rule, one in state.not_judged.items()},
    }
    files.write(FILE_NAME, json.dumps(content, default=bytes.hex, separators=(",", ":")).encode())


async def load_state(files: Files, params: ChainParams, ledger: Ledger) -> CheckState | None:
    """Where to go on: None when there is no file, or one of another program or network, or of a chain that
    has lost the block it stands at."""
    content = files.read(FILE_NAME)
    try:
        state = None if content is None else _parse(json.loads(content), params)
    except DAMAGED:
        return None
    if state is None:
        return None
    headers = await ledger.get_headers(state.height, 1)
    return state if headers and headers[0].block_hash == state.block_hash else None


def _parse(fields: dict[str, Any], params: ChainParams) -> CheckState | None:
    program, genesis = fields.pop("program"), fields.pop("network")
    if program != __version__ or genesis != create_genesis(params).block_hash.hex():
        return None
    counts = {
        CHECKED_RULES[number]: {BlockGrade(grade): count for grade, count in by_grade.items()}
        for number, by_grade in fields.pop("counts").items()
    }
    breaks = [_parse_violation(**one) for one in fields.pop("breaks")]
    fields["block_hash"] = bytes.fromhex(fields["block_hash"])
    not_judged = {
        NUMBERED_RULES[number]: NotJudged(**one) for number, one in fields.pop("not_judged").items()
    }
    return CheckState(**fields, counts=counts, breaks=breaks, not_judged=not_judged)


def _parse_violation(
    height: Height, block_hash: str, rule: str, cls: str, verdict: str, reason: str
) -> ListedViolation:
    return ListedViolation(
        height, bytes.fromhex(block_hash), CHECKED_RULES[rule], RuleClass(cls), BlockGrade(verdict), reason
    )
