"""How a simulated legacy node follows a better chain (spec 6, syncing; spec 8).

Of the present round it takes the blocks of one peer, after a look at what they follow and at the promised
measures.  When a round or more behind it deletes its last block while the peer has another one there, then
fetches batches until an empty answer.  Nothing else is checked.
"""

from __future__ import annotations

from hypernode.core.fork_choice import is_better, is_promise_kept
from hypernode.core.kinds import KO_ACTION, OK_ACTION, format_failed, format_peer_name, format_synced
from hypernode.core.types import Block
from hypernode.ports.connections import TransportClosed
from hypernode.sim.legacy.state import LegacyState, ReportedHeight
from hypernode.sim.legacy.stream import LegacyStream
from hypernode.sim.legacy.traps import LegacyCloses, Trap
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command


class LegacySync:
    """Follows better chains for one life of a node."""

    def __init__(self, state: LegacyState) -> None:
        self._state = state
        self._late_looks = 0

    def find_better(self) -> list[ReportedHeight]:
        """Who tells the best of the chains that are better than ours; none where ours is."""
        state, own = self._state, self._state.chain.height
        better = [
            t
            for t in state.list_reported()
            if t.height.block_hash not in state.chain.banned and is_better(t.height, own)
        ]
        best = better[:1]
        for reported in better[1:]:
            if reported.height.block_hash == best[0].height.block_hash:
                best.append(reported)
            elif is_better(reported.height, best[0].height):
                best = [reported]
        jurors = {juror.address for juror in state.plan.jurors} if state.plan else set()
        is_juror = {t.ip: any(e.pos in jurors for e in state.listed.get(t.ip, ())) for t in best}
        return sorted(best, key=lambda t: (not is_juror[t.ip], t.ip))

    async def follow(self) -> bool:
        """Do what is to be done about a better chain; whether anything changed.  Raises LegacyStops."""
        holders = self.find_better()
        own = self._state.chain.height
        if not holders or holders[0].height.round < own.round:
            self._late_looks = 0
            return False
        is_late = holders[0].height.round > own.round
        self._late_looks = self._late_looks + 1 if is_late else 0
        if is_late and self._late_looks < 2:
            # The first seconds of a round: a block of it may be on its way.
            return False
        for holder in holders:
            try:
                if await (self._catch_up(holder) if is_late else self._sync_round(holder)):
                    return True
            except (TransportClosed, TimeoutError, LegacyCloses) as error:
                self._state.note(f"sync from {holder.ip} failed: {error!r}")
        return False

    # --- the present round -------------------------------------------------------------------------

    async def _sync_round(self, holder: ReportedHeight) -> bool:
        state, round_ = self._state, holder.height.round
        stream = await state.dial_once(holder.ip, holder.port)
        try:
            answer = await stream.ask(Command(CommandId.ROUNDBLOCKS, int32=round_))
        finally:
            stream.close()
        blocks = answer.blocks if answer.id is CommandId.ROUNDBLOCKS else ()
        if not blocks:
            return False
        before = state.chain.get_before(round_)
        if (blocks[0].height, blocks[0].previous_hash) != (before.height + 1, before.block_hash):
            state.traps.spring(
                Trap.ROUNDBLOCKS_ELSEWHERE, holder.ip, f"{blocks[0].height} on {before.height}"
            )
        measured = state.chain.measure_with(round_, blocks)
        if not (is_promise_kept(holder.height, measured) or is_better(measured, holder.height)):
            self._blame(holder, catching_up=False)
            return False
        if not is_better(measured, state.chain.height):
            return False
        state.chain.drop_round(round_)
        for block in blocks:
            if not self._digest(block, holder.ip):
                return False
        self._thank(holder, catching_up=False)
        return True

    # --- catching up -------------------------------------------------------------------------------

    async def _catch_up(self, holder: ReportedHeight) -> bool:
        state = self._state
        stream = await state.dial_once(holder.ip, holder.port)
        try:
            await self._find_common(stream, holder)
            first = state.chain.tip.height
            while await self._fetch_batch(stream, holder):
                pass
        finally:
            stream.close()
        self._thank(holder, catching_up=True)
        return state.chain.tip.height > first

    async def _find_common(self, stream: LegacyStream, holder: ReportedHeight) -> None:
        """Delete the last block, and the next, for as long as the peer has another one there."""
        chain = self._state.chain
        while chain.tip.height > 0:
            tip = chain.tip
            answer = await stream.ask(Command(CommandId.BLOCKINFO, int32=tip.height))
            if answer.height is None:
                raise LegacyCloses("blockinfo without a height")
            if answer.height.block_hash == tip.block_hash:
                return
            if not answer.height.block_hash and tip.height <= holder.height.height:
                self._state.traps.spring(Trap.BLOCKINFO_EMPTY, holder.ip, str(tip.height))
            chain.drop_last()
            self._state.note(f"deletes block {tip.height}: {holder.ip} has another one")

    async def _fetch_batch(self, stream: LegacyStream, holder: ReportedHeight) -> bool:
        """Whether to go on."""
        chain, traps = self._state.chain, self._state.traps
        first = chain.tip.height + 1
        answer = await stream.ask(Command(CommandId.BLOCKSYNC, int32=first))
        if not answer.blocks:
            if first <= holder.height.height:
                traps.spring(Trap.BLOCKSYNC_EMPTY, holder.ip, str(first))
            return False
        heights = [block.height for block in answer.blocks]
        if heights != list(range(first, first + len(heights))):
            traps.spring(Trap.BLOCKSYNC_GAP, holder.ip, f"{heights} from {first}")
        return all(self._digest(block, holder.ip) for block in answer.blocks)

    # --- words -------------------------------------------------------------------------------------

    def _digest(self, block: Block, by: str) -> bool:
        taken = self._state.chain.digest(block, by)
        if taken:
            self._state.mempool.remove(block.messages)
        return taken

    def _find_address(self, holder: ReportedHeight) -> str:
        return self._state.listed[holder.ip][0].pos

    def _thank(self, holder: ReportedHeight, *, catching_up: bool) -> None:
        state, name = self._state, format_peer_name(holder.ip, holder.port)
        state.note(f"synced to {state.chain.tip.height} from {name}")
        params = format_synced(name, catching_up=catching_up)
        state.publish(OK_ACTION, self._find_address(holder), params, state.get_round_slot()[0])

    def _blame(self, holder: ReportedHeight, *, catching_up: bool) -> None:
        state, name = self._state, format_peer_name(holder.ip, holder.port)
        state.note(f"{name} did not keep its promise of {holder.height.height}")
        state.chain.banned.add(holder.height.block_hash)
        params = format_failed(name, catching_up=catching_up)
        state.publish(KO_ACTION, self._find_address(holder), params, state.get_round_slot()[0])
