"""Holders of a branch, and what they give."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.types import Block, ChainHeight
from hypernode.machine.peers import PeerView
from hypernode.node.sync.batches import Span
from tests.unit.wire.samples import BLOCK

HOLDERS = tuple(
    PeerView(str(n), f"10.{n}.0.1", str(n), ChainHeight(1, 0, 0, b""), 0.0, True, True) for n in range(4)
)


def make_blocks(span: Span, count: int) -> tuple[Block, ...]:
    return tuple(replace(BLOCK, height=span.first + n, messages=()) for n in range(count))
