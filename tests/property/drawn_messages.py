"""Strategies of messages that break a rule now and then, at the edges of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Message
from tests.unit.core.builders import (
    NETWORKS,
    ROUND,
    SIR,
    get_address,
    make_message,
)

networks = st.sampled_from(NETWORKS)
TEXTS = (
    "TEST:1",
    "1e3",
    " 7",
    "-.5",
    "1.",
    ".",
    "1e",
    "+1E+9 ",
    "0x1",
    "a'b",
    "x" * 256,
    "x" * 257,
    "",
    "a~",
)
texts = st.sampled_from(TEXTS)
EDGES = (-2, -1, 0, 1, 2)


def near(*places: float) -> st.SearchStrategy[int]:
    """Whole numbers at and around some: where a comparison goes wrong by one."""
    return st.builds(
        lambda place, by: max(0, int(place) + by), st.sampled_from(places), st.sampled_from(EDGES)
    )


def draw_message(draw: st.DrawFn, params: ChainParams, start: int) -> Message:
    """One that breaks some rule now and then."""
    number = draw(st.integers(0, 4))
    at = draw(near(start, start - params.message_age_s - params.slot_s, start + params.future_allowed_s))
    message = make_message(params, number, at, value=draw(st.integers(0, 1)))
    if draw(st.integers(0, 3)):
        return message
    made: dict[str, Any] = {"params": draw(texts)}
    if draw(st.booleans()):
        made["recipient"] = draw(
            st.sampled_from([get_address(params, 1)[:-1], "x" * 34, get_address(params, 2)])
        )
    message = make_message(params, number, at, **made)
    kind = draw(st.integers(0, 7))
    broken: dict[int, dict[str, Any]] = {
        1: {"params": "é"},
        2: {"value": draw(st.sampled_from([1 << 32, 7]))},
        3: {"sender": get_address(params, 3)},
        4: {"sender": "B" + "x" * 33},
        5: {"pubkey": message.pubkey[: draw(st.integers(62, 63))]},
        6: {"txid": message.txid[:32] + bytes(draw(st.integers(1, 33))) + message.txid[32:]},
        7: {"txid": message.txid[:-1]},
    }
    return replace(message, **broken.get(kind, {}))


@st.composite
def single_messages(draw: st.DrawFn) -> tuple[ChainParams, Message]:
    """A message and the network it is on."""
    params = draw(networks)
    return params, draw_message(draw, params, compute_slot_start(params, ROUND, SIR))
