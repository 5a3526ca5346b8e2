"""A node: what it is made of, and its life from listening to the saved mempool.

``Node.__init__`` makes every component and hands it the components and ports that it uses.  The order
follows from that: the state and what notes faults, then messages and reports, then the chain and the peers,
and at last the owner (``node.owner.owner_loop``), which takes all decisions.  ``Node.run`` is the node's
life.  Times come from the ``Clock`` port and all waiting is asyncio's, so the same code runs as a daemon and
in a simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from hypernode.core.params.chain_params import ChainParams
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
    """A hypernode that reaches the host and the network only through ``Ports``."""

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
        """Make all components; nothing starts yet.

        ``metrics`` returns figures of the process for the status.  ``log`` gets ordinary lines, ``warn``
        those that an operator should act on, ``log_connections`` those about connections, ``log_session`` a
        line for each session that ended, ``subjects`` details.  ``show_sync`` is called with the progress of
        catching up.  ``makers`` make some components; a simulation puts other ones in their place."""
        self.params, self.ports, self.options, self.subjects = params, ports, options, subjects
        clock, entropy, signer, verifier = ports.clock, ports.entropy, ports.signer, ports.verifier
        ledger, journal, files = ports.ledger, ports.journal, ports.files
        connections, pow_source = ports.connections, ports.pow_source
        limits, port, own = options.limits, options.own_port, ports.signer.address
        identity = Identity(signer, entropy)
        woken = asyncio.Event()
        wake = self.wake = woken.set
        self._warn = warn
        # the moment, and what stands in our way
        background = self.background = Background()
        tip = self.tip = TipSignal(clock)
        state = self.node_state = NodeState(params, clock, clock.now())
        activities = self.activities = ActivityTracker(clock, StateLog(clock, log).note)
        halting = self.halting = Halting(state, warn, wake)
        tunables = self.tunables = TunablesInForce(params, options.tunables, log)
        companion = self.companion = CompanionWatch(params, clock, pow_source, state, log, warn)
        storage_watch = self.storage_watch = StorageWatch(clock, (journal, ledger), warn)
        rounds = self.rounds = Rounds(params, pow_source)
        duty_log = self.duty_log = DutyLog(params, own, ledger, rounds, state.start_time)
        slot_log = self.slot_log = SlotLog(clock, own, ledger, state, duty_log, log, warn)
        faults = self.faults = FaultNotes(activities, companion, storage_watch, slot_log, halting)
        # messages, and what we say of ourselves and of others
        mempool = self.mempool = Mempool(params)
        configs = self.configs = ConfigWatch()
        offsets = self.offsets = ClockOffsets()
        clock_watch = self.clock_watch = ClockWatch(clock, offsets, warn, on_step=mempool.offer_anew)
        intake = self.intake = Intake(params, clock, signer, verifier, ledger, mempool, configs, subjects)
        reporter = self.reporter = Reporter(params, tunables, clock, own, intake)
        evidence = self.evidence = EvidenceWatch(params, own, ledger, state, mempool, reporter, warn)
        guard = self.double_sign_guard = DoubleSignGuard(
            params, clock, own, journal, ledger, state, halting.halt, warn, log
        )
        events = self.events = makers.events(
            wake, tip, background, faults, configs, guard, evidence, reporter, warn
        )
        # blocks and peers
        chain = self.chain = Chain(
            params, clock, own, verifier, journal, ledger, files, rounds, mempool, events, subjects
        )
        peers = self.peers = Peers(params.delays)
        dialler = self.dialler = Dialler(
            params, tunables, clock, connections, identity, verifier, files, peers, limits, port,
            options.source_ips, subjects,
        )  # fmt: skip
        forger = self.forger = makers.forger(
            params, tunables, clock, signer, journal, ledger, chain, rounds, mempool, peers, dialler, log
        )
        tester = self.tester = Tester(
            params, clock, entropy, own, pow_source, ledger, peers, dialler, reporter, offsets
        )
        duties = self.duties = Duties(
            params, clock, state, activities, peers, reporter, tester, ledger, mempool, events
        )
        # taking blocks from peers
        partitions = self.partitions = Partitions(files, clock, log)
        sync_task = self.sync_task = SyncTask(clock, tip, activities, chain)
        memory = SyncMemory()
        sync = self.sync = Synchroniser(
            params, tunables, clock, verifier, ledger, files, chain, dialler, reporter, partitions,
            GiantBlocks(params, limits), memory, sync_task.show, log, show_sync,
        )  # fmt: skip
        fork_monitor = self.fork_monitor = ForkMonitor(
            params, clock, ledger, chain, dialler, partitions, memory
        )
        health = self.health = HealthWatch(
            params, own, clock, pow_source, ports.feed, ledger, state, duty_log, storage_watch, partitions,
            sync, tunables, configs, metrics, log, warn,
        )  # fmt: skip
        # the connections that we keep, and the answers that we give
        views = self.views = StatusQueries(
            params, clock, own, pow_source, ledger, state, activities, peers, mempool, reporter, configs,
            metrics, forger, slot_log, duty_log, health, partitions, sync, tunables, events,
        )  # fmt: skip
        connector = self.connector = makers.connector(
            params, tunables, clock, entropy, own, ledger, state, peers, dialler, mempool, intake,
            views.note_height, tip, events, log_connections, subjects,
        )  # fmt: skip
        serving = self.serving = makers.handlers(
            params, tunables, clock, verifier, ledger, chain, mempool, intake, peers, tester, views, events,
            log, limits, subjects, takes_updates=options.takes_updates,
        )  # fmt: skip
        access = None if log_session is None else AccessLog(log_session, clock.monotonic)
        self.listening = Listening(
            params, tunables, clock, connections, identity, verifier, limits, port, peers, mempool, serving,
            log, subjects, access,
        )  # fmt: skip
        # the owner
        entry = self.entry = RoundEntry(
            clock, own, ledger, files, background, state, tunables, companion, guard, chain, rounds, intake,
            configs, peers, reporter, evidence, views, connector, log, subjects,
        )  # fmt: skip
        view_builder = self.view_builder = ViewBuilder(
            clock, own, journal, ledger, state, chain, peers, intake, forger, companion, sync, sync_task,
            fork_monitor,
        )  # fmt: skip
        forge_task = self.forge_task = ForgeTask(
            background, state, activities, peers, forger, slot_log, faults, wake, log
        )
        performer = self.performer = Performer(
            background, chain, entry, forge_task, sync_task, sync, fork_monitor, faults, wake
        )
        lookout = Lookout(
            clock, state, tunables, mempool, slot_log, duty_log, clock_watch, storage_watch, companion, sync
        )
        self.owner = Owner(
            woken, clock, state, tunables, activities, lookout, view_builder, performer, duties, slot_log,
            health, faults,
        )  # fmt: skip

    def halt(self, reason: str) -> None:
        """Stop forging and syncing until an operator comes; go on answering."""
        self.halting.halt(reason)

    def follow(self, text: str, height: Height | None = None) -> None:
        """Follow the chain that holds a block, because an operator says so (spec 4, SPLIT).  ``text`` is the
        block's hash or the beginning of it.  Raises UnknownTip, OSError."""
        self.partitions.follow(text, height)
        self.wake()

    async def run(self, stop: asyncio.Event, on_listening: Callable[[Endpoint], None] = _tell_nobody) -> None:
        """Run until ``stop`` is set, then save the mempool.  ``on_listening`` is called with the address once
        the node listens.  Raises CannotListen."""
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
        except OSError as error:
            self._warn(f"the mempool is not saved, and will come back from peers: {error}")
