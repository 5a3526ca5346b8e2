"""Whatever a peer sends: handlers answer, or raise Reject or Ignore, and the node lives on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.errors import Ignore, Reject
from hypernode.core.types import Block, ChainHeight, Message
from hypernode.node.owner.runtime import Node
from hypernode.sim.cluster import PORT
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.hello import CLIENT_PORT, Hello
from tests.unit.node.beds import ROUND, STRANGER, Bed, Branch, FakeCaller, play, serve, store

LIMITS = Limits()
UINT32 = st.one_of(
    st.sampled_from([0, 1, 2, ROUND, ROUND + 1, 2**31 - 1, 2**32 - 1]), st.integers(0, 2**32 - 1)
)
INT32 = st.one_of(st.integers(-2, 5), st.integers(-(2**31), 2**31 - 1))
BYTES = st.one_of(
    st.sampled_from([b"", bytes(20), bytes(64), b"\xff" * 64, b"x" * 200]), st.binary(max_size=100)
)
TEXT = st.one_of(
    st.sampled_from(
        ["", "\0", "None", ",1", "1,2", "1", "2", "0,0,1", "TEST:0", "TEST:4", "x" * 34, "00" * 64]
    ),
    st.text(st.characters(codec="utf-8"), max_size=80),
)
MESSAGE_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "txid": BYTES,
    "block_height": UINT32,
    "timestamp": UINT32,
    "sender": TEXT,
    "recipient": TEXT,
    "what": UINT32,
    "params": TEXT,
    "value": UINT32,
    "pubkey": BYTES,
}
BLOCK_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "height": UINT32,
    "round": UINT32,
    "sir": UINT32,
    "timestamp": UINT32,
    "previous_hash": BYTES,
    "msg_count": UINT32,
    "uniques_sources": UINT32,
    "signature": BYTES,
    "block_hash": BYTES,
    "forger": TEXT,
}


def some_of(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Other values for a few fields, or for all."""
    return st.one_of(
        st.just({}),
        st.sampled_from(sorted(fields)).flatmap(lambda name: fields[name].map(lambda value: {name: value})),
        st.fixed_dictionaries(fields),
    )


MESSAGES = st.lists(st.tuples(st.integers(0, 5), some_of(MESSAGE_FIELDS)), max_size=3)
BLOCKS = st.lists(st.tuples(st.booleans(), some_of(BLOCK_FIELDS), MESSAGES), max_size=2)
HEIGHTS = st.builds(ChainHeight, UINT32, UINT32, UINT32, BYTES, UINT32, UINT32, UINT32, UINT32)
PARAM: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    TEXT.map(lambda text: {"string": text}),
    INT32.map(lambda number: {"int32": number}),
    st.fixed_dictionaries({"height": HEIGHTS, "height_forger": st.one_of(st.none(), TEXT)}),
)
ASKED = st.tuples(
    st.sampled_from(sorted(set(CommandId))),
    PARAM,
    BLOCKS,
    MESSAGES,
    st.lists(BYTES, max_size=2),
    st.integers(0, 3),
)


def make_message(bed: Bed, index: int, fields: dict[str, Any]) -> Message:
    return replace(bed.message(index), **fields)


def make_block(bed: Bed, base: Block, fields: dict[str, Any], extra: tuple[Message, ...]) -> Block:
    return replace(base, messages=(*base.messages, *extra), **fields)


async def put(node: Node, bed: Bed, bases: tuple[Block, Block], asked: Any) -> None:
    """Ask one thing, as it would come off the wire."""
    command_id, param, blocks, messages, hashes, who = asked
    command = Command(
        command_id,
        blocks=tuple(
            make_block(bed, bases[follows], fields, tuple(make_message(bed, n, f) for n, f in extra))
            for follows, fields, extra in blocks
        ),
        messages=tuple(make_message(bed, n, fields) for n, fields in messages),
        hashes=tuple(hashes),
        **param,
    )
    hello = Hello(bed.params.posnet, PORT, bed.address(2))
    caller = (
        FakeCaller(STRANGER, 0, replace(hello, port=CLIENT_PORT)),
        FakeCaller(bed.ip(2), 0, hello),
        FakeCaller(bed.ip(3), 1, hello),
        FakeCaller(bed.ip(2), 0, None),
    )[who]
    arrived = decode_command(encode_command(command), LIMITS)
    try:
        answer = await serve(node, caller, arrived)
    except (Reject, Ignore):
        return
    if answer is not None:
        # and it can be read again by who asked
        assert decode_command(encode_command(answer), LIMITS).id is answer.id


@settings(max_examples=150)
@given(asked=st.lists(ASKED, min_size=1, max_size=6))
def test_handlers_raise_nothing_but_verdicts(asked: list[Any]) -> None:
    async def scenario() -> None:
        bed = Bed(allow_queries_from=(STRANGER,))
        bed.go_to(ROUND, 1)
        node = await bed.node(pow_source=bed.scripted_pow())
        (first,) = await store(bed, node.ports.ledger, (ROUND, 0))
        follows = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 1)
        await node.listening.start(node.options.listen)
        await bed.open(bed.ip(2), 0, port=PORT, features=0)
        await bed.open(bed.ip(3), 0, port=PORT)
        for one in asked:
            await put(node, bed, (first, follows), one)
        json.dumps(await node.views.get_status(), allow_nan=False)
        assert node.node_state.halted == ""

    play(scenario())
