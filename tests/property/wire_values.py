"""Strategies for blocks and messages that the wire can carry."""

from __future__ import annotations

from hypothesis import strategies as st

from hypernode.core.types import Block, Message

uint32 = st.integers(0, 2**32 - 1)
texts = st.text(max_size=12)
hashes = st.binary(max_size=20)


messages = st.builds(
    Message, st.binary(max_size=96), uint32, uint32, texts, texts, uint32, texts, uint32, hashes
)


blocks = st.builds(
    Block,
    height=uint32,
    round=uint32,
    sir=uint32,
    timestamp=uint32,
    previous_hash=hashes,
    messages=st.lists(messages, max_size=3).map(tuple),
    msg_count=uint32,
    uniques_sources=uint32,
    signature=hashes,
    block_hash=hashes,
    forger=texts,
    received_by=st.just(""),
)
