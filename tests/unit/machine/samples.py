"""Small makers of what the decisions look at."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.params.chain_params import ChainParams, replace_fields
from hypernode.core.params.networks import devnet
from hypernode.core.types import ChainHeight
from hypernode.machine.decide import NodeView
from hypernode.machine.peers import PeerView

ME = "me"
SLOT = 180


def make_network(**overrides: object) -> ChainParams:
    params = devnet(
        origin_of_time=1_000_000,
        slot_s=SLOT,
        control_pow="cf2562488992997dff3658e455701589678d0e966a79e2a037cbb2ff",
        control_pos="bJ5YTuPNJP2jEvCLGNoaCES2MBquR1nsLF",
    )
    return replace_fields(params, **overrides)


def make_height(height: int = 10, round_: int = 5, sir: int = 3, tag: int = 1, **more: int) -> ChainHeight:
    return ChainHeight(height, round_, sir, bytes([tag]) * 20, **more)


def make_peer(number: int, reported: ChainHeight, **more: object) -> PeerView:
    values: dict[str, object] = {
        "name": f"127.{number}.0.1:06969",
        "ip": f"127.{number}.0.1",
        "address": f"peer{number}",
        "reported": reported,
        "reported_at": 0.0,
        "is_outbound": True,
        "has_features": True,
    }
    return PeerView(**{**values, **more})  # type: ignore[arg-type]


def make_view(**overrides: object) -> NodeView:
    """A node that follows the chain in slot 4 of round 5, in the middle of the slot, with four peers on
    its tip; it is not its slot."""
    own = make_height()
    view = NodeView(
        now=1_030.0,
        monotonic=500.0,
        round=5,
        sir=4,
        slot_start=1_000.0,
        slot_end=1_000.0 + SLOT,
        own=own,
        own_address=ME,
        peers=tuple(make_peer(n, own) for n in range(1, 5)),
        connected=4,
        counted=5,
        jurors=("peer1", "peer2", ME),
        juror="peer1",
        can_seal=True,
    )
    return replace(view, **overrides)  # type: ignore[arg-type]
