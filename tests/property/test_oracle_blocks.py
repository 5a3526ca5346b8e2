"""Rules of blocks in ``core`` against those of ``tests.oracle``, for drawn inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.encoded_size import compute_block_size
from hypernode.core.forging import seal_block
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.core.validate_block import Origin, find_violations, is_refused
from tests.oracle import blocks, encoding
from tests.oracle_bridge import SIGNATURES, to_parameters
from tests.property.drawn_messages import draw_message, near, networks
from tests.unit.core.builders import (
    NETWORKS,
    ROUND,
    SIR,
    get_address,
    get_sign,
    make_block,
    make_context,
    make_message,
    make_parent,
    name_network,
)


def small(params: ChainParams) -> ChainParams:
    """With bounds that drawn blocks reach."""
    return replace(params, max_block_messages=6, message_age_s=60)


@st.composite
def drawn_blocks(draw: st.DrawFn) -> tuple[ChainParams, Block, Block]:
    """A network whose bounds of size are near the block's, a block, and its parent."""
    params = small(draw(networks))
    parent = make_parent(params)
    start = compute_slot_start(params, ROUND, SIR)
    at = draw(near(start, start + params.slot_s, start + 1, parent.timestamp) | st.just(start + 1))
    if draw(st.booleans()):
        sealed = [
            make_message(params, n % 3, at, value=n) for n in range(draw(st.sampled_from((3, 4, 5, 6, 7))))
        ]
    else:
        sealed = [draw_message(draw, params, at) for _ in range(draw(st.integers(3, 7)))]
    if draw(st.booleans()):
        sealed.sort(key=lambda m: m.timestamp)
    forger = draw(st.integers(0, 1))
    round_ = draw(st.sampled_from((ROUND, ROUND, ROUND, ROUND - 1, ROUND + 1)))
    sir = draw(st.sampled_from((SIR, SIR, SIR, SIR - 1, SIR - 2, 0, params.slots - 1, params.slots)))
    if draw(st.booleans()):
        round_, sir = ROUND, SIR
    try:
        block = seal_block(get_sign(forger), get_address(params, forger), parent, round_, sir, at, sealed)
    except Exception:
        block = make_block(params)
    if draw(st.booleans()):
        block = replace(block, **draw(changes(params)))
    if draw(st.integers(0, 3)) == 0:
        # one that broke rule 3 itself
        parent = replace(parent, timestamp=block.timestamp + draw(st.integers(-1, 1)))
    size = compute_block_size(block)
    bounds: dict[str, Any] = {
        name: draw(st.sampled_from([size - 1, size, size + 1, 1 << 30]))
        for name in ("max_block_bytes", "giant_block_bytes", "mixed_block_bytes")
    }
    return replace(params, **bounds), block, parent


def changes(params: ChainParams) -> st.SearchStrategy[dict[str, Any]]:
    """Of fields, after it was signed."""
    return st.fixed_dictionaries(
        {},
        optional={
            "height": st.integers(41, 43),
            "previous_hash": st.sampled_from([b"p" * 20, b"q" * 20]),
            "msg_count": st.integers(0, 7),
            "uniques_sources": st.integers(0, 5),
            "signature": st.binary(min_size=64, max_size=64) | st.binary(max_size=64),
            "block_hash": st.binary(max_size=20),
            "forger": st.integers(0, 2).map(lambda n: get_address(params, n)),
        },
    )


@given(
    case=drawn_blocks(),
    juror=st.integers(0, 1),
    behind=st.floats(-10, 10) | st.sampled_from([4.5, 5.0, 5.5]) | st.none(),
    is_taken=st.booleans(),
    known=st.integers(-1, 6),
    members=st.sampled_from([3, 5]),
)
@settings(max_examples=200)
def test_the_rules_of_a_block(
    case: tuple[ChainParams, Block, Block],
    juror: int,
    behind: float | None,
    is_taken: bool,
    known: int,
    members: int,
) -> None:
    params, block, parent = case
    ids = frozenset(m.txid for m in block.messages[known : known + 1]) if known >= 0 else frozenset()
    senders = frozenset(get_address(params, n) for n in range(members))
    now = None if behind is None else block.timestamp - behind
    address = get_address(params, juror)
    context = make_context(
        params,
        block,
        parent=parent,
        juror=address,
        registered=senders,
        known_ids=ids,
        slot_taken=is_taken,
        now=now,
    )
    p = to_parameters(params)
    found = find_violations(params, block, context)
    given_ = blocks.Given(parent, address, senders, ids, is_taken, now)
    assert {violation.rule.number for violation in found} == blocks.breaks_of_block(
        p, block, given_, SIGNATURES
    )
    assert {violation.rule.number: violation.cls.value for violation in found} == {
        violation.rule.number: blocks.class_of(p, block, violation.rule.number) for violation in found
    }
    assert compute_block_size(block) == len(encoding.encode_block(block))


WHERE = [(Origin.OWN, False), (Origin.PUSHED, False), (Origin.PUSHED, True), (Origin.FETCHED, False)]


@pytest.mark.parametrize("base", NETWORKS, ids=name_network)
@pytest.mark.parametrize(
    ("lenient", "is_listed"), [(0, False), (42, False), (43, False), (43, True), (0, True)]
)
def test_what_a_break_means(base: ChainParams, lenient: int, is_listed: bool) -> None:
    for size in (0, 1 << 20):
        block = make_block(base)
        # a block of height 42 that breaks as many rules as one can
        sealed = [
            replace(m, txid=b"x" * 64, recipient="x", timestamp=9) for m in (*block.messages, *block.messages)
        ]
        block = replace(
            block,
            round=1,
            sir=99,
            messages=tuple(sealed),
            msg_count=size and len(sealed),
            uniques_sources=9,
            block_hash=b"h" * 20,
        )
        params = replace(
            base,
            lenient_below=lenient,
            max_block_bytes=9,
            giant_block_bytes=99,
            max_block_messages=6,
            mixed_block_bytes=size,
            exceptions=((42, b"h" * 20),) if is_listed else (),
        )
        context = make_context(
            params, block, juror=None, slot_taken=True, parent=replace(make_parent(params), block_hash=b"")
        )
        breaks = find_violations(params, block, context)
        assert {violation.rule.number for violation in breaks} == {str(n) for n in range(1, 16)}
        p = to_parameters(params)
        for violation in breaks:
            assert violation.cls.value == blocks.class_of(p, block, violation.rule.number)
            for origin, most_hold in (*WHERE, (Origin.FETCHED, True)):
                expected = blocks.is_refused(
                    p, block, violation.rule.number, fetched=origin is Origin.FETCHED, most_hold=most_hold
                )
                assert is_refused(params, block, violation, origin, most_hold) is expected, (
                    violation,
                    origin,
                    most_hold,
                )
