"""The standing connections of the round: dialled, kept, and used to exchange heights and messages.

Every hypernode on our list of the round gets one task, which dials it, exchanges what is due, and
dials again, slower each time, when the line breaks.  Whoever is not on the list any more is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hypernode.core.errors import InvariantBroken, Verdict
from hypernode.core.forging import find_forging_violation
from hypernode.core.kinds import format_peer_name
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_start
from hypernode.core.types import ChainHeight, Registration
from hypernode.mempool.pool import Mempool
from hypernode.net.client_session import ClientSession, HelloRefused
from hypernode.node.base.error_text import describe_fault
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tip_signal import TipSignal
from hypernode.node.intake.intake import Intake
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.legacy_height_policy import OwnChain, check_earlier_rounds, choose_height_to_tell
from hypernode.node.peers.peer_client import ask_all_messages, ask_height, ask_mempool
from hypernode.node.peers.peer_table import Peer, Peers, parse_port
from hypernode.ports.clock import Clock, Entropy
from hypernode.ports.connections import TransportClosed
from hypernode.ports.storage_faults import StorageFault
from hypernode.ports.tunables import CurrentTunables
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

RETRY_GROWTH = 1.5
MAX_RETRY_FACTOR = 8.0
"""A peer that stays away is tried at least this many times the first delay apart."""
PING_TIMEOUT_S = 30.0
_REDIAL_PARTS = 1_000

NoteHeight = Callable[[Peer, ChainHeight, str | None], None]


@dataclass(slots=True)
class Connector:
    """Keeps the round's connections.  ``note_height`` takes the heights that peers report."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    entropy: Entropy
    own_address: str
    ledger: OwnChain
    node_state: NodeState
    peers: Peers
    dialler: Dialler
    mempool: Mempool
    intake: Intake
    note_height: NoteHeight
    tip: TipSignal
    events: NodeEvents
    log: Callable[[str], None]
    subjects: Subjects = SILENT
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def set_targets(self, entries: list[Registration], group: asyncio.TaskGroup) -> None:
        """Dial these hypernodes, and close the connections to all others.  Tasks live in ``group``."""
        wanted = {f"{entry.pos} {entry.ip} {entry.port}": entry for entry in entries}
        for key in [key for key in self._tasks if key not in wanted]:
            self._tasks.pop(key).cancel()
        for key, entry in wanted.items():
            if key not in self._tasks and parse_port(entry.port) is not None:
                self._tasks[key] = group.create_task(self._keep(entry), name=f"peer {entry.ip}")

    def cancel_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _keep(self, entry: Registration) -> None:
        delay = self.params.delays.peer_retry_s
        while True:
            started = self.clock.monotonic()
            end = "it is dialled anew for the round, as a legacy node is"
            try:
                await self._connect_and_exchange(entry)
            except asyncio.CancelledError:
                self.log(f"connection to {entry.ip}:{entry.port} ended: not wanted any more")
                raise
            except (TransportClosed, TimeoutError, HelloRefused, Verdict, StorageFault) as error:
                end = describe_fault(error)
            except InvariantBroken as bug:
                end = f"a bug of ours: {bug}"
                self.events.on_bug(bug)
            self.log(f"connection to {entry.ip}:{entry.port} ended: {end}")
            if self.clock.monotonic() - started > 4 * self.params.delays.peer_retry_s:
                delay = self.params.delays.peer_retry_s
            await asyncio.sleep(delay)
            delay = min(delay * RETRY_GROWTH, MAX_RETRY_FACTOR * self.params.delays.peer_retry_s)

    async def _connect_and_exchange(self, entry: Registration) -> None:
        session = await self.dialler.open_standing(entry)
        port = session.remote.port
        name = format_peer_name(entry.ip, port)
        peer = Peer(
            name,
            entry.ip,
            port,
            session.features,
            is_outbound=True,
            session=session,
            proved_address=session.proved_address,
        )
        self.peers.add(peer)
        self.log(f"connected to {name}, features {session.features}")
        self.mempool.forget_peer(peer.exchange)
        try:
            await self._exchange(session, peer, entry)
        finally:
            session.close()
            self.peers.remove(peer)
            if not self.peers.shares_exchange(peer):
                self.mempool.forget_peer(peer.exchange)

    async def _exchange(self, session: ClientSession, peer: Peer, entry: Registration) -> None:
        """Heights and mempools whenever they are due, pings in between, until the line breaks, or a legacy
        peer is to be dialled anew.  Where our tip changes, heights are exchanged with feature peers at once.
        A legacy peer hears of it when it is due: it could fetch a block that its forger is about to push to
        it, and would stop."""
        clock = self.clock
        height_due = mempool_due = clock.monotonic()
        redial_at = None if peer.features else self._choose_redial_time()
        while redial_at is None or clock.now() < redial_at:
            changed = self.tip.next_change if peer.features else asyncio.Event()
            if clock.monotonic() >= height_due:
                await self._exchange_heights(session, peer)
                height_due = clock.monotonic() + self._height_interval()
            if clock.monotonic() >= mempool_due:
                if len(self.mempool):
                    await self._exchange_mempools(session, peer)
                if not peer.features and self._is_short():
                    await self._fetch_mempool(entry, peer)
                mempool_due = clock.monotonic() + self._mempool_interval()
            if (
                peer.features
                and clock.monotonic() - session.last_used >= self.tunables.current().ping_delay_s
            ):
                await session.request(Command(CommandId.PING), PING_TIMEOUT_S)
            await self._wait_until(min(height_due, mempool_due), changed)
            if changed.is_set():
                height_due = clock.monotonic()

    def _choose_redial_time(self) -> float:
        """Unix s, some time in the next round's second slot: a legacy peer sends what it wrote itself only in
        the first exchange of a connection (spec 8), and answers nothing in the first minutes of a round.
        Not all at once, or we would lose sight of them."""
        params = self.params
        start = compute_round_start(params, self.node_state.get_round_slot()[0] + 1)
        return start + params.slot_s * (1 + self.entropy.below(_REDIAL_PARTS) / _REDIAL_PARTS)

    async def _wait_until(self, due: float, changed: asyncio.Event) -> None:
        wait = max(0.0, min(due - self.clock.monotonic(), float(self.tunables.current().ping_delay_s)))
        try:
            async with asyncio.timeout(wait):
                await changed.wait()
        except TimeoutError:
            pass

    async def _exchange_heights(self, session: ClientSession, peer: Peer) -> None:
        await check_earlier_rounds(session, self.ledger, peer)
        awaits_push = self.peers.awaits_push(peer, self.clock.monotonic())
        own = await choose_height_to_tell(self.ledger, peer, peer.features, awaits_push=awaits_push)
        juror = self.node_state.get_juror() if peer.features else None
        reported, their_juror = await ask_height(session, own, juror)
        self.subjects.log(
            "workermsg", lambda: f"{peer.name} tells height {reported.height} of {reported.round}"
        )
        self.note_height(peer, reported, their_juror)

    async def _exchange_mempools(self, session: ClientSession, peer: Peer) -> None:
        now = self.node_state.get_offer_time()
        new = self.mempool.take_new_for(peer.exchange, self.tunables.current().max_txs_to_sync, now)
        theirs = await ask_mempool(session, tuple(new))
        self.subjects.log("mempool", lambda: f"{peer.name} got {len(new)} messages, gave {len(theirs)}")
        if theirs and self.peers.is_authentic(peer):
            await self.intake.submit(theirs, peer.exchange)

    async def _fetch_mempool(self, entry: Registration, peer: Peer) -> None:
        """Everything in a legacy peer's mempool, over a connection for this alone: over the standing one it
        does not send its own messages again."""
        try:
            async with self.dialler.open_once(entry) as errand:
                theirs = await ask_all_messages(errand)
        except (TransportClosed, TimeoutError) as error:
            self.log(f"no messages from {entry.ip}:{entry.port}: {describe_fault(error)}")
            return
        await self.intake.submit(theirs, peer.exchange)

    def _is_short(self) -> bool:
        """Whether the mempool has too few messages, or senders, for any block."""
        found = [m for m in self.mempool.get_all() if m.sender in self.intake.senders]
        return find_forging_violation(self.params, found) is not None

    def _height_interval(self) -> float:
        """10 s, and 30 s while we are in consensus (spec 6, connecting)."""
        consensus, delays = self.node_state.consensus, self.params.delays
        if consensus is not None and consensus.percent > 50:
            return delays.height_exchange_in_consensus_s
        return delays.height_exchange_s

    def _mempool_interval(self) -> float:
        """30 s, and 20 s while consensus is sought (spec 6, mempool)."""
        delays = self.params.delays
        is_seeking = self.node_state.get_juror() == self.own_address
        return delays.mempool_exchange_seeking_s if is_seeking else delays.mempool_exchange_s
