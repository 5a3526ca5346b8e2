"""What we know of the others: one view per hypernode that we listen to, and the chains they tell.

We listen to those that count and to the jurors of the round (spec 3, who counts); shares, majorities and
subnets are of those that count.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.fork_choice import get_position, is_better
from hypernode.core.params.chain_params import Delays
from hypernode.core.types import ChainHeight, Height

FRESH_EXCHANGES: Final = 3
"""A peer that is silent for so many exchanges of heights counts as not seen (spec 10, 1): one may be late,
and a second one lost with a line that broke."""
LEGACY_EXCHANGE_S: Final = 10.0
"""How often a legacy node that dialled us tells its height, however short the network's slots are."""


@dataclass(frozen=True, slots=True)
class PeerView:
    """A hypernode that counts, or is a juror of the round, and whose height we know.

    ``address`` is its PoS address by the list (its IP), ``reported_at`` monotonic seconds, ``juror`` whom
    it holds for the juror of the present slot (feature peers), ``is_outbound`` whether we dialled it
    and so can ask it things; ``counts`` is false of a juror that only holds a slot; ``is_vouched``: the
    height came from who proved its key or answers at its endpoint, so that an untrue one may be held against
    it."""

    name: str
    ip: str
    address: str
    reported: ChainHeight
    reported_at: float
    is_outbound: bool
    has_features: bool
    juror: str | None = None
    counts: bool = True
    is_vouched: bool = True


def compute_freshness_s(delays: Delays, *, is_legacy_caller: bool = False) -> float:
    """For how many seconds a told height counts: three of the longest intervals between exchanges.
    ``is_legacy_caller``: a legacy peer that we did not dial, whose own pace it is."""
    interval = delays.height_exchange_in_consensus_s
    return FRESH_EXCHANGES * (max(interval, LEGACY_EXCHANGE_S) if is_legacy_caller else interval)


def is_fresh(delays: Delays, peer: PeerView, now: float) -> bool:
    """Whether the peer's last height still counts.  ``now``: monotonic seconds."""
    is_legacy_caller = not peer.has_features and not peer.is_outbound
    return now - peer.reported_at < compute_freshness_s(delays, is_legacy_caller=is_legacy_caller)


def keep_fresh(delays: Delays, peers: Iterable[PeerView], now: float) -> tuple[PeerView, ...]:
    """The peers in sight: those whose last height is fresh.  Everything that is counted is counted over
    these."""
    return tuple(peer for peer in peers if is_fresh(delays, peer, now))


@dataclass(frozen=True, slots=True)
class ReportedChain:
    """One chain as peers tell it, and who holds it."""

    height: ChainHeight
    holders: tuple[PeerView, ...]

    @property
    def count(self) -> int:
        """How many of its holders count."""
        return sum(peer.counts for peer in self.holders)

    def count_subnets(self) -> int:
        """Peers in one /16 count as one (spec 6, connecting)."""
        return len({get_subnet(peer.ip) for peer in self.holders if peer.counts})


def get_subnet(ip: str) -> str:
    """The /16 of an IPv4 address (the /32 of an IPv6 one), as text; a host name, as the fixed list of a
    private network may have, stands for itself."""
    try:
        prefix = 16 if ipaddress.ip_address(ip).version == 4 else 32
    except ValueError:
        return ip
    return str(ipaddress.ip_network(f"{ip}/{prefix}", strict=False))


def group_chains(peers: Sequence[PeerView]) -> list[ReportedChain]:
    """Peers by the tip that they tell, most holders that count first, then the better tip.  Peers that tell
    one tip with other measures (a stale cache) are one chain: the best measures stand for it, told by those
    that count where there are any."""
    by_tip: dict[tuple[int, int, int, bytes], list[PeerView]] = {}
    for peer in peers:
        by_tip.setdefault(get_position(peer.reported), []).append(peer)
    chains = [
        ReportedChain(get_best(p.reported for p in _list_voters(holders) or holders), tuple(holders))
        for holders in by_tip.values()
    ]
    chains.sort(key=lambda c: (c.count, c.height.round, c.height.height, c.height.block_hash), reverse=True)
    return chains


def _list_voters(peers: Sequence[PeerView]) -> list[PeerView]:
    return [peer for peer in peers if peer.counts]


def get_best(heights: Iterable[ChainHeight]) -> ChainHeight:
    """The best of some heights (at least one), by fork choice.  Of one tip told with several
    measures the most common telling stands, so that one liar cannot speak for all."""
    counts = Counter(heights)
    most = max(counts.values())
    common = [height for height, count in counts.items() if count == most]
    best = common[0]
    for height in common[1:]:
        if is_better(height, best):
            best = height
    return best


def order_holders(reported: ReportedChain, jurors: Collection[str], liars: Collection[str]) -> list[PeerView]:
    """In which order to ask holders for a branch: jurors first, then those that we have an outgoing
    connection to, then by latest height; those who lied recently come last."""
    return sorted(
        reported.holders,
        key=lambda peer: (
            peer.address in liars,
            peer.address not in jurors,
            not peer.is_outbound,
            -peer.reported_at,
            peer.address,
        ),
    )


def find_better_chains(
    own: ChainHeight, peers: Sequence[PeerView], banned: frozenset[bytes]
) -> list[ReportedChain]:
    """Chains told to be better than ours, most held first; banned tips left out."""
    # On our own tip nobody tells anything better, and that is where most are most of the time.
    elsewhere = [peer for peer in peers if peer.reported.block_hash != own.block_hash]
    return [
        chain
        for chain in group_chains(elsewhere)
        if chain.height.block_hash not in banned and is_better(chain.height, own)
    ]


@dataclass(frozen=True, slots=True)
class ForkOverride:
    """An operator's override: take the chain that has this block (spec 4, SPLIT)."""

    height: Height
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class Support:
    """How many of the peers in sight that count (``connected``) hold a branch (``behind``).
    ``order``: an operator chose what has its block: that may replace ours whatever its age and measures."""

    behind: int
    connected: int
    order: ForkOverride | None = None

    @property
    def is_majority(self) -> bool:
        return 2 * self.behind > self.connected


def compute_support(block_hash: bytes, peers: Sequence[PeerView]) -> Support:
    """Who holds the branch with this tip."""
    voters = _list_voters(peers)
    return Support(sum(peer.reported.block_hash == block_hash for peer in voters), len(voters))
