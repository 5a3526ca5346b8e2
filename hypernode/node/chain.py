"""Our chain: the one place where a block is judged and stored.

Blocks come three ways: pushed by the slot's juror, fetched as a branch from a peer, or forged by us.
All are judged by the rules of ``core.validate_block`` on top of their own history, with their
signatures verified through the Verifier port, and stored in one transaction.  One lock keeps changes
apart; reading goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hypernode.core.block import encode_raw_block, normalise_block
from hypernode.core.errors import Ignore, Reject
from hypernode.core.fork_choice import check_replacement, is_better, is_promise_kept
from hypernode.core.hashing import h20
from hypernode.core.params import Network
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Block, ChainHeight, Equivocation, Height, Round, RoundPlan, Slot
from hypernode.core.validate_block import (
    RULE_CLASSES,
    BlockContext,
    Break,
    Origin,
    is_refused,
    is_signed_by_forger,
    validate_block,
)
from hypernode.core.validate_message import check_messages, list_signature_checks
from hypernode.machine.peers import Support
from hypernode.mempool.pool import Mempool
from hypernode.node.history import History
from hypernode.node.rounds import Rounds
from hypernode.node.world import World
from hypernode.ports import Replacement, SignatureCheck


class Chain:
    """The ledger with its rules.  ``on_change`` is called after every change of the tip."""

    def __init__(self, network: Network, world: World, rounds: Rounds, mempool: Mempool) -> None:
        self._network = network
        self._world = world
        self._rounds = rounds
        self._mempool = mempool
        self._lock = asyncio.Lock()
        self._evident: set[tuple[Round, Slot, str]] | None = None
        """Slots and forgers of the evidence that is stored; None until it is first asked for."""
        self.on_change: Callable[[], None] = lambda: None
        self.on_own_block: Callable[[Block], None] = lambda block: None
        self.on_equivocation: Callable[[Equivocation], None] = lambda evidence: None

    @property
    def height(self) -> ChainHeight:
        return self._world.ledger.get_height()

    async def derive_plan(self, round_: Round) -> RoundPlan:
        """The lists of a round by our own chain, kept in the ledger.  Raises PowNotReady."""
        plan = await self._rounds.derive(round_, await self._history(self.height.height))
        await self._world.ledger.save_plan(plan)
        return plan

    async def accept_pushed(self, block: Block) -> ChainHeight:
        """A block that was pushed to us: onto the tip with every rule, or Reject or Ignore."""
        block = normalise_block(self._network, block)
        async with self._lock:
            own = self.height
            if block.block_hash == own.block_hash:
                raise Ignore("rule 1", "known")
            await self._note_equivocation(block)
            if block.height != own.height + 1 or block.previous_hash != own.block_hash:
                raise Ignore("rule 1", "does not follow our tip")
            if block.height < self._network.lenient_below:
                # No rule would hold for it that keeps strangers' blocks out of an empty chain.
                raise Ignore("4-ledger", "blocks of the early history are fetched, not pushed")
            history = await self._history(own.height)
            breaks = await self._judge(history, block, Origin.PUSHED)
            height = await self._world.ledger.append(block)
            await self._after_append([block], [breaks])
        self.on_change()
        return height

    async def append_own(self, block: Block) -> ChainHeight:
        """A block that we forged.  It is journalled before this is called, and judged like any other."""
        async with self._lock:
            own = self.height
            if block.height != own.height + 1 or block.previous_hash != own.block_hash:
                raise Ignore("rule 1", "the tip moved while we forged")
            history = await self._history(own.height)
            await self._judge(history, block, Origin.OWN)
            height = await self._world.ledger.append(block)
            await self._after_append([block], [()])
        self.on_change()
        return height

    async def adopt(
        self, common: Height, blocks: Sequence[Block], told: ChainHeight | None, support: Support
    ) -> Replacement:
        """Judge a fetched branch on top of ``common``, measure it, and take it if it is what was told
        and better than ours (spec 4, which chain is better).  ``told`` is None for a part
        of a branch; ``support``: who holds it.  Raises Reject with the rule that it breaks, Ignore when
        it may not replace ours."""
        branch = [normalise_block(self._network, block) for block in blocks]
        async with self._lock:
            await self.check_depth(common, support)
            history = await self._history(common)
            breaks: list[tuple[Break, ...]] = []
            for block in branch:
                await self._note_equivocation(block)
                breaks.append(await self._judge(history, block, Origin.FETCHED, support))
                history.push(block)
            outcome = await self._world.ledger.replace(common, branch, is_better)
            if outcome.adopted:
                # In this order: a twin of what the branch holds goes again.
                self._mempool.return_messages(outcome.dropped_messages, self._world.clock.now())
                await self._after_append(branch, breaks)
        if outcome.adopted:
            self.on_change()
        if told is not None and not is_promise_kept(told, outcome.measured):
            raise Reject("4-ledger", f"promise not kept: told {told.height}, got {outcome.measured.height}")
        return outcome

    async def rollback(self, to_height: Height) -> tuple[Block, ...]:
        """Drop blocks by an operator's word; their messages go back to the mempool."""
        async with self._lock:
            dropped = await self._world.ledger.rollback(to_height)
            for block in dropped:
                self._mempool.return_messages(block.messages, self._world.clock.now())
        self.on_change()
        return dropped

    async def _history(self, height: Height) -> History:
        return await History.at(self._world.ledger, height)

    async def _judge(
        self, history: History, block: Block, origin: Origin, support: Support | None = None
    ) -> tuple[Break, ...]:
        """Every rule of a block on top of ``history``; returns the breaks that are tolerated."""
        majority_holds = support is not None and support.is_majority
        self._check_round(history, block, origin, majority_holds=majority_holds)
        plan = await self._rounds.derive(block.round, history)
        registered = await self._rounds.get_allowed_senders(plan)
        context = BlockContext(
            parent=history.tip,
            juror=plan.juror_of(block.sir),
            juror_known=True,
            registered=registered,
            known_ids=await history.get_known_ids(message.txid for message in block.messages),
            slot_taken=await history.is_slot_taken(block.round, block.sir),
            now=self._world.clock.now(),
            bad_messages=await self._verify_messages(block),
        )
        breaks = validate_block(self._network, block, context, origin, majority_holds)
        if not {"4", "5"}.intersection(brk.rule for brk in breaks):
            await self._note_own_block(block)
        return breaks

    def _check_round(self, history: History, block: Block, origin: Origin, *, majority_holds: bool) -> None:
        """Rules 2 and 3 as far as they bear on the round, before its list is derived: there is none for a
        round to come, and an ancient one is dear."""
        now = self._world.clock.now()
        if block.round > compute_round_slot(self._network, now + self._network.future_allowed_s)[0]:
            raise Reject("rule 3", "its round has not begun")
        early = Break("2", RULE_CLASSES["2"], "its round is before the parent's")
        if block.round < history.tip.round and is_refused(
            self._network, block, early, origin, majority_holds
        ):
            raise Reject("rule 2", early.reason)

    async def _verify_messages(self, block: Block) -> dict[bytes, str]:
        """Ids of messages whose signature (or form) is bad, with the reason.  What our mempool holds
        was verified when it came."""
        unverified = [m for m in block.messages if not self._mempool.holds(m)]
        checks = [SignatureCheck(*triple) for triple in list_signature_checks(unverified)]
        verdicts = await self._world.verifier.verify(checks, allow_long_ids=self._network.mixed)
        return check_messages(self._network, unverified, verdicts)

    async def _after_append(self, blocks: Sequence[Block], breaks: Sequence[tuple[Break, ...]]) -> None:
        for block, tolerated in zip(blocks, breaks, strict=True):
            self._mempool.remove(block.messages)
            for brk in tolerated:
                await self._world.ledger.save_finding(block.height, block.block_hash, brk.rule, brk.reason)

    async def check_depth(self, common: Height, support: Support) -> None:
        """Raises Ignore when blocks of ours above ``common`` may not go for a branch with that support
        (spec 4)."""
        if common >= self.height.height:
            return
        first_dropped = (await self._world.ledger.get_headers(common + 1, 1))[0]
        present, _ = compute_round_slot(self._network, self._world.clock.now())
        refusal = check_replacement(
            self._network, first_dropped.round, present, support.behind, support.connected
        )
        if refusal is not None:
            raise refusal

    async def _note_own_block(self, block: Block) -> None:
        """A valid block of ours that the journal does not know: somebody else signs with our key, or
        the journal is an old one."""
        if block.forger != self._world.signer.address:
            return
        if await self._world.journal.get_hash(block.round, block.sir) != block.block_hash:
            self.on_own_block(block)

    async def _note_equivocation(self, block: Block) -> None:
        """Two signed blocks of one forger for one slot are kept as evidence, once (spec 4)."""
        stored = await self._world.ledger.get_block_of_slot(block.round, block.sir)
        if stored is None or stored.forger != block.forger or stored.block_hash == block.block_hash:
            return
        # What a peer gives for the hash proves nothing: the same block under another one is no second.
        raw = _encode_signed(self._network, block)
        if raw is None or h20(raw) != block.block_hash:
            return
        await self._note_own_block(block)
        case = (block.round, block.sir, block.forger)
        if case in await self._list_evident():
            return
        # Whole blocks: their signatures cover the ids of their messages.
        whole = await self._world.ledger.get_block(stored.height)
        evidence = Equivocation(whole or stored, block, int(self._world.clock.now()))
        await self._world.ledger.save_evidence(evidence)
        (await self._list_evident()).add(case)
        self.on_equivocation(evidence)

    async def _list_evident(self) -> set[tuple[Round, Slot, str]]:
        if self._evident is None:
            known = await self._world.ledger.get_evidence()
            self._evident = {(e.first.round, e.first.sir, e.first.forger) for e in known}
        return self._evident


def _encode_signed(network: Network, block: Block) -> bytes | None:
    """What the block's forger signed; None when he did not sign this."""
    try:
        raw = encode_raw_block(block)
    except Reject:
        return None
    return raw if is_signed_by_forger(network, block, raw) else None
