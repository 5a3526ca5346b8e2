"""The running node: one task owns the decisions, others listen, dial, test and answer.

``Node`` puts the parts together.  The owner task looks at the node whenever something happened or a tick
is over (``node.outlook``), lets ``machine.decide`` say what is to be done, and does it; what takes blocks
from peers goes on beside it, one procedure at a time (``node.sync_task``).  All times come from the Clock
port, all waiting is asyncio's, so the same code runs as a daemon and in a simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypernode.core.errors import InvariantBroken, Verdict
from hypernode.core.kinds import CONFIG
from hypernode.core.lottery import compute_connect_to
from hypernode.core.params import Network
from hypernode.core.types import Block, Equivocation, Height, Round, Slot
from hypernode.machine.clock_offset import ClockOffsets
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
from hypernode.mempool.pool import Mempool
from hypernode.node.chain import Chain
from hypernode.node.clock_watch import ClockWatch
from hypernode.node.companion_watch import CompanionWatch
from hypernode.node.connector import Connector
from hypernode.node.dialling import Dialler
from hypernode.node.duties import SLOT_EDGE_S, Duties
from hypernode.node.evidence_watch import EvidenceWatch
from hypernode.node.forger import Forger
from hypernode.node.intake import Intake
from hypernode.node.listening import Listening
from hypernode.node.outlook import Outlook
from hypernode.node.own_key import OwnKey
from hypernode.node.peers import Peers
from hypernode.node.present import Present
from hypernode.node.reporter import Reporter
from hypernode.node.rounds import Rounds
from hypernode.node.saved_mempool import load_messages, save_messages
from hypernode.node.serving import Serving
from hypernode.node.splits import Splits
from hypernode.node.storage_watch import StorageWatch
from hypernode.node.strange_chains import StrangeChains
from hypernode.node.sync import Synchroniser
from hypernode.node.sync_task import SyncTask
from hypernode.node.tester import Tester
from hypernode.node.tuning import Tuner
from hypernode.node.views import Views
from hypernode.node.world import World
from hypernode.ports import AlreadySigned, Endpoint, PowNotReady, StorageBroken, StorageTrouble
from hypernode.wire.catalogue import Limits

FAULTS = (PowNotReady, StorageTrouble, InvariantBroken)
"""What a procedure may end by; whatever else it raises ends the process."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What an operator chose.  ``own_port`` is said in hello; ``source_ip`` is what we dial out from."""

    listen: Endpoint
    own_port: int
    source_ip: str | None
    limits: Limits
    is_journal_new: bool = False
    """The journal was missing at start: no forging before the next round (spec 4)."""
    tuned: frozenset[str] = frozenset()
    """Tunable parameters that the operator set, by name."""


class Node:
    """A hypernode over the ports of a ``World``."""

    def __init__(
        self,
        network: Network,
        world: World,
        options: NodeOptions,
        *,
        metrics: Callable[[], Mapping[str, object]],
        log: Callable[[str], None],
        warn: Callable[[str], None],
        log_connections: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.network, self.world, self.options = network, world, options
        self._log, self._warn = log, warn
        self._wake = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._expired_in: tuple[Round, Slot] | None = None
        self._is_first_done = False
        self.present = Present(network, world.clock, world.clock.now())
        self.tuner = Tuner(network, options.tuned, log)
        self.companion = CompanionWatch(network, world, self.present, log, warn)
        self.peers = Peers()
        self.mempool = Mempool(network)
        self.rounds = Rounds(network, world.pow_source)
        self.chain = Chain(network, world, self.rounds, self.mempool)
        self.intake = Intake(network, world, self.mempool)
        self.reporter = Reporter(network, world, self.intake)
        self.dialler = Dialler(
            network, world, self.peers, options.limits, options.own_port, options.source_ip
        )
        self.forger = Forger(
            network,
            world,
            self.chain,
            self.rounds,
            self.mempool,
            self.peers,
            self.dialler,
            self.present.set_state,
            log,
        )
        self.offsets = ClockOffsets()
        self.clock_watch = ClockWatch(world.clock, self.offsets, warn)
        self.clock_watch.on_step = lambda: self.mempool.offer_anew_when_ripe(world.clock.now())
        self.tester = Tester(network, world, self.peers, self.dialler, self.reporter, self.offsets)
        self.duties = Duties(network, world.clock, self.present, self.peers, self.reporter, self.tester)
        self.splits = Splits(world.files, world.clock, log)
        self.sync_task = SyncTask(world.clock, self.present, self.chain)
        self.sync = Synchroniser(
            network,
            world,
            self.chain,
            self.dialler,
            self.reporter,
            self.splits,
            self.sync_task.show,
            log,
        )
        self.strange_chains = StrangeChains(network, world, self.chain, self.dialler, self.splits)
        self.views = Views(
            network,
            world,
            self.present,
            self.peers,
            self.mempool,
            self.reporter,
            self.intake.configs,
            metrics,
            lambda: self.forger.forged_count,
            self.splits,
            lambda: self.sync.progress,
            self.tuner,
            self.wake,
        )
        self.connector = Connector(
            network,
            world,
            self.present,
            self.peers,
            self.dialler,
            self.mempool,
            self.intake,
            self.views.note_height,
            log_connections,
        )
        self.serving = Serving(
            network, world, self.chain, self.mempool, self.intake, self.peers, self.tester, self.views, log
        )
        self.listening = Listening(
            network, world, options.limits, options.own_port, self.peers, self.mempool, self.serving, log
        )
        self.storage_watch = StorageWatch(world, warn)
        self.evidence = EvidenceWatch(network, world, self.present, self.mempool, self.reporter, warn)
        self.own_key = OwnKey(network, world, self.present, self.halt, warn)
        self.outlook = Outlook(
            world,
            self.present,
            self.chain,
            self.peers,
            self.intake,
            self.forger,
            self.companion,
            self.sync,
            self.sync_task,
            self.strange_chains,
        )
        self.tuner.attach(
            (
                *(self.present, self.reporter, self.dialler, self.forger),
                *(self.connector, self.serving, self.listening),
            )
        )
        self.serving.on_trouble = self._on_trouble
        self.serving.on_bug = self.connector.on_bug = self.duties.on_bug = self._on_bug
        self.chain.on_change = self._on_chain_change
        self.chain.on_append = self._on_append
        self.chain.on_own_block = self.own_key.on_own_block
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
        self.splits.follow(text, height)
        self.wake()

    def halt(self, reason: str) -> None:
        """Stop forging and syncing until an operator comes; go on answering."""
        if not self.present.halted:
            self._warn(f"HALTED: {reason}")
            self.present.halted = reason
        self.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Live until ``stop`` is set; then save the mempool."""
        await self.evidence.load()
        await self.own_key.check_journal()
        if self.options.is_journal_new:
            self.own_key.wait_for_next_round()
        async with asyncio.TaskGroup() as group:
            self._group = group
            listener = await self.listening.start(self.options.listen)
            tasks = [
                group.create_task(self._own(), name="owner"),
                group.create_task(self.duties.test_peers(), name="tester"),
            ]
            await stop.wait()
            await listener.close()
            self.connector.cancel_all()
            self.listening.close_all()
            self.sync_task.cancel()
            for task in tasks:
                task.cancel()
        try:
            save_messages(self.world.files, self.mempool.get_all())
        except OSError as trouble:
            self._warn(f"the mempool is not saved, and will come back from peers: {trouble}")

    async def _own(self) -> None:
        """The owner of all decisions."""
        while True:
            self._wake.clear()
            try:
                self.present.clock_offset_s = self.clock_watch.look()
                await self.storage_watch.check()
                self._expire_messages()
                await self.companion.check(self.tuner.colours)
                await self.sync.look_at_order()
                view = await self.outlook.look()
                await self._perform(decide(self.present.network, view), view)
                await self.duties.say_what_is_due()
            except FAULTS as fault:
                self._note_fault(fault)
            try:
                async with asyncio.timeout(self._next_look()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _expire_messages(self) -> None:
        """Once a slot: what is over the age limit would be refused by whoever got it from us."""
        slot = self.present.get_round_slot()
        if slot != self._expired_in:
            self._expired_in = slot
            self.mempool.expire(self.world.clock.now())

    def _note_fault(self, fault: Exception) -> None:
        """What stands in our way, or a fault of ours, in the state with its reason."""
        match fault:
            case PowNotReady():
                self.companion.note(fault)
                self.present.set_state(State.POW_NOT_SYNC, str(fault))
            case StorageBroken():
                if not self.present.halted:
                    self.halt(str(fault))
                self.present.set_state(State.HALTED, self.present.halted)
            case StorageTrouble():
                self.storage_watch.note(fault)
                self.present.set_state(State.HALTED, str(fault))
            case InvariantBroken():
                self._on_bug(fault)

    def _on_bug(self, bug: InvariantBroken) -> None:
        self.halt(f"a bug of ours: {bug}")

    def _next_look(self) -> float:
        """Seconds until the next tick, or the next edge of a slot or of its forging window."""
        now = self.world.clock.now()
        start, end = self.present.get_slot_times()
        edges = [end + SLOT_EDGE_S, start + self.network.delays.earliest_forging_s + SLOT_EDGE_S]
        return min(self.network.delays.tick_s, *(edge - now for edge in edges if edge > now))

    async def _perform(self, decision: Decision, view: NodeView) -> None:
        match decision:
            case Rest(state, reason):
                if view.halted:
                    await self.sync_task.stop()
                self.present.set_state(state, reason)
            case GoOn():
                self.sync_task.show_again()
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
                    await self.strange_chains.look_into(chain)
        except FAULTS as fault:
            self._note_fault(fault)
        if is_news:
            # When this task is over, or it would still be under way.
            asyncio.get_running_loop().call_soon(self.wake)

    async def _enter_round(self, round_: Round) -> None:
        """Derive the lists of the present round and live by them."""
        self.present.set_state(State.NEWROUND)
        finished = self.present.plan
        if finished is not None and finished.round < round_:
            await self.world.ledger.save_status(finished.round, await self.views.get_status())
        plan = await self.chain.derive_plan(round_)
        before = await self.rounds.get_registered_before(round_)
        self.companion.enter_round()
        self.tuner.enter_round(await self.rounds.get_colours(round_))
        welcome = [entry for entry in plan.registered if entry.pos not in plan.voided]
        targets = compute_connect_to(self.present.network, welcome, self.world.signer.address, round_)
        self.present.set_plan(plan, tuple(entry.pos for entry in targets))
        self.peers.set_registered([*plan.registered, *before])
        self.intake.set_senders(await self.rounds.get_allowed_senders(plan))
        self.reporter.enter_round(round_)
        self.intake.configs.enter_round(round_, {entry.pos for entry in plan.registered})
        if self._group is not None:
            self.connector.set_targets(targets, self._group)
        if not self._is_first_done:
            self._is_first_done = True
            last_before, _ = await self.world.ledger.get_reference(round_ - 1)
            self.intake.configs.note(await self.world.ledger.get_messages_of_kind(CONFIG, last_before + 1))
            await self.intake.digest(load_messages(self.world.files))
        await self.evidence.report_again(round_)
        jurors = len({juror.address for juror in plan.jurors})
        self._log(
            f"round {round_}: {len(plan.registered)} registered, {len(plan.inactive)} inactive,"
            f" {len(plan.voided)} voided, {jurors} jurors"
        )
        self.wake()

    async def _forge(self, view: NodeView) -> None:
        plan = self.present.plan
        if plan is None:
            return
        try:
            block = await self.forger.forge(plan, view.sir)
        except (Verdict, AlreadySigned) as obstacle:
            self._log(f"did not forge for slot {view.sir}: {obstacle}")
            self.present.set_state(State.SYNCING, str(obstacle))
            return
        await self.forger.send(block, plan)
        self.wake()

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
            await self.reporter.say_equivocation(evidence)
        except (StorageTrouble, InvariantBroken) as fault:
            self._note_fault(fault)


def _find_support(chain: ToldChain, view: NodeView) -> Support:
    return compute_support(chain.height.block_hash, view.peers)
