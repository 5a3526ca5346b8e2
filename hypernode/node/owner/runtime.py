"""The running node: one task owns the decisions, others listen, dial, test and answer.

``Node`` is the parts (``node.owner.components``) and the loop of their owner, ``_own``: it looks at the node
whenever something happened or a tick is over (``node.owner.view_builder``), lets ``machine.decide`` say what
is to be done, and does it.  What takes blocks from peers goes on beside it, one procedure at a time
(``node.sync.sync_task``).  All times come from the Clock port, all waiting is asyncio's, so the same code
runs as a daemon and in a simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from hypernode.core.chain_params import ChainParams
from hypernode.core.errors import InvariantBroken, Verdict
from hypernode.core.types import Block, Endpoint, Equivocation, Height, Round, RoundPlan, Slot
from hypernode.machine.decide import (
    CatchUp,
    Decision,
    DeriveRound,
    DropPremature,
    Follow,
    Forge,
    GoOn,
    LookInto,
    NodeView,
    Rest,
    SyncRound,
    decide,
)
from hypernode.machine.peers import Support, ToldChain, compute_support
from hypernode.machine.state import State
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_ports import Ports
from hypernode.node.duty.duties import SLOT_EDGE_S
from hypernode.node.owner.components import Components, NodeOptions, Outlets
from hypernode.node.owner.round_entry import RoundEntry
from hypernode.node.owner.saved_mempool import save_messages
from hypernode.ports.journal import AlreadySigned
from hypernode.ports.registrations import PowNotReady
from hypernode.ports.trouble import StorageBroken, StorageTrouble

FAULTS = (PowNotReady, StorageTrouble, InvariantBroken)
"""What a procedure may end by; whatever else it raises ends the process."""


class Node(Components):
    """A hypernode over the ports of a ``Ports``: its parts, and the loop of their owner."""

    def __init__(
        self,
        network: ChainParams,
        ports: Ports,
        options: NodeOptions,
        *,
        metrics: Callable[[], Mapping[str, object]],
        log: Callable[[str], None],
        warn: Callable[[str], None],
        log_connections: Callable[[str], None] = lambda text: None,
        subjects: Subjects = SILENT,
        log_session: Callable[[str], None] | None = None,
    ) -> None:
        self._log, self._warn = log, warn
        self._wake = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._sending: asyncio.Task[None] | None = None
        self._expired_in: tuple[Round, Slot] | None = None
        outlets = Outlets(metrics, log, warn, log_connections, subjects, log_session)
        super().__init__(network, ports, options, outlets, wake=self.wake, halt=self.halt)
        self._entry = RoundEntry(self, log)
        self._hear_parts()

    def _hear_parts(self) -> None:
        """What the owner wants to know of."""
        self.serving.on_trouble = self._on_trouble
        self.serving.on_bug = self.connector.on_bug = self.duties.on_bug = self._on_bug
        self.chain.on_change = self._on_chain_change
        self.chain.on_append = self._on_append
        self.chain.on_own_block = self.double_sign_guard.on_own_block
        self.chain.on_equivocation = self._on_equivocation
        self.chain.on_cut = lambda first, last, name, why: self._warn(
            f"blocks {first} to {last} of ours go {why}, and are kept in {name}"
        )

    def wake(self) -> None:
        """Look at the node now: something happened."""
        self._wake.set()

    def follow(self, text: str, height: Height | None = None) -> None:
        """An operator's word (spec 4, SPLIT): take the chain that has the block with this hash, or with one
        that begins so.  Raises UnknownTip, OSError."""
        self.partitions.follow(text, height)
        self.wake()

    def halt(self, reason: str) -> None:
        """Stop forging and syncing until an operator comes; go on answering."""
        if not self.node_state.halted:
            self._warn(f"HALTED: {reason}")
            self.node_state.halted = reason
        self.wake()

    async def run(
        self, stop: asyncio.Event, on_listening: Callable[[Endpoint], None] = lambda local: None
    ) -> None:
        """Live until ``stop`` is set; then save the mempool.  ``on_listening`` is told where, once it does.
        Raises CannotListen."""
        await self.evidence.load()
        await self.double_sign_guard.check_journal()
        if self.options.is_journal_new:
            self.double_sign_guard.wait_for_next_round("there was no journal of what we signed")
        listener = await self.listening.start(self.options.listen)
        on_listening(listener.endpoint)
        async with asyncio.TaskGroup() as group:
            self._group = group
            tasks = [
                group.create_task(self._own(), name="owner"),
                group.create_task(self.duties.test_peers(), name="tester"),
            ]
            await stop.wait()
            await listener.close()
            self.connector.cancel_all()
            self.listening.close_all()
            self.sync_task.cancel()
            if self._sending is not None:
                self._sending.cancel()
            for task in tasks:
                task.cancel()
        try:
            save_messages(self.ports.files, self.mempool.get_all())
        except OSError as trouble:
            self._warn(f"the mempool is not saved, and will come back from peers: {trouble}")

    async def _own(self) -> None:
        """The owner of all decisions."""
        while True:
            self._wake.clear()
            try:
                self.node_state.clock_offset_s = self.clock_watch.look()
                await self.slot_log.end_past()
                await self.storage_watch.check()
                self._expire_messages()
                await self.companion.check(self.tuner.colours)
                await self.sync.look_at_order()
                view = await self.view_builder.look()
                decision = decide(self.node_state.network, view)
                self.activities.note_decision(decision)
                self.slot_log.note(view, decision)
                await self._perform(decision, view)
                await self.duties.publish_what_is_due()
            except FAULTS as fault:
                self._note_fault(fault)
            try:
                async with asyncio.timeout(self._next_look()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _expire_messages(self) -> None:
        """Once a slot: what is over the age limit would be refused by whoever got it from us."""
        slot = self.node_state.get_round_slot()
        if slot != self._expired_in:
            self._expired_in = slot
            self.mempool.expire(self.ports.clock.now())

    def _note_fault(self, fault: Exception) -> None:
        """What stands in our way, or a fault of ours, in the state with its reason."""
        self.slot_log.note_fault(fault)
        match fault:
            case PowNotReady():
                self.companion.note(fault)
                self.activities.note_fault(State.POW_NOT_SYNC, str(fault))
            case StorageBroken():
                if not self.node_state.halted:
                    self.halt(str(fault))
                self.activities.note_fault(State.HALTED, self.node_state.halted)
            case StorageTrouble():
                self.storage_watch.note(fault)
                self.activities.note_fault(State.HALTED, str(fault))
            case InvariantBroken():
                self._on_bug(fault)

    def _on_bug(self, bug: InvariantBroken) -> None:
        self.halt(f"a bug of ours: {bug}")

    def _next_look(self) -> float:
        """Seconds until the next tick, or the next edge of a slot or of its forging window."""
        now = self.ports.clock.now()
        start, end = self.node_state.get_slot_times()
        edges = [end + SLOT_EDGE_S, start + self.network.delays.earliest_forging_s + SLOT_EDGE_S]
        return min(self.network.delays.tick_s, *(edge - now for edge in edges if edge > now))

    async def _perform(self, decision: Decision, view: NodeView) -> None:
        match decision:
            case Rest():
                if view.halted:
                    await self.sync_task.stop()
            case GoOn():
                pass
            case DeriveRound():
                await self._enter_round(view.round)
            case DropPremature():
                await self.chain.drop_premature()
            case Forge():
                await self.sync_task.stop()
                if self.chain.height == view.own:
                    await self._forge(view)
            case SyncRound() | CatchUp() | Follow() | LookInto():
                if self._group is not None:
                    self.sync_task.start(self._group, lambda: self._sync(decision, view))

    async def _sync(self, decision: SyncRound | CatchUp | Follow | LookInto, view: NodeView) -> None:
        """Perform it, and look at once at what else there is; where nothing came of it and the same would be
        tried again, with the next tick."""
        is_news = False
        try:
            match decision:
                case SyncRound(chain):
                    is_news = await self.sync.sync_round(chain, view.jurors, _find_support(chain, view))
                    is_news |= self.sync.is_put_aside(chain)
                case CatchUp(chain):
                    is_news = await self.sync.catch_up(chain, _find_support(chain, view), view.jurors)
                    is_news |= self.sync.is_put_aside(chain)
                case Follow(order, chains):
                    is_news = await self.sync.follow(order, chains, view.peers)
                case LookInto(chain):
                    await self.fork_monitor.look_into(chain)
        except FAULTS as fault:
            self._note_fault(fault)
        if is_news:
            # When this task is over, or it would still be under way.
            asyncio.get_running_loop().call_soon(self.wake)

    async def _enter_round(self, round_: Round) -> None:
        await self._entry.enter(round_, self._group)
        self.double_sign_guard.note_round(round_)
        self.wake()

    async def _forge(self, view: NodeView) -> None:
        plan = self.node_state.plan
        if plan is None:
            return
        await self._end_sending()
        try:
            block = await self.forger.forge(plan, view.sir)
        except (Verdict, AlreadySigned) as obstacle:
            self._log(f"did not forge for slot {view.sir}: {obstacle}")
            self.slot_log.note_fault(obstacle)
            self.activities.note_fault(State.SYNCING, str(obstacle))
            return
        self.slot_log.note_forged(block.round, block.sir)
        if self._group is not None:
            sending = self._send(block, plan)
            self._sending = self._group.create_task(sending, name=f"push block {block.height}")

    async def _send(self, block: Block, plan: RoundPlan) -> None:
        """Push our block beside the owner, who has a round to look after meanwhile."""
        try:
            with self.activities.sending():
                await self.forger.send(block, plan)
        except FAULTS as fault:
            self._note_fault(fault)
        self.wake()

    async def _end_sending(self) -> None:
        """One block is on its way at a time: who has not got the last one by now fetches it."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
            self._sending = None
            # where it had not begun, nothing of it cleaned up
            self.peers.awaiting_push = set()

    def _on_chain_change(self) -> None:
        self.sync_task.note_change()
        self.connector.notify_change()
        self.wake()

    def _on_append(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            self.intake.configs.note(block.messages)

    def _on_trouble(self, trouble: StorageTrouble) -> None:
        self.storage_watch.note(trouble)
        self.wake()

    def _on_equivocation(self, evidence: Equivocation) -> None:
        self.evidence.note(evidence)
        if self._group is not None:
            self._group.create_task(self._say_equivocation(evidence), name="say equivocation")

    async def _say_equivocation(self, evidence: Equivocation) -> None:
        try:
            await self.reporter.publish_equivocation(evidence)
        except (StorageTrouble, InvariantBroken) as fault:
            self._note_fault(fault)


def _find_support(chain: ToldChain, view: NodeView) -> Support:
    return compute_support(chain.height.block_hash, view.peers)
