"""Answers to peers and clients: one handler per command, found in one table.

A handler gets who asks and what, and returns the answer, None for none, or raises ``Ignore`` (the
connection is closed, as legacy nodes do with what they do not understand) or ``Reject`` (closed, and
held against the IP).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NoReturn, Protocol

from hypernode.core.errors import Ignore, InvariantBroken, Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import IGNORED, Rule
from hypernode.core.types import Block, ChainHeight, Height
from hypernode.mempool.policy import is_ripe
from hypernode.mempool.pool import Mempool
from hypernode.net.answer import Answer
from hypernode.net.caller import Caller
from hypernode.net.standing import Standing
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.chain.chain import Chain
from hypernode.node.duty.tester import Tester, list_slots_at_hand
from hypernode.node.intake.intake import Intake
from hypernode.node.peers.legacy_height_policy import OwnChain, choose_height_to_tell
from hypernode.node.peers.peer_log_limiter import PeerLogLimiter
from hypernode.node.peers.peer_table import Peer, Peers
from hypernode.node.rpc.address_messages import find_messages_of
from hypernode.node.rpc.answer_cache import AnswerCache
from hypernode.node.rpc.block_answers import BlockAnswers
from hypernode.node.rpc.queries import check_height, parse_address_query, parse_headers, parse_hex
from hypernode.node.rpc.redaction import redact_status
from hypernode.node.rpc.refused_pushes import RefusedPushes
from hypernode.node.rpc.status import StatusQueries
from hypernode.ports.chain import ChainReader, Lane, LaneReaders, PrunedReader
from hypernode.ports.clock import Clock
from hypernode.ports.registrations import PowNotReady
from hypernode.ports.signing import Verifier
from hypernode.ports.storage_faults import StorageFault
from hypernode.ports.tunables import CurrentTunables
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, PeerIp

PUSH_SPREAD_PART = 1 / 36
"""Of a slot (5 s on main): so long after a block was pushed to us, legacy peers hear of its parent only.  Its
forger may be on the way to them, and they stop over a block that they have."""

Handler = Callable[[Caller, Command], Awaitable[Answer | None]]


class AnswerLedger(OwnChain, LaneReaders, PrunedReader, Protocol):
    """What is told of our chain, and the readers that answer questions about it."""


@dataclass(slots=True)
class RequestHandlers:
    """Answers commands for one node."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    verifier: Verifier
    ledger: AnswerLedger
    chain: Chain
    mempool: Mempool
    intake: Intake
    peers: Peers
    tester: Tester
    views: StatusQueries
    events: NodeEvents
    log: Callable[[str], None]
    limits: Limits = LIMITS
    subjects: Subjects = SILENT
    allow_queries_from: Collection[str] = ()
    takes_updates: bool = False
    handlers: Mapping[CommandId, Handler] = field(init=False)
    _log_limiter: PeerLogLimiter = field(init=False)
    _refused_pushes: RefusedPushes = field(default_factory=RefusedPushes)
    _answer_cache: AnswerCache = field(init=False)

    def __post_init__(self) -> None:
        self.allow_queries_from = self.params.allow_queries_from
        self._log_limiter = PeerLogLimiter(self.log, self.clock.monotonic)
        self._answer_cache = AnswerCache(self.clock, self.verifier.run)
        self.handlers = {
            CommandId.OK: self._ignore,
            CommandId.KO: self._ignore,
            CommandId.PING: self._ping,
            CommandId.PEERS: self._peers,
            CommandId.STATUS: self._status,
            CommandId.BLOCK: self._block,
            CommandId.TX: self._tx,
            CommandId.MEMPOOL: self._mempool,
            CommandId.UPDATE: self._update,
            CommandId.HEIGHT: self._height,
            CommandId.BLOCKINFO: self._blockinfo,
            CommandId.BLOCKSYNC: self._blocksync,
            CommandId.ROUNDBLOCKS: self._roundblocks,
            CommandId.GETBLOCK: self._getblock,
            CommandId.GETADDTXS: self._getaddtxs,
            CommandId.GETTX: self._gettx,
            CommandId.GETHEADERS: self._getheaders,
            CommandId.GETROUND: self._getround,
            CommandId.GETHYPERNODES: self._gethypernodes,
            CommandId.TEST: self._test,
            CommandId.GETHEIGHTS: self._getheights,
            CommandId.GETCONFIG: self._getconfig,
        }

    def take_settings(self, queries_from: Collection[str], *, takes_updates: bool) -> None:
        """Take the operator's file as it is now (SIGHUP): ALLOW_QUERIES_FROM, and whether AUTO_UPDATE is not
        off."""
        self.allow_queries_from = queries_from
        self.takes_updates = takes_updates

    async def handle(self, caller: Caller, command: Command) -> Answer | None:
        """The answer to a command."""
        self.subjects.log("srvmsg", lambda: f"{caller.name} asks {command.id.name.lower()}")
        handler = self.handlers.get(command.id)
        if handler is None:
            raise Ignore(Rule.WIRE, f"{command.id.name} is not served")
        try:
            return await handler(caller, command)
        except PowNotReady as problem:
            raise Ignore(Rule.COMPANION, str(problem)) from problem
        except StorageFault as error:
            self.events.on_storage_fault(error)
            raise Ignore(Rule.STORED, str(error)) from error
        except InvariantBroken as bug:
            self.events.on_bug(bug)
            raise

    def _find_peer(self, caller: Caller) -> Peer | None:
        """The registered hypernode that asks over its standing connection, if it is one."""
        if caller.hello is None or not caller.hello.is_dialable:
            return None
        peer = self.peers.find_caller(caller.name, caller)
        return peer if peer is not None and self.peers.find_address(peer) else None

    async def _ignore(self, caller: Caller, command: Command) -> None:
        return None

    async def _ping(self, caller: Caller, command: Command) -> Command | None:
        return Command(CommandId.OK) if caller.features else None

    async def _peers(self, caller: Caller, command: Command) -> Answer:
        return await self._answer_cache.get(command.id, self._make_peers)

    async def _make_peers(self) -> Command:
        connected = {(peer.ip, peer.port) for peer in self.peers.list_all() if ":" not in peer.ip}
        return Command(CommandId.PEERS, ips=tuple(PeerIp(ip, port) for ip, port in sorted(connected)))

    async def _status(self, caller: Caller, command: Command) -> Answer:
        """The whole for the operator; for others without what is of the host (spec 10, 4)."""
        if caller.standing is Standing.OPERATOR:
            return await self._answer_cache.get((command.id, caller.standing), self._make_status)
        return await self._answer_cache.get(command.id, self._make_redacted_status)

    async def _make_status(self) -> Command:
        return Command(CommandId.STATUS, string=_dump(await self.views.get_status()))

    async def _make_redacted_status(self) -> Command:
        return Command(CommandId.STATUS, string=_dump(redact_status(await self.views.get_status())))

    async def screen_block(self, ip: str, header: Block) -> None:
        """A pushed block before its messages are parsed.  Raises Ignore for one that is refused."""
        self._refused_pushes.check(ip, self.views.node_state.get_round_slot())
        try:
            await self.chain.screen_pushed(header)
        except PowNotReady:
            return  # judged whole, and refused for that
        except Reject as refusal:
            self._refuse_block(ip, header, refusal)

    async def _block(self, caller: Caller, command: Command) -> None:
        self._require_registered(caller, "a block")
        for block in command.blocks:
            try:
                await self.chain.accept_pushed(block, self._note_spread)
                self._note_spread()
            except Reject as refusal:
                self._refused_pushes.note(caller.ip, self.views.node_state.get_round_slot())
                self._refuse_block(caller.ip, block, refusal)

    def _note_spread(self) -> None:
        """A block was pushed to us.  Noted before it is stored, because others ask for our height while it
        is, and again when it is."""
        self.peers.note_spread(self.clock.monotonic() + PUSH_SPREAD_PART * self.params.slot_s)

    def _refuse_block(self, ip: str, block: Block, refusal: Reject) -> NoReturn:
        """Close the connection but do not hold the IP: honest legacy jurors push blocks that we refuse (they
        have other jurors after a restart)."""
        self._log_limiter.note(ip, f"block {block.height} of {ip} refused: {refusal}")
        raise Ignore(refusal.rule, refusal.reason) from refusal

    async def _tx(self, caller: Caller, command: Command) -> Command:
        found = await self.intake.submit(command.messages)
        refused = next(
            (violation for violation in found if violation is not None and violation.rule not in IGNORED),
            None,
        )
        if refused is None:
            return Command(CommandId.OK)
        # A legacy node gives no reason; its clients do not look for one.
        return Command(CommandId.KO, string=str(refused) if caller.features else None)

    async def _mempool(self, caller: Caller, command: Command) -> Answer:
        peer = self._find_peer(caller)
        now = self.views.node_state.get_offer_time()
        if peer is None:
            return await self._answer_cache.get(command.id, self._make_mempool)
        if len(command.messages) <= self.tunables.current().max_txs_to_sync and self.peers.is_authentic(peer):
            await self.intake.submit(command.messages, peer.exchange)
        new = self.mempool.take_new_for(peer.exchange, self.tunables.current().max_txs_to_sync, now)
        return Command(CommandId.MEMPOOL, messages=tuple(new))

    async def _make_mempool(self) -> Command:
        """Everything that is offered."""
        now = self.views.node_state.get_offer_time()
        ripe = (m for m in self.mempool.get_all() if is_ripe(self.params, m, now))
        return Command(
            CommandId.MEMPOOL, messages=tuple(islice(ripe, self.tunables.current().max_txs_to_sync))
        )

    async def _update(self, caller: Caller, command: Command) -> Command:
        """Nothing is ever fetched from the URL, or run.  Those who may ask get ok, so that a script that asks
        all nodes goes on; the operator sees in the log that somebody asked."""
        if not self.takes_updates or caller.ip not in self.tunables.current().allow_updates_from:
            return Command(CommandId.KO, string="updates are off, or not for this IP")
        self.log(f"{caller.ip} asks for an update; its URL is ignored, updates are an operator's")
        return Command(CommandId.OK)

    async def _height(self, caller: Caller, command: Command) -> Command:
        peer = self._find_peer(caller)
        if peer is not None and command.height is not None:
            self.views.note_height(peer, command.height, command.height_forger)
        awaits_push = self.peers.awaits_push(peer, self.clock.monotonic())
        own = await choose_height_to_tell(self.ledger, peer, caller.features, awaits_push=awaits_push)
        forger = self.views.get_juror() if caller.features else None
        return Command(CommandId.HEIGHT, height=own, height_forger=forger)

    async def _blockinfo(self, caller: Caller, command: Command) -> Command:
        asked = await self._get_reader(caller).get_height_at(check_height(command.int32))
        if asked is None:
            return Command(CommandId.BLOCKINFO, height=ChainHeight(0, 0, 0, b""))
        info = ChainHeight(
            asked.height,
            asked.round,
            asked.sir,
            asked.block_hash,
            uniques=asked.uniques,
            forgers=asked.forgers,
        )
        return Command(CommandId.BLOCKINFO, height=info)

    async def _blocksync(self, caller: Caller, command: Command) -> Answer:
        first = check_height(command.int32)
        if self._is_pruned(max(first, 1)):
            return _refuse_pruned(caller)
        reader = self._get_reader(caller)
        sizes = await reader.get_block_sizes(first, self.tunables.current().block_sync_count)
        return await BlockAnswers(self.limits, reader, caller).answer(command.id, sizes)

    async def _roundblocks(self, caller: Caller, command: Command) -> Answer:
        reader = self._get_reader(caller)
        sizes = await reader.get_round_block_sizes(check_height(command.int32))
        if any(self._is_pruned(height) for height, _ in sizes):
            return _refuse_pruned(caller)
        return await BlockAnswers(self.limits, reader, caller).answer(command.id, sizes)

    async def _getblock(self, caller: Caller, command: Command) -> Answer:
        height = check_height(command.int32)
        if self._is_pruned(height):
            return _refuse_pruned(caller)
        reader = self._get_reader(caller)
        sizes = await reader.get_block_sizes(height, 1)
        return await BlockAnswers(self.limits, reader, caller).answer(command.id, sizes)

    def _get_reader(self, caller: Caller) -> ChainReader:
        """A reader of the chain for a question of this caller: never the node's own."""
        is_peer = caller.standing in (Standing.COUNTED, Standing.OPERATOR)
        return self.ledger.get_reader(Lane.PEERS if is_peer else Lane.STRANGERS)

    def _is_pruned(self, height: Height) -> bool:
        """Whether the block lost its messages (genesis never had any)."""
        return 0 < height < self.ledger.get_pruned_below()

    async def _getaddtxs(self, caller: Caller, command: Command) -> Command:
        found = await find_messages_of(self._get_reader(caller), parse_address_query(command.string or ""))
        return Command(CommandId.GETADDTXS, messages=tuple(found))

    async def _gettx(self, caller: Caller, command: Command) -> Command:
        message = await self._get_reader(caller).get_message(parse_hex(command.string or ""))
        return Command(CommandId.GETTX, messages=(message,) if message else ())

    async def _getheaders(self, caller: Caller, command: Command) -> Command:
        query = parse_headers(command.string or "")
        headers = await self._get_reader(caller).get_headers(query.first, query.count)
        return Command(CommandId.GETHEADERS, blocks=tuple(headers))

    async def _getround(self, caller: Caller, command: Command) -> Answer:
        return await self._answer_cache.get(command.id, self._make_getround)

    async def _make_getround(self) -> Command:
        return Command(CommandId.GETROUND, string=_dump(self.views.get_round()))

    async def _gethypernodes(self, caller: Caller, command: Command) -> Answer:
        if caller.ip not in self.allow_queries_from:
            raise Ignore(Rule.WIRE, "gethypernodes from an IP that is not in ALLOW_QUERIES_FROM")
        reader = self._get_reader(caller)

        async def make() -> Command:
            found = await self.views.get_hypernodes(command.string, reader)
            return Command(CommandId.GETHYPERNODES, string=_dump(found))

        return await self._answer_cache.get((command.id, command.string), make)

    async def _test(self, caller: Caller, command: Command) -> Command:
        self._require_registered(caller, "a test")
        plan, previous = self.views.get_plans()
        if plan is None:
            raise Ignore(Rule.DUTY, "no plan yet")
        at_hand = list_slots_at_hand(self.params, self.clock.now(), plan, previous)
        return await self.tester.answer(caller.ip, command, at_hand)

    def _require_registered(self, caller: Caller, what: str) -> None:
        if not self.peers.has_list:
            raise Ignore(Rule.DUTY, "no list of hypernodes yet")
        if not self.peers.is_registered_ip(caller.ip):
            raise Reject(Rule.WIRE, f"{what} from an IP that is not registered")

    async def _getheights(self, caller: Caller, command: Command) -> Answer:
        return await self._answer_cache.get(command.id, self._make_getheights)

    async def _make_getheights(self) -> Command:
        return Command(CommandId.GETHEIGHTS, string=_dump(self.views.get_heights()))

    async def _getconfig(self, caller: Caller, command: Command) -> Answer:
        return await self._answer_cache.get(command.id, self._make_getconfig)

    async def _make_getconfig(self) -> Command:
        return Command(CommandId.GETCONFIG, string=_dump(self.views.get_config()))


def _refuse_pruned(caller: Caller) -> Command:
    """Ko gives the reason to a peer that understands it.  A legacy node would take it, or an empty answer,
    for "no more" and thank us; its connection is closed (spec 4, storage)."""
    if not caller.features:
        raise Ignore(Rule.STORED, "the blocks asked for are pruned")
    return Command(CommandId.KO, string="pruned")


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
