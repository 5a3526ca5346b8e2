"""Forging: seals the mempool's messages for our slot, stores the block, and sends it to peers.

The order keeps us from ever signing twice for a slot: the hash is journalled, durably, before the block is
signed; then it goes into our own ledger, judged like any other; then to those whose chain it follows.  A
legacy node that gets a block which does not follow its chain, or one twice, stops itself (spec 8): so nobody
gets it unless he told the parent's height, and once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hypernode.core.errors import Ignore, Reject
from hypernode.core.forging import draft_block, select_messages, sign_block, validate_forging
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, Message, Registration, RoundPlan, Slot
from hypernode.mempool.pool import Mempool
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.rounds import Rounds
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.peer_client import ask_last_header
from hypernode.node.peers.peer_table import Peers, parse_port
from hypernode.ports.chain import BlockReader, MessageIndex
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.ports.journal import Journal
from hypernode.ports.signing import Signer
from hypernode.ports.storage_faults import StorageFault
from hypernode.ports.tunables import CurrentTunables
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

SEND_TIMEOUT_S = 45.0
"""For all peers together (spec 6, forging)."""
ASK_TIMEOUT_S = 10.0
"""For an answer about where a peer is: one that derives a round gives none, and fetches the block later."""
SEND_AT_ONCE = 20
"""Connections that push at a time: 40 peers of 0.7 MB are two waves."""


class ForgerLedger(BlockReader, MessageIndex, Protocol):
    """The parent of our block, and what is sealed already."""


@dataclass(slots=True)
class Forger:
    """Makes our block, stores it and pushes it."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    signer: Signer
    journal: Journal
    ledger: ForgerLedger
    chain: Chain
    rounds: Rounds
    mempool: Mempool
    peers: Peers
    dialler: Dialler
    log: Callable[[str], None]
    forged_count: int = 0

    def select(self, senders: frozenset[str]) -> list[Message]:
        """The messages that a block forged now would hold."""
        candidates = [m for m in self.mempool.get_all() if m.sender in senders]
        timestamp = int(self.clock.now())
        return select_messages(self.params, candidates, self.tunables.current().max_txs_per_block, timestamp)

    async def forge(self, plan: RoundPlan, sir: Slot) -> Block:
        """Journal, sign, store.  Raises Reject or Ignore if that cannot be done (the tip moved, too few
        messages), AlreadySigned if the journal holds another block for the slot."""
        senders = await self.rounds.get_allowed_senders(plan)
        messages = await self._drop_sealed(self.select(senders))
        validate_forging(self.params, messages)
        parent = await self._get_parent()
        signer = self.signer
        timestamp = max(int(self.clock.now()), parent.timestamp)
        draft = draft_block(signer.address, parent, plan.round, sir, timestamp, messages)
        await self.journal.record(plan.round, sir, draft.block_hash)
        block = sign_block(signer.sign, draft)
        await self._store(block, plan)
        self.forged_count += 1
        self.log(f"forged block {block.height} ({plan.round}, {sir}) with {len(messages)} messages")
        return block

    async def _store(self, block: Block, plan: RoundPlan) -> None:
        """Whom it will be pushed to is noted before anybody can see that we have it."""
        self.peers.await_push(self._find_legacy(self._list_targets(plan)))
        try:
            await self.chain.append_own(block)
        except BaseException:
            self.peers.end_all_pushes()
            raise

    def count_targets(self, plan: RoundPlan) -> int:
        """To how many a block of ours is to be pushed in a round."""
        return len(self._list_targets(plan))

    def _list_targets(self, plan: RoundPlan) -> list[Registration]:
        """Every hypernode that counts in the round, and each of its jurors."""
        own = self.signer.address
        wanted = self.peers.counted.present | {juror.address for juror in plan.jurors}
        return [
            e for e in plan.registered if e.pos in wanted and e.pos != own and parse_port(e.port) is not None
        ]

    def _find_legacy(self, entries: Sequence[Registration]) -> set[str]:
        return {entry.pos for entry in entries if not self.peers.has_features(entry.pos)}

    async def _drop_sealed(self, messages: list[Message]) -> list[Message]:
        twins = {txid for m in messages for txid in self.mempool.list_twin_ids(m)}
        known = await self.ledger.get_known_ids(twins)
        return [m for m in messages if not known.intersection(self.mempool.list_twin_ids(m))]

    async def _get_parent(self) -> Block:
        headers = await self.ledger.get_headers(None, 1)
        return headers[0]

    async def send(self, block: Block, plan: RoundPlan) -> int:
        """Push our block to every hypernode that counts in the round, and to each of its jurors, that is on
        its parent; returns to how many."""
        slots = asyncio.Semaphore(SEND_AT_ONCE)
        targets = self._list_targets(plan)
        legacy = self._find_legacy(targets)
        # Who is known to wait for it gets it first; asking the others takes its time.
        targets.sort(
            key=lambda entry: (self.peers.get_reported_height(entry.pos) is None, entry.pos in legacy)
        )
        self.peers.await_push(legacy)
        sent: list[str] = []

        async def send_one(entry: Registration) -> None:
            async with slots:
                if await self._is_due(entry, block) and await self._push(entry, block):
                    sent.append(entry.pos)
            self.peers.end_push(entry.pos)

        try:
            async with asyncio.timeout(SEND_TIMEOUT_S), asyncio.TaskGroup() as tasks:
                for entry in targets:
                    tasks.create_task(send_one(entry), name=f"push {entry.ip}")
        except TimeoutError:
            pass  # whoever has not got it by now fetches it
        finally:
            self.peers.end_all_pushes()
        self.log(f"sent block {block.height} to {len(sent)} of {len(targets)} that count or are jurors")
        return len(sent)

    async def _is_due(self, entry: Registration, block: Block) -> bool:
        """Whether the block is still ours to push, and on top of the peer's tip: a better branch may have
        come meanwhile."""
        if not await self._is_on_parent(entry, block):
            return False
        try:
            ours = await self.ledger.get_height_at(block.height)
        except StorageFault:
            return False
        return ours is not None and ours.block_hash == block.block_hash

    async def _is_on_parent(self, entry: Registration, block: Block) -> bool:
        """By what it told; a legacy node is asked afresh: what it told may be old, and it would stop."""
        reported = self.peers.get_reported_height(entry.pos)
        if reported is not None and self.peers.has_features(entry.pos):
            return reported.block_hash == block.previous_hash
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S), self.dialler.open_once(entry) as session:
                header = await ask_last_header(session)
        except (TransportClosed, TimeoutError, Reject, Ignore):
            return False
        return header is not None and header.block_hash == block.previous_hash

    async def _push(self, entry: Registration, block: Block) -> bool:
        try:
            await self.dialler.send_alone(entry, Command(CommandId.BLOCK, blocks=(block,)))
        except (TransportClosed, TimeoutError):
            return False
        return True
