"""A node: what it is made of, and its life from listening to the saved mempool.

Its parts get what they use when they are made, in an order in which nothing is needed before it is there:
first the state and what takes note of faults, then what others hear of us, then the chain and the peers, at
last the owner (``node.owner.owner_loop``), who decides.  All times come from the Clock port, all waiting is
asyncio's, so the same code runs as a daemon and in a simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from hypernode.core.chain_params import ChainParams
from hypernode.core.types import Endpoint, Height
from hypernode.machine.clock_offset import ClockOffsets
from hypernode.machine.sync_memory import SyncMemory
from hypernode.mempool.pool import Mempool
from hypernode.net.signed_hello import Identity
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.background import Background
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_ports import Ports
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tip_signal import TipSignal
from hypernode.node.base.tunables import TunablesInForce
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.rounds import Rounds
from hypernode.node.duty.double_sign_guard import DoubleSignGuard
from hypernode.node.duty.duties import Duties
from hypernode.node.duty.duty_log import DutyLog
from hypernode.node.duty.evidence import EvidenceWatch
from hypernode.node.duty.reporter import Reporter
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.duty.tester import Tester
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.node.intake.intake import Intake
from hypernode.node.owner.clock_watch import ClockWatch
from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.node.owner.fault_notes import FaultNotes
from hypernode.node.owner.forge_task import ForgeTask
from hypernode.node.owner.halting import Halting
from hypernode.node.owner.health_watch import HealthWatch
from hypernode.node.owner.lookout import Lookout
from hypernode.node.owner.node_options import HONEST, Makers, NodeOptions
from hypernode.node.owner.owner_loop import Owner
from hypernode.node.owner.performer import Performer
from hypernode.node.owner.round_entry import RoundEntry
from hypernode.node.owner.saved_mempool import save_messages
from hypernode.node.owner.state_log import StateLog
from hypernode.node.owner.storage_watch import StorageWatch
from hypernode.node.owner.view_builder import ViewBuilder
from hypernode.node.peers.access_log import AccessLog
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.listening import Listening
from hypernode.node.peers.peer_table import Peers
from hypernode.node.rpc.status import StatusQueries
from hypernode.node.sync.fork_monitor import ForkMonitor
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.partitions import Partitions
from hypernode.node.sync.sync_progress import OnProgress, show_nothing
from hypernode.node.sync.sync_task import SyncTask
from hypernode.node.sync.synchroniser import Synchroniser


def _write_nothing(line: str) -> None:
    """Where nobody reads a log."""


def _tell_nobody(local: Endpoint) -> None:
    """Where nobody asks on which port it listens."""


class Node:
    """A hypernode over the ports of a ``Ports``."""

    def __init__(
        self,
        params: ChainParams,
        ports: Ports,
        options: NodeOptions,
        *,
        metrics: Callable[[], Mapping[str, object]],
        log: Callable[[str], None],
        warn: Callable[[str], None],
        log_connections: Callable[[str], None] = _write_nothing,
        log_session: Callable[[str], None] | None = None,
        subjects: Subjects = SILENT,
        show_sync: OnProgress = show_nothing,
        makers: Makers = HONEST,
    ) -> None:
        """Put it together; nothing happens yet.  ``metrics``: figures of the process for the status.  Lines
        go to ``log``, what an operator should act on to ``warn``, connections to ``log_connections``, each
        session that ended to ``log_session``, details to ``subjects``.  ``show_sync`` gets how far catching
        up is."""
        self.params, self.ports, self.options, self.subjects = params, ports, options, subjects
        clock, ledger, journal, signer = ports.clock, ports.ledger, ports.journal, ports.signer
        limits, port, own = options.limits, options.own_port, ports.signer.address
        identity = Identity(signer, ports.entropy)
        woken = asyncio.Event()
        self.wake, self._warn = woken.set, warn
        # the moment, and what stands in our way
        self.background, self.tip = Background(), TipSignal(clock)
        self.node_state = state = NodeState(params, clock, clock.now())
        self.activities = ActivityTracker(clock, StateLog(clock, log).note)
        self.halting = Halting(state, warn, self.wake)
        self.tunables = tunables = TunablesInForce(params, options.tunables, log)
        self.companion = CompanionWatch(params, clock, ports.pow_source, state, log, warn)
        self.storage_watch = StorageWatch(clock, (journal, ledger), warn)
        self.rounds = Rounds(params, ports.pow_source)
        self.duty_log = DutyLog(params, own, ledger, self.rounds, state.start_time)
        self.slot_log = SlotLog(clock, own, ledger, state, self.duty_log, log, warn)
        self.faults = FaultNotes(
            self.activities, self.companion, self.storage_watch, self.slot_log, self.halting
        )
        # messages, and what we say of ourselves and of others
        self.mempool, self.configs, self.offsets = Mempool(params), ConfigWatch(), ClockOffsets()
        self.clock_watch = ClockWatch(clock, self.offsets, warn, on_step=self.mempool.offer_anew)
        self.intake = Intake(
            params, clock, signer, ports.verifier, ledger, self.mempool, self.configs, subjects
        )
        self.reporter = Reporter(params, tunables, clock, own, self.intake)
        self.evidence = EvidenceWatch(params, own, ledger, state, self.mempool, self.reporter, warn)
        self.double_sign_guard = DoubleSignGuard(
            params, clock, own, journal, ledger, state, self.halting.halt, warn, log
        )
        self.events = makers.events(
            self.wake,
            self.tip,
            self.background,
            self.faults,
            self.configs,
            self.double_sign_guard,
            self.evidence,
            self.reporter,
            warn,
        )
        # blocks and peers
        self.chain = Chain(
            params,
            clock,
            own,
            ports.verifier,
            journal,
            ledger,
            ports.files,
            self.rounds,
            self.mempool,
            self.events,
            subjects,
        )
        self.peers = Peers(params.delays)
        self.dialler = Dialler(
            params,
            tunables,
            clock,
            ports.connections,
            identity,
            ports.verifier,
            ports.files,
            self.peers,
            limits,
            port,
            options.source_ips,
            subjects,
        )
        self.forger = makers.forger(
            params,
            tunables,
            clock,
            signer,
            journal,
            ledger,
            self.chain,
            self.rounds,
            self.mempool,
            self.peers,
            self.dialler,
            log,
        )
        self.tester = Tester(
            params,
            clock,
            ports.entropy,
            own,
            ports.pow_source,
            ledger,
            self.peers,
            self.dialler,
            self.reporter,
            self.offsets,
        )
        self.duties = Duties(
            params,
            clock,
            state,
            self.activities,
            self.peers,
            self.reporter,
            self.tester,
            ledger,
            self.mempool,
            self.events,
        )
        # taking blocks from peers
        self.partitions = Partitions(ports.files, clock, log)
        self.sync_task = SyncTask(clock, self.tip, self.activities, self.chain)
        memory = SyncMemory()
        self.sync = Synchroniser(
            params,
            tunables,
            clock,
            ports.verifier,
            ledger,
            ports.files,
            self.chain,
            self.dialler,
            self.reporter,
            self.partitions,
            GiantBlocks(params, limits),
            memory,
            self.sync_task.show,
            log,
            show_sync,
        )
        self.fork_monitor = ForkMonitor(
            params, clock, ledger, self.chain, self.dialler, self.partitions, memory
        )
        self.health = HealthWatch(
            params,
            own,
            clock,
            ports.pow_source,
            ledger,
            state,
            self.duty_log,
            self.storage_watch,
            self.partitions,
            self.sync,
            tunables,
            self.configs,
            metrics,
            log,
            warn,
        )
        # the connections that we keep, and the answers that we give
        self.views = StatusQueries(
            params,
            clock,
            own,
            ports.pow_source,
            ledger,
            state,
            self.activities,
            self.peers,
            self.mempool,
            self.reporter,
            self.configs,
            metrics,
            self.forger,
            self.slot_log,
            self.duty_log,
            self.health,
            self.partitions,
            self.sync,
            tunables,
            self.events,
        )
        self.connector = makers.connector(
            params,
            tunables,
            clock,
            ports.entropy,
            own,
            ledger,
            state,
            self.peers,
            self.dialler,
            self.mempool,
            self.intake,
            self.views.note_height,
            self.tip,
            self.events,
            log_connections,
            subjects,
        )
        self.serving = makers.handlers(
            params,
            tunables,
            clock,
            ports.verifier,
            ledger,
            self.chain,
            self.mempool,
            self.intake,
            self.peers,
            self.tester,
            self.views,
            self.events,
            log,
            limits,
            subjects,
            takes_updates=options.takes_updates,
        )
        access = None if log_session is None else AccessLog(log_session, clock.monotonic)
        self.listening = Listening(
            params,
            tunables,
            clock,
            ports.connections,
            identity,
            ports.verifier,
            limits,
            port,
            self.peers,
            self.mempool,
            self.serving,
            log,
            subjects,
            access,
        )
        # the owner
        self.entry = RoundEntry(
            clock,
            own,
            ledger,
            ports.files,
            self.background,
            state,
            tunables,
            self.companion,
            self.double_sign_guard,
            self.chain,
            self.rounds,
            self.intake,
            self.configs,
            self.peers,
            self.reporter,
            self.evidence,
            self.views,
            self.connector,
            log,
            subjects,
        )
        self.view_builder = ViewBuilder(
            clock,
            own,
            journal,
            ledger,
            state,
            self.chain,
            self.peers,
            self.intake,
            self.forger,
            self.companion,
            self.sync,
            self.sync_task,
            self.fork_monitor,
        )
        self.forge_task = ForgeTask(
            self.background,
            state,
            self.activities,
            self.peers,
            self.forger,
            self.slot_log,
            self.faults,
            self.wake,
            log,
        )
        self.performer = Performer(
            self.background,
            self.chain,
            self.entry,
            self.forge_task,
            self.sync_task,
            self.sync,
            self.fork_monitor,
            self.faults,
            self.wake,
        )
        lookout = Lookout(
            clock,
            state,
            tunables,
            self.mempool,
            self.slot_log,
            self.duty_log,
            self.clock_watch,
            self.storage_watch,
            self.companion,
            self.sync,
        )
        self.owner = Owner(
            woken,
            clock,
            state,
            tunables,
            self.activities,
            lookout,
            self.view_builder,
            self.performer,
            self.duties,
            self.slot_log,
            self.health,
            self.faults,
        )

    def halt(self, reason: str) -> None:
        """Stop forging and syncing until an operator comes; go on answering."""
        self.halting.halt(reason)

    def follow(self, text: str, height: Height | None = None) -> None:
        """An operator's word (spec 4, SPLIT): take the chain that has the block with this hash, or with one
        that begins so.  Raises UnknownTip, OSError."""
        self.partitions.follow(text, height)
        self.wake()

    async def run(self, stop: asyncio.Event, on_listening: Callable[[Endpoint], None] = _tell_nobody) -> None:
        """Live until ``stop`` is set; then save the mempool.  ``on_listening`` is told where, once it does.
        Raises CannotListen."""
        await self.evidence.load()
        await self.double_sign_guard.check_journal()
        if self.options.is_journal_new:
            self.double_sign_guard.wait_for_next_round("there was no journal of what we signed")
        listener = await self.listening.start(self.options.listen)
        on_listening(listener.endpoint)
        async with self.background.running() as group:
            tasks = [
                group.create_task(self.owner.decide_on(), name="owner"),
                group.create_task(self.duties.test_peers(), name="tester"),
            ]
            await stop.wait()
            await listener.close()
            self.connector.cancel_all()
            self.listening.close_all()
            self.sync_task.cancel()
            self.forge_task.cancel()
            for task in tasks:
                task.cancel()
        try:
            save_messages(self.ports.files, self.mempool.get_all())
        except OSError as trouble:
            self._warn(f"the mempool is not saved, and will come back from peers: {trouble}")
