"""The whole chain of a ledger held against every rule and counted anew (spec 4; ``hn_check.py --chain``).

Blocks are read in batches; while the signatures of one are verified on all cores, the next is read and the
one before is judged.  Where the walk stands can be saved and taken up again (``CheckState``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from hypernode.core.block import to_header
from hypernode.core.encoded_size import count_within
from hypernode.core.kpis import compute_kpis
from hypernode.core.long_messages import is_short
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Unchecked, Violation
from hypernode.core.types import ADDRESS_CHARS, Block, ChainHeight, Height, Kpis, Message, Round
from hypernode.core.validate_block import find_dead_tip
from hypernode.node.chain.check_state import CheckState, ListedViolation
from hypernode.node.chain.examiner import BlockGrade, Examiner, grade_violation
from hypernode.node.chain.history import History
from hypernode.node.chain.recount import Recount
from hypernode.ports.chain import Ledger

BATCH_BLOCKS: Final = 200
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Encoded; a giant block alone."""
BATCH_MESSAGES: Final = 20_000
"""A batch ends before it holds more, but has one block at least: some 15 MB."""
MAX_LISTED: Final = 1_000
"""Breaks that are listed; all are counted."""
Verified: TypeAlias = Mapping[bytes, Violation] | Unchecked
"""Messages that break M1 to M3, by id."""


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """The progress of a check: heights, and how many messages were verified since it began."""

    first: Height
    height: Height
    tip: Height
    messages: int


class ChainCheck:
    """Checks ``ledger`` from ``state`` on (genesis, when there is none), up to the tip as it is now."""

    def __init__(
        self,
        params: ChainParams,
        ledger: Ledger,
        examiner: Examiner,
        *,
        state: CheckState | None = None,
        on_progress: Callable[[CheckProgress, CheckState], None] = lambda progress, state: None,
        stop_at_break: bool = False,
    ) -> None:
        self._params = params
        self._ledger = ledger
        self._examiner = examiner
        self._on_progress = on_progress
        self._stop_at_break = stop_at_break
        self._below = ledger.get_pruned_below()
        self._tip = ledger.get_height()
        self.state = state or CheckState(0, b"")
        examiner.count_on(self.state.not_judged)
        self.messages = 0
        self._recount = Recount(self.state.senders, self.state.forgers, self.state.max_round)
        self._round_blocks: list[Block] = []
        self._partial_round: Round | None = None
        """A round of which some blocks are pruned and some are not."""

    async def run(self) -> CheckState:
        """Walk to the tip; or to the first break that no rule lets pass, if so asked."""
        [parent] = await self._ledger.get_headers(self.state.height, 1)
        self.state.begin_at(parent.block_hash)
        first = self.state.height
        waiting: tuple[list[Block], asyncio.Task[Verified]] | None = None
        try:
            while not (self._stop_at_break and self.state.count(BlockGrade.REFUSED)):
                read_from = waiting[0][-1].height + 1 if waiting else self.state.height + 1
                blocks = await self._read(read_from)
                verifying = asyncio.create_task(self._examiner.verify(blocks)) if blocks else None
                await asyncio.sleep(0)  # so that it begins
                ready, waiting = waiting, ((blocks, verifying) if verifying else None)
                if ready is not None:
                    parent = await self._judge_batch(parent, ready[0], await ready[1])
                    self._on_progress(
                        CheckProgress(first, self.state.height, self._tip.height, self.messages), self.state
                    )
                elif waiting is None:
                    await self._end_round(None)
                    break
        finally:
            if waiting is not None:
                waiting[1].cancel()
        return self.state

    async def _read(self, first: Height) -> list[Block]:
        if first > self._tip.height:
            return []
        most = min(BATCH_BLOCKS, self._tip.height - first + 1)
        headers = await self._ledger.get_headers(first, most)
        sizes = await self._ledger.get_block_sizes(first, most)
        count = min(
            count_within((header.msg_count for header in headers), BATCH_MESSAGES),
            count_within((size for _, size in sizes), BATCH_BYTES),
        )
        return await self._ledger.get_blocks(first, count)

    async def _judge_batch(self, parent: Block, blocks: Sequence[Block], bad: Verified) -> Block:
        found = await self._ledger.get_findings(blocks[0].height, blocks[-1].height)
        documented: dict[tuple[Height, bytes], set[Rule]] = {}
        for finding in found:
            documented.setdefault((finding.height, finding.block_hash), set()).add(finding.rule)
        for block in blocks:
            rules = documented.get((block.height, block.block_hash), set())
            await self._judge(parent, block, bad, rules)
            parent = to_header(block)
            self.messages += len(block.messages)
            self.state.advance(block, self._recount.max_round)
            if self._stop_at_break and self.state.count(BlockGrade.REFUSED):
                break
        return parent

    async def _judge(self, parent: Block, block: Block, bad: Verified, documented: set[Rule]) -> None:
        is_pruned = block.height < self._below
        history = History(self._ledger, parent)
        for violation in await self._examiner.examine(history, block, bad, is_pruned=is_pruned):
            self._note(block, violation, grade_violation(self._params, block, violation, documented))
        if (dead := find_dead_tip(self._params, block)) is not None:
            self._note(block, dead)
        await self._compare(block, is_pruned=is_pruned)

    async def _compare(self, block: Block, *, is_pruned: bool) -> None:
        """What is stored of the block's chain, with what is counted."""
        if self._round_blocks and self._round_blocks[-1].round != block.round:
            await self._end_round(block)
        self._round_blocks.append(_drop_long_texts(block))
        if is_pruned:
            return
        if block.height == self._below:
            # who took part in pruned rounds is known from their totals only
            sent, forged = await self._ledger.get_first_rounds(block.round)
            self._recount.take_totals(sent, forged, block.round)
        if self._recount.needs_round(block.round):
            blocks = [b for b in await self._ledger.get_round_blocks(block.round) if b.height < block.height]
            self._recount.begin_round(block.round, blocks)
            if any(0 < b.height < self._below for b in blocks):
                self._partial_round = block.round
        counted = self._recount.add(block)
        if block.round == self._partial_round:
            return
        stored = await self._ledger.get_height_at(block.height)
        if stored != counted:
            self._note(block, Violation(Rule.MEASURES, f"stored {_show(stored)}, counted {_show(counted)}"))

    async def _end_round(self, block: Block | None) -> None:
        """The KPI totals of the round that was walked through, and of the chain if it is the last one."""
        walked, self._round_blocks = self._round_blocks, []
        if not walked or walked[0].height < self._below:
            return
        last = walked[-1]
        stored = _of_addresses(await self._ledger.get_kpis(last.round, last.round))
        if stored == _of_addresses(compute_kpis(walked)):
            return
        # part of it was walked before, or comes later
        whole = [b for b in await self._ledger.get_round_blocks(last.round) if b.height > 0]
        if any(b.height < self._below for b in whole) or stored == _of_addresses(compute_kpis(whole)):
            return
        self._note(
            last, Violation(Rule.KPIS, f"the totals of round {last.round} are not those of its blocks")
        )

    def _note(self, block: Block, violation: Violation, verdict: BlockGrade = BlockGrade.REFUSED) -> None:
        by_verdict = self.state.counts.setdefault(violation.rule, {})
        by_verdict[verdict] = by_verdict.get(verdict, 0) + 1
        if self.state.count(verdict) <= MAX_LISTED:
            self.state.breaks.append(
                ListedViolation(
                    block.height, block.block_hash, violation.rule, violation.cls, verdict, violation.reason
                )
            )


def _drop_long_texts(block: Block) -> Block:
    """The block as KPIs need it: of what is kept until its round ends, nothing is large."""
    if all(map(is_short, block.messages)):
        return block
    return replace(block, messages=tuple(map(_drop_long_text, block.messages)))


def _drop_long_text(m: Message) -> Message:
    return m if is_short(m) else replace(m, params="")


def _of_addresses(kpis: Mapping[str, Kpis]) -> dict[str, Kpis]:
    """Without those of recipients that are long texts, which the ledger knows under another name."""
    return {name: each for name, each in kpis.items() if len(name) <= ADDRESS_CHARS}


def _show(height: ChainHeight | None) -> str:
    if height is None:
        return "nothing"
    return f"uniques {height.uniques}+{height.uniques_round}, forgers {height.forgers}+{height.forgers_round}"
