"""What a node is made of, and what each part knows of the others.

``Components`` makes them in the order in which they need each other, group by group; making them does no
work. What they do together is the owner's: ``Node`` in ``node.owner.runtime``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypernode.core.chain_params import ChainParams
from hypernode.core.types import Endpoint
from hypernode.machine.clock_offset import ClockOffsets
from hypernode.mempool.pool import Mempool
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_ports import Ports
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tunables import Tuner
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.rounds import Rounds
from hypernode.node.duty.double_sign_guard import DoubleSignGuard
from hypernode.node.duty.duties import Duties
from hypernode.node.duty.evidence import EvidenceWatch
from hypernode.node.duty.forger import Forger
from hypernode.node.duty.reporter import Reporter
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.duty.tester import Tester
from hypernode.node.intake.intake import Intake
from hypernode.node.owner.clock_watch import ClockWatch
from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.node.owner.state_log import StateLog
from hypernode.node.owner.storage_watch import StorageWatch
from hypernode.node.owner.view_builder import ViewBuilder
from hypernode.node.peers.access_log import AccessLog
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.listening import Listening
from hypernode.node.peers.peer_table import Peers
from hypernode.node.rpc.handlers import RequestHandlers
from hypernode.node.rpc.status import StatusQueries
from hypernode.node.sync.fork_monitor import ForkMonitor
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.partitions import Partitions
from hypernode.node.sync.sync_task import SyncTask
from hypernode.node.sync.synchroniser import Synchroniser
from hypernode.wire.catalogue import Limits


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What an operator chose.  ``own_port`` is said in hello; ``source_ips`` are what we dial out from, where
    this host does not have the one that we are registered with."""

    listen: Endpoint
    own_port: int
    source_ips: tuple[str, ...]
    limits: Limits
    is_journal_new: bool = False
    """The journal was missing at start: no forging before the next round (spec 4)."""
    tuned: frozenset[str] = frozenset()
    """Tunable parameters that the operator set, by name."""
    takes_updates: bool = False
    """AUTO_UPDATE is not off."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where words go: to the operator's log, as warnings, to the log of connections; and ``metrics``, the
    figures of the process that the status shows."""

    metrics: Callable[[], Mapping[str, object]]
    log: Callable[[str], None]
    warn: Callable[[str], None]
    log_connections: Callable[[str], None]
    subjects: Subjects = SILENT
    log_session: Callable[[str], None] | None = None
    """A line a session that came in, at its end."""


class Components:
    """The parts of a node.  ``wake`` and ``halt`` are the owner's: a part calls them, none acts itself."""

    def __init__(
        self,
        network: ChainParams,
        ports: Ports,
        options: NodeOptions,
        outlets: Outlets,
        *,
        wake: Callable[[], None],
        halt: Callable[[str], None],
    ) -> None:
        self.network, self.ports, self.options = network, ports, options
        self._make_present(outlets, halt)
        self._make_chain()
        self._make_speakers(outlets)
        self._make_watches(outlets)
        self._make_sync(outlets)
        self._make_doors(outlets, wake)
        self._hand_out_subjects(outlets)
        self.view_builder = ViewBuilder(
            ports,
            self.node_state,
            self.chain,
            self.peers,
            self.intake,
            self.forger,
            self.companion,
            self.sync,
            self.sync_task,
            self.fork_monitor,
        )
        self.tuner.attach(
            (
                *(self.node_state, self.reporter, self.dialler, self.forger),
                *(self.connector, self.serving, self.listening, self.sync),
            )
        )

    def _make_present(self, outlets: Outlets, halt: Callable[[str], None]) -> None:
        """The moment, the parameters in force, the companion, and our key."""
        network, ports, log, warn = self.network, self.ports, outlets.log, outlets.warn
        self.node_state = NodeState(network, ports.clock, ports.clock.now())
        self.activities = ActivityTracker(ports.clock, StateLog(ports.clock, log).note)
        self.tuner = Tuner(network, self.options.tuned, log)
        self.companion = CompanionWatch(network, ports, self.node_state, log, warn)
        self.double_sign_guard = DoubleSignGuard(network, ports, self.node_state, halt, warn, log)
        self.slot_log = SlotLog(ports, self.node_state, log, warn)

    def _make_chain(self) -> None:
        """What is kept: blocks, and the messages that wait for one."""
        network, ports = self.network, self.ports
        self.mempool = Mempool(network)
        self.rounds = Rounds(network, ports.pow_source)
        self.chain = Chain(network, ports, self.rounds, self.mempool)
        self.intake = Intake(network, ports, self.mempool)

    def _make_speakers(self, outlets: Outlets) -> None:
        """What we say to others of our own accord: words, tests, blocks."""
        network, ports, options = self.network, self.ports, self.options
        self.peers = Peers(network.delays)
        self.reporter = Reporter(network, ports, self.intake)
        self.dialler = Dialler(
            network, ports, self.peers, options.limits, options.own_port, options.source_ips
        )
        self.forger = Forger(
            network,
            ports,
            self.chain,
            self.rounds,
            self.mempool,
            self.peers,
            self.dialler,
            outlets.log,
        )
        self.offsets = ClockOffsets()
        self.tester = Tester(network, ports, self.peers, self.dialler, self.reporter, self.offsets)
        self.duties = Duties(
            *(network, ports.clock, self.node_state, self.activities, self.peers, self.reporter),
            self.tester,
            *(ports.ledger, self.mempool),
        )

    def _make_watches(self, outlets: Outlets) -> None:
        """What is looked at again and again: the clock, the disk, the evidence."""
        network, ports, warn = self.network, self.ports, outlets.warn
        self.clock_watch = ClockWatch(ports.clock, self.offsets, warn)
        self.clock_watch.on_step = self.mempool.offer_anew
        self.storage_watch = StorageWatch(ports, warn)
        self.evidence = EvidenceWatch(network, ports, self.node_state, self.mempool, self.reporter, warn)

    def _make_sync(self, outlets: Outlets) -> None:
        """What takes blocks from peers."""
        network, ports = self.network, self.ports
        self.partitions = Partitions(ports.files, ports.clock, outlets.log)
        self.sync_task = SyncTask(ports.clock, self.activities, self.chain)
        self.sync = Synchroniser(
            network,
            ports,
            self.chain,
            self.dialler,
            self.reporter,
            self.partitions,
            GiantBlocks(network, self.dialler.limits),
            self.sync_task.show,
            outlets.log,
        )
        self.fork_monitor = ForkMonitor(network, ports, self.chain, self.dialler, self.partitions)

    def _make_doors(self, outlets: Outlets, wake: Callable[[], None]) -> None:
        """The connections that we keep, and the answers that we give."""
        network, ports, options = self.network, self.ports, self.options
        self.views = StatusQueries(
            network,
            ports,
            self.node_state,
            self.activities,
            self.peers,
            self.mempool,
            self.reporter,
            self.intake.configs,
            outlets.metrics,
            lambda: self.forger.forged_count,
            self.partitions,
            lambda: self.sync.progress,
            self.tuner,
            wake,
            self.slot_log.list_recent,
        )
        self.connector = Connector(
            network,
            ports,
            self.node_state,
            self.peers,
            self.dialler,
            self.mempool,
            self.intake,
            self.views.note_height,
            outlets.log_connections,
        )
        self.serving = RequestHandlers(
            network,
            ports,
            self.chain,
            self.mempool,
            self.intake,
            self.peers,
            self.tester,
            self.views,
            outlets.log,
            options.limits,
        )
        self.listening = Listening(
            network,
            ports,
            options.limits,
            options.own_port,
            self.peers,
            self.mempool,
            self.serving,
            outlets.log,
        )

    def _hand_out_subjects(self, outlets: Outlets) -> None:
        """Who tells what in detail, and of sessions that ended."""
        self.subjects = outlets.subjects
        for part in (self.chain, self.intake, self.dialler, self.connector, self.serving, self.listening):
            part.subjects = outlets.subjects
        if outlets.log_session is not None:
            self.listening.access = AccessLog(outlets.log_session, self.ports.clock.monotonic)
