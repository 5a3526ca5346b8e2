"""What to do next: one pure function from what the node knows to one decision.

The owner (``node.owner.owner_loop``) calls ``decide`` whenever something happened or a tick is over, and has
the decision performed.  Nothing here waits, reads a clock or remembers.  The checks stand in the order of
their importance: a halted node does nothing, a node without the list of registrations cannot validate, and a
node that lags behind must not forge.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import Tunables
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.timeline import has_begun
from hypernode.core.types import ChainHeight, Round, Slot
from hypernode.machine.consensus import Consensus, compute_consensus, describe_shortfall, is_enough
from hypernode.machine.peers import ForkOverride, PeerView, ReportedChain, find_better_chains, group_chains
from hypernode.machine.reasons import Obstacle, Reason
from hypernode.machine.state import State

MAX_CLOCK_OFFSET_S = 2.0
"""Over this a node does not forge (spec 6, time)."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """What the node knows at one moment.

    ``now``, ``slot_start`` and ``slot_end`` are unix s.  ``monotonic`` is the monotonic time of this moment
    in s; ``sync_alive_at`` and ``better_since`` are on that clock too, None while they do not apply."""

    now: float
    monotonic: float
    round: Round
    sir: Slot
    slot_start: float
    slot_end: float
    own: ChainHeight
    own_address: str
    peers: tuple[PeerView, ...]
    connected: int
    halted: str = ""
    pow_problem: str = ""
    is_round_new: bool = False
    """The list of hypernodes and the jurors of the present round are not derived yet."""
    is_plan_current: bool = True
    counted: int = 0
    """How many hypernodes count; percentages are of this number."""
    jurors: tuple[str, ...] = ()
    juror: str | None = None
    banned_tips: frozenset[bytes] = frozenset()
    needs_catch_up: frozenset[bytes] = frozenset()
    """Tips of the present round that did not follow our chain before it."""
    order: ForkOverride | None = None
    """An operator's override, until its block is in our chain."""
    tips_without_order: frozenset[bytes] = frozenset()
    """Tips of chains that do not hold the block of ``order``."""
    strange: ReportedChain | None = None
    """A chain that is neither better than ours nor part of it, reported for a while and not examined yet."""
    sync_alive_at: float | None = None
    """While a sync is under way: when it began, or our chain last changed since."""
    better_since: float | None = None
    """Since when some peer reports a better chain."""
    is_slot_signed: bool = False
    can_seal: bool = False
    """The mempool has enough messages from enough senders."""
    messages: int = 0
    senders: int = 0
    """``messages`` and ``senders``: what a block made now would hold.  Counted in our own slot only."""
    uptime_s: float = float("inf")
    forge_from_round: Round = 0
    clock_offset_s: float | Unchecked = UNCHECKED


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing but listen.  ``reason`` is shown to people.  ``obstacle`` is what keeps us from forging, for
    the account of our slots; None if nothing does."""

    state: State
    reason: str = ""
    obstacle: Obstacle | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class GoOn:
    """Let the present sync continue."""


@dataclass(frozen=True, slots=True)
class DeriveRound:
    """Derive the lists of the present round: they are missing or stale."""


@dataclass(frozen=True, slots=True)
class DropPremature:
    """Drop our last blocks: their slots have not begun."""


@dataclass(frozen=True, slots=True)
class SyncRound:
    """Take a better branch of the present round."""

    chain: ReportedChain


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Find the common block and fetch the rest."""

    chain: ReportedChain


@dataclass(frozen=True, slots=True)
class Follow:
    """Take one of these chains because an operator chose it, whether or not it is better than ours."""

    order: ForkOverride
    chains: tuple[ReportedChain, ...]


@dataclass(frozen=True, slots=True)
class LookInto:
    """Find where a chain that is no better than ours has left it."""

    chain: ReportedChain


@dataclass(frozen=True, slots=True)
class Forge:
    """Forge: it is our slot, and there is no obstacle."""

    consensus: Consensus


Decision = Rest | GoOn | DeriveRound | DropPremature | SyncRound | CatchUp | Follow | LookInto | Forge


def decide(params: ChainParams, tunables: Tunables, view: NodeView) -> Decision:
    """The next thing to do, by spec 6 (states, consensus, forging, syncing)."""
    if view.halted:
        return _rest(State.HALTED, Reason.HALTED, view.halted)
    if (urgent := _decide_urgent_forging(params, tunables, view)) is not None:
        return urgent
    is_syncing = view.sync_alive_at is not None
    if _is_sync_alive(params, view) and not view.is_round_new:
        return GoOn()
    if view.pow_problem:
        return _rest(State.POW_NOT_SYNC, Reason.COMPANION_LATE, view.pow_problem)
    if not view.is_plan_current:
        return DeriveRound()
    if view.connected < params.min_connections:
        is_starting = view.uptime_s < params.slot_s
        reason = Reason.STARTING if is_starting else Reason.NO_CONNECTIONS
        return _rest(State.START, reason, f"{view.connected} of {params.min_connections} connections")
    if is_syncing:
        # Those who should give us blocks are silent: only our own slot is worth more than waiting on.
        decision = _decide_forging(params, tunables, view)
        return decision if isinstance(decision, Forge) else GoOn()
    if _is_premature(params, view):
        return DropPremature()
    better = find_better_chains(view.own, view.peers, view.banned_tips)
    decision = (
        _decide_order(view) or _decide_sync(params, view, better) or _decide_forging(params, tunables, view)
    )
    if decision == Rest(State.SYNCING) and view.strange is not None:
        return LookInto(view.strange)
    return decision


def _rest(state: State, reason: Reason, words: str) -> Rest:
    return Rest(state, words, Obstacle(reason, words))


def _is_premature(params: ChainParams, view: NodeView) -> bool:
    """Whether our tip is of a slot that has not begun: our clock was ahead when we took it.  Others refuse it
    until then, while its round makes it look better than theirs.  If most peers in sight hold such a tip too,
    it is our clock that is behind, and the answer is no."""
    if has_begun(params, view.own.round, view.own.sir, view.now):
        return False
    voters = [peer for peer in view.peers if peer.counts]
    timely = sum(has_begun(params, peer.reported.round, peer.reported.sir, view.now) for peer in voters)
    return 2 * timely > len(voters)


def _is_sync_alive(params: ChainParams, view: NodeView) -> bool:
    if view.sync_alive_at is None:
        return False
    return view.monotonic - view.sync_alive_at < params.delays.grace_s


def _decide_urgent_forging(params: ChainParams, tunables: Tunables, view: NodeView) -> Forge | None:
    """Forge in our slot although better chains are reported, if that has gone on for long, following them
    came to nothing, and most peers in sight are on our tip.  Otherwise a peer could keep us from forging for
    ever by reporting one chain after another and never delivering it.  An operator's override goes first."""
    delays, since = params.delays, view.better_since
    if since is None or view.monotonic - since < delays.height_exchange_s + delays.grace_s:
        return None
    is_able = view.is_plan_current and view.connected >= params.min_connections
    if view.pow_problem or view.order is not None or not is_able:
        return None
    decision = _decide_forging(params, tunables, view)
    if isinstance(decision, Forge) and 2 * decision.consensus.agree > sum(peer.counts for peer in view.peers):
        return decision
    return None


def _decide_order(view: NodeView) -> Follow | None:
    """Follow an operator's override if peers have a chain for it.  It goes before our own measures, and
    before forging a block that would be cut again."""
    order = view.order
    if order is None:
        return None
    passed_over = view.banned_tips | view.tips_without_order | {view.own.block_hash}
    able = [
        chain
        for chain in group_chains(view.peers)
        if chain.height.height >= order.height and chain.height.block_hash not in passed_over
    ]
    able.sort(key=lambda chain: chain.height.block_hash != order.block_hash)
    return Follow(order, tuple(able)) if able else None


def _decide_sync(params: ChainParams, view: NodeView, better: list[ReportedChain]) -> Decision | None:
    """Follow a better chain once it was reported for long enough that it is not merely a block that is on its
    way to us."""
    if not better or view.better_since is None:
        return None
    waited = view.monotonic - view.better_since
    if waited < params.delays.height_exchange_s:
        return None
    chain = better[0]
    if chain.height.round == view.round and chain.height.block_hash not in view.needs_catch_up:
        return SyncRound(chain)
    rounds_behind = chain.height.round - view.own.round
    # Within the first seconds of a round a node that is one round behind is not late (spec 6).
    is_late = rounds_behind >= 2 or waited >= params.delays.grace_s
    if not is_late:
        return None
    # A branch behind which stand too few networks may be one host's invention.
    trusted = [c for c in better if c.count_subnets() >= params.min_subnets]
    return CatchUp(trusted[0]) if trusted else None


def _decide_forging(params: ChainParams, tunables: Tunables, view: NodeView) -> Decision:
    if view.juror != view.own_address:
        return Rest(State.SYNCING, _describe_silence(view))
    if (rest := _find_forging_obstacle(params, view)) is not None:
        return rest
    consensus = compute_consensus(view.own, view.peers, view.counted, view.jurors)
    is_second_half = view.now >= (view.slot_start + view.slot_end) / 2
    if is_enough(params, tunables, consensus, is_second_half):
        return Forge(consensus)
    state = State.MINIMAL_CONSENSUS if is_second_half else State.STRONG_CONSENSUS
    return _rest(state, Reason.NO_CONSENSUS, describe_shortfall(params, tunables, consensus, is_second_half))


def _describe_silence(view: NodeView) -> str:
    """The reason shown when we are connected but nobody reports a height: the other ends hang."""
    if view.peers or not view.connected:
        return ""
    return f"none of {view.connected} connected has said anything of late"


def _find_forging_obstacle(params: ChainParams, view: NodeView) -> Rest | None:
    """What keeps us from forging in our own slot, apart from consensus; None if nothing does.  A slot that
    has its block already, or whose time has not come, is no obstacle."""
    opens = view.slot_start + params.delays.earliest_forging_s
    closes = view.slot_end - params.delays.latest_forging_s
    offset_s = 0.0 if view.clock_offset_s is UNCHECKED else view.clock_offset_s
    clock = f"the clock is {offset_s:+.1f} s off"
    from_round = f"no forging before round {view.forge_from_round}"
    checks = (
        ((view.own.round, view.own.sir) >= (view.round, view.sir), None, "the slot has its block"),
        (view.is_slot_signed, Reason.ALREADY_SIGNED, "already signed for this slot"),
        (view.round < view.forge_from_round, Reason.RESTART_RULE, from_round),
        (abs(offset_s) > MAX_CLOCK_OFFSET_S, Reason.CLOCK_OFF, clock),
        (view.now < opens, None, "too early in the slot"),
        (view.now > closes, Reason.TOO_LATE, "too late in the slot"),
        (not view.can_seal, Reason.TOO_FEW_MESSAGES, _describe_mempool(params, view)),
    )
    for holds, reason, words in checks:
        if holds:
            return Rest(State.SYNCING, words) if reason is None else _rest(State.SYNCING, reason, words)
    return None


def _describe_mempool(params: ChainParams, view: NodeView) -> str:
    if view.messages < params.min_block_messages:
        return f"{view.messages} messages of {params.min_block_messages}"
    return f"messages of {view.senders} senders, of {params.min_forge_sources} needed"
