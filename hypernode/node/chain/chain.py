"""Our chain: the one place where a block is judged and stored.

Blocks come three ways: pushed by the slot's juror, fetched as a branch from a peer, or forged by us. All are
judged by the rules of ``core.validate_block`` on top of their own history (``node.chain.block_validation``),
with their messages verified through the Verifier port, and stored in one transaction.  One lock keeps changes
apart; reading goes on meanwhile, and so does preparing what comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from hypernode.core.block import encode_raw_block, to_header
from hypernode.core.errors import Ignore, Reject
from hypernode.core.fork_choice import find_replacement_violation, is_better, is_promise_kept
from hypernode.core.hashing import h20
from hypernode.core.long_messages import LongMessages, is_short
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.timeline import compute_round_slot, has_begun
from hypernode.core.types import Block, ChainHeight, Equivocation, Height, Round, RoundPlan, Slot
from hypernode.core.validate_block import Origin, is_signed_by_forger
from hypernode.machine.peers import ForkOverride, Support
from hypernode.mempool.pool import Mempool
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.chain.block_validation import (
    BlockRejected,
    BlockValidator,
    ForgerKeys,
    Prepared,
    list_findings,
    prepare,
    prepare_until_fault,
)
from hypernode.node.chain.chain_repair import keep_blocks, lacks_pruned, make_cut_name
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.node.chain.spooled_blocks import MAX_HELD_BYTES, is_giant, list_pieces, take_out
from hypernode.ports.chain import Ledger, Replacement, ToleratedViolation
from hypernode.ports.clock import Clock
from hypernode.ports.files import Files
from hypernode.ports.journal import JournalReader
from hypernode.ports.signing import Verifier
from hypernode.ports.storage_faults import StorageFault

T = TypeVar("T")

EVIDENCE_ROUNDS: Final = 5
"""Of two blocks for one slot that a fetched branch shows: nobody could do anything about older ones."""


def _check_ordered(order: ForkOverride, blocks: Sequence[Block]) -> None:
    """An operator's override holds for one chain only.  Raises Reject."""
    if not any(b.height == order.height and b.block_hash == order.block_hash for b in blocks):
        raise Reject(Rule.PROMISE, f"promise not kept: the branch lacks block {order.height} of the order")


def _is_other(theirs: ChainHeight, ours: ChainHeight) -> bool:
    """Takes the place of ``is_better`` under an operator's override."""
    return theirs.block_hash != ours.block_hash


class Chain:
    """The ledger with its rules.  Each change of it is reported to ``events``."""

    def __init__(
        self,
        params: ChainParams,
        clock: Clock,
        own_address: str,
        verifier: Verifier,
        journal: JournalReader,
        ledger: Ledger,
        files: Files,
        rounds: Rounds,
        mempool: Mempool,
        events: NodeEvents,
        subjects: Subjects = SILENT,
    ) -> None:
        self._params = params
        self._clock = clock
        self._own_address = own_address
        self._verifier = verifier
        self._journal = journal
        self._ledger = ledger
        self._files = files
        self._rounds = rounds
        self._mempool = mempool
        self._events = events
        self._subjects = subjects
        self._keys = ForgerKeys(params)
        self._lock = asyncio.Lock()
        self._evident: set[tuple[Round, Slot, str]] | None = None
        """Slots and forgers of the evidence that is stored; None until it is first asked for."""

    @property
    def height(self) -> ChainHeight:
        return self._ledger.get_height()

    async def derive_plan(self, round_: Round) -> RoundPlan:
        """The lists of a round by our own chain, kept in the ledger.  Raises PowNotReady."""
        async with self._lock:  # or a branch may replace what it is derived from
            history = await History.at(self._ledger, self.height.height)
            plan = await self._rounds.derive(round_, history)
            await self._ledger.save_plan(plan)
            return plan

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """While it is entered, nothing changes the chain."""
        async with self._lock:
            yield

    async def prepare(self, blocks: Sequence[Block]) -> list[Prepared]:
        """Blocks from outside with their messages verified: work that needs no chain, so it can be done while
        others are stored."""
        return await prepare(self._params, self._verifier, self._mempool, blocks)

    async def accept_pushed(self, block: Block, on_judged: Callable[[], None] = lambda: None) -> ChainHeight:
        """A block that was pushed to us: onto the tip with every rule, or Reject or Ignore.  ``on_judged`` is
        called when it is good, before anybody can see that we have it."""
        async with self._lock:
            own = self.height
            if block.block_hash == own.block_hash:
                raise Ignore(Rule.B1, "known")
            validator = await self._make_validator(own.height, Origin.PUSHED)
            await self._note_equivocation(validator.history, block, self._params.keep_rounds)
            self._check_place(block, own)
            # Whoever is registered can push blocks full of messages, again and again: what the juror of the
            # slot did not sign is refused whatever is in it, and so are wrong numbers of messages.
            await validator.check_head(block)
            validator.check_shape(block)
            height = await self._append(validator, await self._prepare_pushed(block), on_judged)
        self._events.on_tip()
        return height

    async def screen_pushed(self, header: Block) -> None:
        """What a pushed block shows before its messages are parsed.  Raises Reject or Ignore, as
        ``accept_pushed`` would; PowNotReady."""
        own = self.height
        if header.block_hash == own.block_hash:
            raise Ignore(Rule.B1, "known")
        validator = await self._make_validator(own.height, Origin.PUSHED)
        if await self._may_be_evidence(validator.history, header):
            return
        self._check_place(header, own)
        await validator.check_juror(header)

    async def _may_be_evidence(self, history: History, block: Block) -> bool:
        """Whether it could be a second block of its forger for a slot, which is not known to have two yet."""
        stored = await history.get_stored(block.round, block.sir)
        if stored is None or stored.forger != block.forger or stored.block_hash == block.block_hash:
            return False
        return (block.round, block.sir, block.forger) not in await self._list_evident()

    def _check_place(self, block: Block, own: ChainHeight) -> None:
        if block.height != own.height + 1 or block.previous_hash != own.block_hash:
            raise Ignore(Rule.B1, "does not follow our tip")
        if block.height < self._params.lenient_below:
            # No rule would hold for it that keeps strangers' blocks out of an empty chain.
            raise Ignore(Rule.HISTORY, "blocks of the early history are fetched, not pushed")

    async def _prepare_pushed(self, block: Block) -> Prepared:
        if (block.height, block.block_hash) in self._params.exceptions:
            # all that is wrong with it is written down
            [prepared] = await self.prepare([block])
            return prepared
        return await prepare_until_fault(self._params, self._verifier, self._mempool, block)

    async def append_own(self, block: Block) -> ChainHeight:
        """Store a block that we forged.  It is in the journal before this is called, and validated like any
        other."""
        async with self._lock:
            own = self.height
            if block.height != own.height + 1 or block.previous_hash != own.block_hash:
                raise Ignore(Rule.B1, "the tip moved while we forged")
            [prepared] = await self.prepare([block])
            height = await self._append(await self._make_validator(own.height, Origin.OWN), prepared)
        self._events.on_tip()
        return height

    async def _append(
        self, validator: BlockValidator, prepared: Prepared, on_judged: Callable[[], None] = lambda: None
    ) -> ChainHeight:
        """Store a block on top of the tip."""
        clock, block = self._clock, prepared.block
        begun = clock.monotonic()
        findings = await self._judge(validator, prepared)
        judged = clock.monotonic()
        on_judged()
        height = await self._ledger.append(block, findings)
        words = (
            f"block {block.height} ({block.round}, {block.sir}) of {block.forger}, {block.msg_count} messages"
        )
        self._subjects.log("blockdigest", lambda: f"{words}, {len(findings)} findings")
        self._subjects.log(
            "timing",
            lambda: (
                f"{words}: judged in {judged - begun:.3f} s, stored in {clock.monotonic() - judged:.3f} s"
            ),
        )
        await self._after_append([prepared.block])
        return height

    async def adopt(
        self, common: Height, blocks: Sequence[Block], reported: ChainHeight | None, support: Support
    ) -> Replacement:
        """``prepare`` and ``adopt_prepared`` in one."""
        return await self.adopt_prepared(common, await self.prepare(blocks), reported, support)

    async def adopt_prepared(
        self, common: Height, branch: Sequence[Prepared], reported: ChainHeight | None, support: Support
    ) -> Replacement:
        """Judge a fetched branch on top of ``common``, measure it, and take it if it is what was told
        and better than ours (spec 4, which chain is better).  ``reported`` is None for a part
        of a branch; ``support``: who holds it.  Raises BlockRejected with the rule that a block breaks,
        Reject for a promise that is not kept, Ignore when it may not replace ours.  What an operator
        ordered is judged all the same, and taken whatever its measures; what goes for it is written down
        first."""
        blocks = [prepared.block for prepared in branch]
        async with self._lock:
            await self.check_depth(common, support)
            if support.order is not None and common < self.height.height:
                _check_ordered(support.order, blocks)
            validator = await self._make_validator(common, Origin.FETCHED, majority_holds=support.is_majority)
            await validator.history.look_up(blocks)
            findings: list[ToleratedViolation] = []
            for prepared in branch:
                await self._note_equivocation(validator.history, prepared.block, EVIDENCE_ROUNDS)
                try:
                    findings += await self._judge(validator, prepared)
                except Reject as fault:
                    raise BlockRejected(fault, prepared.block.height) from fault
                await self._run(prepared.block, partial(validator.push, prepared.block))
            is_ordered = support.order is not None and common < self.height.height
            if is_ordered:
                await self._keep_above(common, "by an operator's word")
            preferred = _is_other if is_ordered else is_better
            outcome = await self._ledger.replace(common, blocks, preferred, findings)
            if outcome.adopted:
                # In this order: a twin of what the branch holds goes again.
                self._mempool.return_messages(outcome.dropped_messages, self._clock.now())
                await self._after_append(blocks)
        if outcome.adopted:
            self._events.on_tip()
        if reported is not None and not is_promise_kept(reported, outcome.measured):
            raise Reject(
                Rule.PROMISE, f"promise not kept: told {reported.height}, got {outcome.measured.height}"
            )
        return outcome

    async def drop_premature(self) -> tuple[Block, ...]:
        """Drop our last blocks whose slots have not begun, the highest first, as ``rollback`` does; they are
        written down first."""
        now = self._clock.now()
        async with self._lock:
            to_height = self.height.height
            while to_height and not await self._has_begun(to_height, now):
                to_height -= 1
            await self._keep_above(to_height, "as their slots have not begun")
            dropped = await self._drop_above(to_height)
        self._events.on_tip()
        return dropped

    async def _has_begun(self, height: Height, now: float) -> bool:
        headers = await self._ledger.get_headers(height, 1)
        return all(has_begun(self._params, header.round, header.sir, now) for header in headers)

    async def rollback(self, to_height: Height) -> tuple[Block, ...]:
        """Drop blocks unconditionally; their messages go back to the mempool."""
        async with self._lock:
            dropped = await self._drop_above(to_height)
        self._events.on_tip()
        return dropped

    async def _drop_above(self, height: Height) -> tuple[Block, ...]:
        dropped = await self._ledger.rollback(height)
        for block in dropped:
            self._mempool.return_messages(block.messages, self._clock.now())
        return dropped

    async def _make_validator(
        self, height: Height, origin: Origin, *, majority_holds: bool = False
    ) -> BlockValidator:
        return await BlockValidator.at(
            self._params,
            self._clock,
            self._verifier,
            self._ledger,
            self._rounds,
            self._keys,
            height,
            origin,
            majority_holds=majority_holds,
        )

    async def _judge(self, validator: BlockValidator, prepared: Prepared) -> list[ToleratedViolation]:
        """Check every rule; returns the tolerated violations.  Raises Reject."""
        violations = await validator.judge(prepared)
        if not {Rule.B4, Rule.B5}.intersection(violation.rule for violation in violations):
            await self._note_own_block(prepared.block)
        return list_findings(prepared.block, violations)

    async def _after_append(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            if not isinstance(block.messages, LongMessages):
                self._mempool.remove(block.messages)
                self._events.on_block(block)
                continue
            async for piece in list_pieces(block, self._verifier.run):
                # what is not short was never in a mempool, and says nothing to us
                part = replace(block, messages=tuple(filter(is_short, piece)))
                self._mempool.remove(part.messages)
                self._events.on_block(part)

    async def _run(self, block: Block, work: Callable[[], T]) -> T:
        """Run work off the event loop if the block is a giant one."""
        return await self._verifier.run(work) if is_giant(block) else work()

    async def check_depth(self, common: Height, support: Support) -> None:
        """Raises Ignore when blocks of ours above ``common`` may not go for a branch with that support
        (spec 4)."""
        if common >= self.height.height:
            return
        if support.order is not None:
            if await lacks_pruned(self._params, self._ledger, common):
                raise Ignore(Rule.DEPTH, f"too much is pruned to go back to block {common}")
            return
        first_dropped = (await self._ledger.get_headers(common + 1, 1))[0]
        current, _ = compute_round_slot(self._params, self._clock.now())
        broken = find_replacement_violation(
            self._params, first_dropped.round, current, support.behind, support.connected
        )
        if broken is not None:
            raise Ignore.of(broken)

    async def _keep_above(self, common: Height, why: str) -> None:
        """Write down blocks that are dropped without better ones in their place.  Raises StorageFault."""
        tip = self.height.height
        if tip > common:
            name = make_cut_name(common + 1, tip, self._clock.now())
            try:
                await keep_blocks(self._ledger, common + 1, self._files, name, self._verifier.run)
            except OSError as error:
                raise StorageFault(f"{name} cannot be written, so nothing is cut: {error}") from error
            self._events.on_cut(common + 1, tip, name, why)

    async def _note_own_block(self, block: Block) -> None:
        """Note a valid block of ours that the journal does not know: somebody else signs with our key, or the
        journal is an old one."""
        if block.forger != self._own_address:
            return
        if await self._journal.get_hash(block.round, block.sir) != block.block_hash:
            await self._events.on_own_block(block)

    async def _note_equivocation(self, history: History, block: Block, rounds: int) -> None:
        """Two signed blocks of one forger for one slot, of the last ``rounds``, are kept as evidence, once
        (spec 4).  Who forged long ago, or has the keys of those who did, could give us two blocks for each of
        their slots, to store and to report."""
        stored = await history.get_stored(block.round, block.sir)
        if stored is None or stored.forger != block.forger or stored.block_hash == block.block_hash:
            return
        case, is_own = (block.round, block.sir, block.forger), block.forger == self._own_address
        current, _ = compute_round_slot(self._params, self._clock.now())
        is_news = block.round >= current - rounds and case not in await self._list_evident()
        # One case is enough, and its forger can sign thousands of blocks more.
        if not is_news and not is_own:
            return
        # What a peer gives for the hash proves nothing: the same block under another one is no second.
        if not await self._run(block, lambda: self._is_signed(block)):
            return
        await self._note_own_block(block)
        if not is_news:
            return
        # Whole blocks: their signatures cover the ids of their messages.  Of a giant one its head must do.
        [(_, size)] = await self._ledger.get_block_sizes(stored.height, 1)
        whole = await self._ledger.get_block(stored.height) if size <= MAX_HELD_BYTES else None
        second = to_header(block) if is_giant(block) else await take_out(block, self._verifier.run)
        evidence = Equivocation(whole or stored, second, int(self._clock.now()))
        await self._ledger.save_evidence(evidence)
        # what is too old to be asked for again need not be remembered
        recent = {known for known in await self._list_evident() if known[0] >= current - EVIDENCE_ROUNDS}
        self._evident = recent | {case}
        self._events.on_evidence(evidence)

    def _is_signed(self, block: Block) -> bool:
        """Whether the block's forger signed it, under this hash."""
        try:
            raw = encode_raw_block(block)
        except Reject:
            return False
        key = self._keys.find(block)
        return h20(raw) == block.block_hash and is_signed_by_forger(self._params, block, raw, key)

    async def _list_evident(self) -> set[tuple[Round, Slot, str]]:
        if self._evident is None:
            known = await self._ledger.get_evidence()
            self._evident = {(e.first.round, e.first.sir, e.first.forger) for e in known}
        return self._evident
