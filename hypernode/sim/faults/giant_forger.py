"""A liar that seals a giant message in its slot: over all that is pushed, so that others have to fetch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypernode.core.forging import seal_block, validate_forging
from hypernode.core.message import create_message
from hypernode.core.rules import Rule
from hypernode.core.types import Block, RoundPlan, Slot
from hypernode.ports.chain import ToleratedViolation
from hypernode.sim.corruptible import LyingForger

PARAMS_BYTES: Final = 5_000_000
"""Over rule 14, over what getblock gives for a usual block, and over what is held of an answer."""

_BROKEN: Final = (Rule.B13, Rule.B14)
"""Rules that the block breaks: findings are kept of them, as everybody does."""


@dataclass(slots=True, kw_only=True)
class GiantForger(LyingForger):
    """Its own node would refuse the block: it is stored unjudged, and pushed to nobody."""

    async def forge(self, plan: RoundPlan, sir: Slot) -> Block:
        senders = await self.rounds.get_allowed_senders(plan)
        messages = self.select(senders)
        validate_forging(self.params, messages)
        signer, now = self.signer, int(self.clock.now())
        giant = create_message(
            signer.sign,
            signer.pubkey,
            timestamp=now,
            sender=signer.address,
            recipient=signer.address,
            what=0,
            params="A" * PARAMS_BYTES,
        )
        async with self.chain.at_rest():
            parent = await self._get_parent()
            sealed = [*(m for m in messages if m.timestamp <= now), giant]
            block = seal_block(signer.sign, signer.address, parent, plan.round, sir, now, sealed)
            await self.journal.record(plan.round, sir, block.block_hash)
            findings = [
                ToleratedViolation(block.height, block.block_hash, rule, "its own") for rule in _BROKEN
            ]
            await self.writer.append(block, findings)
        self.on_lie()
        self.mempool.remove(block.messages)
        self.events.on_tip()
        self.forged_count += 1
        return block

    async def send(self, block: Block, plan: RoundPlan) -> int:
        return 0
