"""What the node reports about itself: status, round, heights, hypernodes (spec 6, status).

The keys of the first level, and those named in the spec, are read by other software; what we add stands
beside them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Protocol

from hypernode.core.address import is_valid_address
from hypernode.core.block import create_genesis
from hypernode.core.errors import Reject
from hypernode.core.fork_choice import is_same_height
from hypernode.core.kinds import format_peer_name
from hypernode.core.lottery import compute_silent
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import BOOTSTRAP, split_colour
from hypernode.core.rules import UNCHECKED, Rule
from hypernode.core.types import HASH_BYTES, ChainHeight, Registration, Round, RoundPlan
from hypernode.machine.peers import PeerView, get_best, group_chains, is_fresh, keep_fresh
from hypernode.mempool.pool import Mempool
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.json_shapes import height_to_object
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tunables import TunablesInForce
from hypernode.node.duty.duty_log import DutyLog
from hypernode.node.duty.forger import Forger
from hypernode.node.duty.reporter import Reporter
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.node.peers.identities import find_misplaced, get_identity
from hypernode.node.peers.peer_table import Peer, Peers
from hypernode.node.rpc.queries import parse_hypernodes
from hypernode.node.sync.partitions import Partitions
from hypernode.node.sync.synchroniser import Synchroniser
from hypernode.ports.chain import ChainReader, EvidenceStore, PrunedReader, TipReader
from hypernode.ports.clock import Clock
from hypernode.ports.registrations import PowSource

Metrics = Callable[[], Mapping[str, object]]
"""Process and host figures for ``extra``, and ``PID``, ``tasks``, ``instance``, ``config`` parts."""

MAX_CASES_SHOWN = 100
"""Equivocations in a status; the ledger keeps all."""
MAX_UNCOUNTED_SHOWN = 100
"""A status is asked for often, and registrations that do not count are cheap: getround has them all."""
MAX_ARCHIVES = 20
"""Addresses of archives in the status."""
_ABSENT_KPIS = ("success", "errors", "failed_pings", "ok_pings", "warnings", "rounds", "sources")


class HealthReport(Protocol):
    """The judgement of the running node (spec 10, 1)."""

    def to_status(self) -> dict[str, object]:
        """``duty`` and ``findings``; before the first judgement the duty is ``waiting``, without any."""


class StatusLedger(TipReader, PrunedReader, EvidenceStore, Protocol):
    """What the status tells of our chain."""


@dataclass(slots=True)
class StatusQueries:
    """Reads the node, for status and queries."""

    params: ChainParams
    clock: Clock
    own_address: str
    pow_source: PowSource
    ledger: StatusLedger
    node_state: NodeState
    activities: ActivityTracker
    peers: Peers
    mempool: Mempool
    reporter: Reporter
    configs: ConfigWatch
    metrics: Metrics
    forger: Forger
    slot_log: SlotLog
    duty_log: DutyLog
    health: HealthReport
    partitions: Partitions
    sync: Synchroniser
    tunables: TunablesInForce
    events: NodeEvents
    _findings: tuple[ChainHeight, dict[str, int]] | None = None
    """Counts of findings, and our chain's height when they were read: they come with blocks."""
    _plan_meta: tuple[RoundPlan | None, dict[str, object]] | None = None

    def note_height(self, peer: Peer, reported: ChainHeight, juror: str | None) -> None:
        """A peer told its height: remember it, and whether it is over one round late.  Raises Reject for a
        hash that is none; a juror that is no address is not remembered, however long it is."""
        if len(reported.block_hash) != HASH_BYTES:
            raise Reject(Rule.WIRE, f"a height with a hash of {len(reported.block_hash)} bytes")
        if juror is not None and not is_valid_address(juror, self.params.address_byte):
            juror = None
        is_news = self.peers.note_height(peer, reported, juror, self.clock.monotonic())
        address = self.peers.find_address(peer)
        if address is not None and self.peers.is_answerable(peer) and self._is_late(reported):
            self.reporter.note_late(address)
        if is_news and self.peers.is_authentic(peer):
            self.events.on_height()

    def _is_late(self, reported: ChainHeight) -> bool:
        """Over one round behind our chain.  After rounds without any block the last one is old, and who has
        it has all there was before this round."""
        if reported.round >= self.ledger.get_height().round - 1:
            return False
        plans = (plan for plan in self.get_plans() if plan is not None)
        return reported.block_hash not in {plan.reference_hash for plan in plans}

    def get_juror(self) -> str | None:
        return self.node_state.get_juror()

    def get_plans(self) -> tuple[RoundPlan | None, RoundPlan | None]:
        """The plan in force, and the one before it."""
        return self.node_state.plan, self.node_state.previous_plan

    def get_config(self) -> dict[str, object]:
        """getconfig: the tunable parameters in force, and where each comes from."""
        return {**self.tunables.get_values(), "origins": self.tunables.get_origins()}

    def get_heights(self) -> dict[str, object]:
        """The height that each peer reported, by its name."""
        views = self.peers.list_views()
        return {view.name: height_to_object(view.reported) for view in views}

    async def get_status(self) -> dict[str, object]:
        """The whole status as a JSON object."""
        round_, sir = self.node_state.get_round_slot()
        own, shown = self.ledger.get_height(), self.activities.shown
        metrics, offset_s = dict(self.metrics()), self.node_state.clock_offset_s
        extra = {
            "forged_count": self.forger.forged_count,
            "own_slots": self.slot_log.list_recent(),
            "day": self.duty_log.day.to_object(),
            **dict(_as_mapping(metrics.pop("extra", {}))),
            "start_time": int(self.node_state.start_time),
            "uptime": int(self.clock.now() - self.node_state.start_time),
            "clock_offset": None if offset_s is UNCHECKED else round(offset_s, 3),
            "chains": self._list_chains(own),
            "findings": await self._count_findings(own),
            "equivocations": self._list_equivocations(),
            "split": self.partitions.words,
            "follow": self.partitions.describe(),
            "catching_up": progress.describe() if (progress := self.sync.progress) else None,
            "refused_messages": dict(sorted(self.mempool.get_refusals().items())),
            "tunables": self._describe_tunables(),
        }
        return {
            "config": self._describe_config(_as_mapping(metrics.pop("config", {}))),
            "instance": metrics.pop("instance", {}),
            "chain": {
                "block_height": own.height,
                "Genesis": create_genesis(self.params).forger,
                "genesis_time": self.params.origin_of_time,
                **height_to_object(own),
                "pruned_below": self.ledger.get_pruned_below(),
            },
            "mempool": self.mempool.get_counts(),
            "peers": self._get_peers(),
            "state": {
                "state": shown.state.value,
                "reason": self.node_state.halted or shown.reason,
                "since": int(self.activities.since),
                "round": round_,
                "sir": sir,
                "forger": self.node_state.get_juror(),
                "uncounted": self._get_own_uncounted(),
                "consensus": asdict(self.node_state.consensus) if self.node_state.consensus else None,
            },
            "tasks": metrics.pop("tasks", {"total": 0, "detail": {}}),
            "extra": extra,
            "meta": self._get_meta(),
            "pow": self._describe_companion(),
            "PID": metrics.pop("PID", 0),
            **self.health.to_status(),
        }

    def _describe_tunables(self) -> dict[str, object]:
        """What is in force and from where, what was refused, and how many peers say that theirs differ."""
        return {
            **self.get_config(),
            "refused": list(self.tunables.refused),
            "peers": self.configs.describe(self.own_address, self.tunables.format_config()),
        }

    def _describe_companion(self) -> dict[str, object] | None:
        """The companion at a glance, the coloured lists of the round with their sizes, and where archives are
        to be had."""
        status = self.node_state.pow_status
        if status is None:
            return None
        colours = {name: len(split_colour(text)) for name, text in self.tunables.colours}
        archives = split_colour(dict(self.tunables.colours).get(BOOTSTRAP, ""))[:MAX_ARCHIVES]
        return {
            **asdict(status),
            "remarks": list(status.remarks),
            "colours": colours,
            "bootstrap": list(archives),
        }

    def _describe_config(self, config: Mapping[str, object]) -> dict[str, object]:
        """``outip`` is the IP that we are registered with, as soon as a list tells it (spec 6, folders)."""
        own = self.peers.find_by_address(self.own_address)
        return {**config, "outip": own.ip} if own is not None else dict(config)

    def _list_in_sight(self) -> tuple[PeerView, ...]:
        """The peers whose heights count now."""
        delays = self.node_state.params.delays
        return keep_fresh(delays, self.peers.list_views(), self.clock.monotonic())

    def _get_peers(self) -> dict[str, object]:
        views, now = self.peers.list_views(), self.clock.monotonic()
        return {
            "connected_count": self.peers.count_connected(),
            "outbound": sorted(self.peers.outbound),
            "inbound": sorted(self.peers.inbound),
            "net_height": self._get_net_height(),
            "oldest_word": round(max((now - view.reported_at for view in views), default=0.0), 1),
            "told": {
                view.name: {
                    "height": view.reported.height,
                    "age": round(now - view.reported_at, 1),
                    "counts": view.counts and is_fresh(self.node_state.params.delays, view, now),
                    "juror": view.juror,
                    "features": view.has_features,
                    "address": view.address,
                    "identity": get_identity(self.peers, view.address).value,
                }
                for view in views
            },
            "findings": find_misplaced(self.peers),
        }

    def _get_net_height(self) -> dict[str, object] | None:
        """The best chain that peers report, with who reports it."""
        views = self._list_in_sight()
        if not views:
            return None
        best = get_best([get_best(chain.height for chain in group_chains(views))])
        holders = [view.name for view in views if is_same_height(best, view.reported)]
        return {**height_to_object(best), "count": len(holders), "peers": holders}

    def _list_chains(self, own: ChainHeight) -> list[dict[str, object]]:
        return [
            {
                "height": chain.height.height,
                "block_hash": chain.height.block_hash.hex(),
                "count": chain.count,
                "ours": is_same_height(own, chain.height),
            }
            for chain in group_chains(self._list_in_sight())
        ]

    def _list_equivocations(self) -> list[dict[str, object]]:
        """Who signed two blocks for which slot, the latest cases."""
        return [
            {
                "forger": case.first.forger,
                "round": case.first.round,
                "sir": case.first.sir,
                "height": case.first.height,
                "block_hashes": [case.first.block_hash.hex(), case.second.block_hash.hex()],
                "seen_at": case.seen_at,
            }
            for case in self.node_state.evidence[-MAX_CASES_SHOWN:]
        ]

    async def _count_findings(self, own: ChainHeight) -> dict[str, int]:
        if self._findings is None or self._findings[0] != own:
            self._findings = own, await self.ledger.count_findings()
        return self._findings[1]

    def _get_meta(self) -> dict[str, object]:
        plan = self.node_state.plan
        if self._plan_meta is None or self._plan_meta[0] is not plan:
            self._plan_meta = plan, _describe_plan(plan)
        sir = self.node_state.get_round_slot()[1]
        return {**self._plan_meta[1], "sir": sir, **self._describe_counted()}

    def _describe_counted(self) -> dict[str, object]:
        """Which registered hypernodes do not count, and why (spec 3): the first ones by name."""
        counted = self.node_state.counted
        shown = islice(counted.reasons.items(), MAX_UNCOUNTED_SHOWN)
        return {
            "counted_hns_count": len(counted.present),
            "uncounted_hns_count": len(counted.reasons),
            "uncounted_why": dict(Counter(reason.value for reason in counted.reasons.values())),
            "uncounted_hns": {pos: reason.value for pos, reason in shown},
        }

    def _get_own_uncounted(self) -> str:
        """Why we do not count ourselves; empty if we do, or are not registered."""
        reason = self.node_state.counted.reasons.get(self.own_address)
        return reason.value if reason is not None else ""

    def get_round(self) -> dict[str, object]:
        """getround: the lists of the present round."""
        plan = self.node_state.plan
        if plan is None:
            nothing = ("connect_to", "slots", "test_slots", "active", "inactive", "voided")
            return {"start": 0, "previous": None, **{key: [] for key in nothing}, "uncounted": {}}
        wanted = {entry.pos: entry for entry in plan.registered}
        inactive, voided = set(plan.inactive), set(plan.voided)
        return {
            "start": int(self.node_state.derived_at),
            "previous": plan.round,
            "connect_to": [_entry_list(wanted[pos]) for pos in self.node_state.connect_to if pos in wanted],
            "slots": [[juror.address, juror.ticket] for juror in plan.jurors],
            "test_slots": [[[t.tester, t.tested, t.kind] for t in tests] for tests in plan.tests],
            "active": [e.pos for e in plan.registered if e.pos not in inactive and e.pos not in voided],
            "inactive": list(plan.inactive),
            "voided": list(plan.voided),
            "uncounted": {pos: reason.value for pos, reason in self.node_state.counted.reasons.items()},
        }

    async def get_hypernodes(self, text: str | None, reader: ChainReader) -> object:
        """gethypernodes in its three forms."""
        query = parse_hypernodes(text)
        current, _ = self.node_state.get_round_slot()
        last: Round = query.last if query.last is not None else current
        entries = await self._get_registered(last)
        if not query.form:
            return [_entry_list(entry) for entry in entries]
        if query.form == "2":
            silent = await self._list_inactive(last, reader)
            return {e.collateral: _entry_object(e, is_active=e.pos not in silent) for e in entries}
        first: Round = query.first if query.first is not None else current
        kpis = await reader.get_kpis(first, last) if query.form == "1" else {}
        result: dict[str, object] = {}
        for entry in entries:
            known = kpis.get(entry.pos)
            shown: dict[str, object] = {}
            if query.form == "1" and known is not None:
                counts = asdict(known)
                shown = {k: v for k, v in counts.items() if v or k in ("forged", "sources")}
                shown["active"] = True
            elif query.form == "1":
                shown = {**dict.fromkeys(_ABSENT_KPIS, 0), "active": False}
            result[entry.pos] = {
                "ip": entry.ip,
                "port": entry.port,
                "weight": entry.weight,
                "registrar": entry.collateral,
                "recipient": entry.reward,
                "kpis": shown,
            }
        return result

    async def _get_registered(self, round_: Round) -> tuple[Registration, ...]:
        plan = self.node_state.plan
        if plan is not None and plan.round == round_:
            return plan.registered
        return (await self.pow_source.get_registered(round_)).entries

    async def _list_inactive(self, round_: Round, reader: ChainReader) -> frozenset[str]:
        """PoS addresses that are silent in a round or voided, by the rule (spec 3): this node need not have
        lived through the round.  Raises PowNotReady."""
        plan = self.node_state.plan
        if plan is not None and plan.round == round_:
            return frozenset((*plan.inactive, *plan.voided))
        voided = (await self.pow_source.get_registered(round_)).voided
        before = await self.pow_source.get_registered(round_ - 1) if round_ > 0 else None
        seen = await reader.get_seen(round_ - 1)
        silent = compute_silent(self.node_state.params, before.entries if before else (), seen)
        return silent | frozenset(voided)


def _describe_plan(plan: RoundPlan | None) -> dict[str, object]:
    """What the status tells of a round's lists: the same as long as it is the same plan."""
    registered = plan.registered if plan else ()
    inactive = set(plan.inactive) if plan else set()
    voided = plan.voided if plan else ()
    active = [entry for entry in registered if entry.pos not in inactive and entry.pos not in voided]
    slots = [(juror.address, juror.ticket) for juror in plan.jurors] if plan else []
    return {
        "round": plan.round if plan else None,
        "sir": None,  # in its place, for who reads it; the slot of the moment comes with each answer
        "all_hns_count": len(registered),
        "all_hns_hash": _fingerprint(entry.pos for entry in registered),
        "inactive_hns_count": len(inactive),
        "inactive_hns_hash": _fingerprint(sorted(inactive)),
        "inactive_hns": list(plan.inactive) if plan else [],
        **dict.fromkeys(("counted_hns_count", "uncounted_hns_count", "uncounted_why", "uncounted_hns")),
        "voided_hns_count": len(voided),
        "voided_hns": list(voided),
        "powchain_regs_count": len(registered),
        "powchain_regs": _fingerprint(_describe(entry) for entry in registered),
        "active_regs_count": len(active),
        "active_regs": _fingerprint(_describe(entry) for entry in active),
        # As legacy nodes make it: scripts compare it between nodes of both kinds (spec 6, status).
        "slots": hashlib.sha256(str(slots).encode()).hexdigest(),
    }


def make_peer_name(entry: Registration) -> str:
    return format_peer_name(entry.ip, int(entry.port)) if entry.port.isdecimal() else entry.ip


def _entry_list(entry: Registration) -> list[object]:
    return [entry.pos, entry.ip, entry.port, entry.weight, entry.collateral, entry.reward]


def _entry_object(entry: Registration, *, is_active: bool) -> dict[str, object]:
    return {
        "ip": entry.ip,
        "port": entry.port,
        "pos": entry.pos,
        "reward": entry.reward,
        "weight": entry.weight,
        "timestamp": entry.timestamp,
        "active": is_active,
    }


def _describe(entry: Registration) -> str:
    return f"{entry.collateral} {entry.ip} {entry.port} {entry.pos} {entry.reward} {entry.weight}"


def _fingerprint(lines: Iterable[str]) -> str:
    """SHA-256 that equal nodes share."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _as_mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
