"""Whether enough of the network agrees with us to forge (spec 6, consensus)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hypernode.core.fork_choice import is_same_height
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import Tunables
from hypernode.core.types import ChainHeight
from hypernode.machine.peers import PeerView


@dataclass(frozen=True, slots=True)
class Consensus:
    """What we see of the others' tips.  ``percent`` of all who count (spec 3) are on our tip.  Of the round's
    other jurors that count, ``jurors_seen`` are in sight and ``jurors_agree`` are on it.  ``chains``
    different tips are in sight."""

    agree: int
    counted: int
    percent: int
    jurors_agree: int
    jurors_seen: int
    chains: int


def compute_consensus(
    own: ChainHeight, peers: Sequence[PeerView], counted: int, jurors: Collection[str]
) -> Consensus:
    """``counted``: how many count; what others tell is not looked at, nor are we among those who agree."""
    voters = [peer for peer in peers if peer.counts]
    agreeing = [peer for peer in voters if is_same_height(own, peer.reported)]
    chains = {peer.reported.block_hash for peer in voters} | {own.block_hash}
    return Consensus(
        agree=len(agreeing),
        counted=counted,
        percent=round(100 * len(agreeing) / counted) if counted else 0,
        jurors_agree=sum(peer.address in jurors for peer in agreeing),
        jurors_seen=sum(peer.address in jurors for peer in voters),
        chains=len(chains),
    )


def is_enough(params: ChainParams, tunables: Tunables, consensus: Consensus, is_second_half: bool) -> bool:
    """The percentage is over MIN_FORGE_CONSENSUS, or in the slot's second half over
    MIN_FORGE_CONSENSUS_LOW while one single chain is observable; and of the jurors that we see at
    least one agrees, unless none is in sight."""
    if consensus.jurors_seen and not consensus.jurors_agree:
        return False
    if consensus.percent > tunables.min_forge_consensus:
        return True
    return is_second_half and consensus.chains == 1 and consensus.percent > params.min_forge_consensus_low


def describe_shortfall(
    params: ChainParams, tunables: Tunables, consensus: Consensus, is_second_half: bool
) -> str:
    """What ``is_enough`` misses, in figures."""
    is_low_bar = is_second_half and consensus.chains == 1
    needed = params.min_forge_consensus_low if is_low_bar else tunables.min_forge_consensus
    if consensus.percent <= needed:
        return f"{consensus.percent} %, over {needed} needed"
    return f"{consensus.percent} %, but none of {consensus.jurors_seen} jurors in sight agrees"
