"""What a node is made of, and what each part knows of the others.

``Parts`` makes them in the order in which they need each other, group by group; making them does no work.
What they do together is the owner's: ``Node`` in ``node.owner.runtime``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypernode.core.params import Network
from hypernode.core.types import Endpoint
from hypernode.machine.clock_offset import ClockOffsets
from hypernode.mempool.pool import Mempool
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_ports import World
from hypernode.node.base.node_state import Present
from hypernode.node.base.tunables import Tuner
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.rounds import Rounds
from hypernode.node.duty.double_sign_guard import OwnKey
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
from hypernode.node.owner.view_builder import Outlook
from hypernode.node.peers.access_log import AccessLog
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.listening import Listening
from hypernode.node.peers.peer_table import Peers
from hypernode.node.rpc.handlers import Serving
from hypernode.node.rpc.status import Views
from hypernode.node.sync.fork_monitor import StrangeChains
from hypernode.node.sync.giant_blocks import Giants
from hypernode.node.sync.partitions import Splits
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


class Parts:
    """The parts of a node.  ``wake`` and ``halt`` are the owner's: a part calls them, none acts itself."""

    def __init__(
        self,
        network: Network,
        world: World,
        options: NodeOptions,
        outlets: Outlets,
        *,
        wake: Callable[[], None],
        halt: Callable[[str], None],
    ) -> None:
        self.network, self.world, self.options = network, world, options
        self._make_present(outlets, halt)
        self._make_chain()
        self._make_speakers(outlets)
        self._make_watches(outlets)
        self._make_sync(outlets)
        self._make_doors(outlets, wake)
        self._hand_out_subjects(outlets)
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
                *(self.connector, self.serving, self.listening, self.sync),
            )
        )

    def _make_present(self, outlets: Outlets, halt: Callable[[str], None]) -> None:
        """The moment, the parameters in force, the companion, and our key."""
        network, world, log, warn = self.network, self.world, outlets.log, outlets.warn
        self.present = Present(network, world.clock, world.clock.now(), state_since=world.clock.now())
        self.state_log = StateLog(world.clock, self.present, log)
        self.tuner = Tuner(network, self.options.tuned, log)
        self.companion = CompanionWatch(network, world, self.present, log, warn)
        self.own_key = OwnKey(network, world, self.present, halt, warn, log)
        self.slot_log = SlotLog(world, self.present, log, warn)

    def _make_chain(self) -> None:
        """What is kept: blocks, and the messages that wait for one."""
        network, world = self.network, self.world
        self.mempool = Mempool(network)
        self.rounds = Rounds(network, world.pow_source)
        self.chain = Chain(network, world, self.rounds, self.mempool)
        self.intake = Intake(network, world, self.mempool)

    def _make_speakers(self, outlets: Outlets) -> None:
        """What we say to others of our own accord: words, tests, blocks."""
        network, world, options = self.network, self.world, self.options
        self.peers = Peers(network.delays)
        self.reporter = Reporter(network, world, self.intake)
        self.dialler = Dialler(
            network, world, self.peers, options.limits, options.own_port, options.source_ips
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
            outlets.log,
        )
        self.offsets = ClockOffsets()
        self.tester = Tester(network, world, self.peers, self.dialler, self.reporter, self.offsets)
        self.duties = Duties(
            *(network, world.clock, self.present, self.peers, self.reporter, self.tester),
            *(world.ledger, self.mempool),
        )

    def _make_watches(self, outlets: Outlets) -> None:
        """What is looked at again and again: the clock, the disk, the evidence."""
        network, world, warn = self.network, self.world, outlets.warn
        self.clock_watch = ClockWatch(world.clock, self.offsets, warn)
        self.clock_watch.on_step = self.mempool.offer_anew
        self.storage_watch = StorageWatch(world, warn)
        self.evidence = EvidenceWatch(network, world, self.present, self.mempool, self.reporter, warn)

    def _make_sync(self, outlets: Outlets) -> None:
        """What takes blocks from peers."""
        network, world = self.network, self.world
        self.splits = Splits(world.files, world.clock, outlets.log)
        self.sync_task = SyncTask(world.clock, self.present, self.chain)
        self.sync = Synchroniser(
            network,
            world,
            self.chain,
            self.dialler,
            self.reporter,
            self.splits,
            Giants(network, self.dialler.limits),
            self.sync_task.show,
            outlets.log,
        )
        self.strange_chains = StrangeChains(network, world, self.chain, self.dialler, self.splits)

    def _make_doors(self, outlets: Outlets, wake: Callable[[], None]) -> None:
        """The connections that we keep, and the answers that we give."""
        network, world, options = self.network, self.world, self.options
        self.views = Views(
            network,
            world,
            self.present,
            self.peers,
            self.mempool,
            self.reporter,
            self.intake.configs,
            outlets.metrics,
            lambda: self.forger.forged_count,
            self.splits,
            lambda: self.sync.progress,
            self.tuner,
            wake,
            self.slot_log.list_recent,
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
            outlets.log_connections,
        )
        self.serving = Serving(
            network,
            world,
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
            world,
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
            self.listening.access = AccessLog(outlets.log_session, self.world.clock.monotonic)
