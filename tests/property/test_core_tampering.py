"""A valid message or block with any one field changed breaks a rule that names the field, or the field is
outside what is signed."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED
from hypernode.core.types import UINT32_MAX, Block, Message
from hypernode.core.validate_block import Origin, find_violations, validate_block
from hypernode.core.validate_message import find_message_violation
from tests.unit.core.builders import (
    NETWORKS,
    get_address,
    get_pubkey,
    make_block,
    make_context,
    make_message,
    make_messages,
)

networks = st.sampled_from(NETWORKS)
numbers = st.integers(-5, UINT32_MAX + 5)
hashes = st.binary(max_size=21)
texts = st.text(max_size=40)

MESSAGE_VALUES: dict[str, st.SearchStrategy[object]] = {
    "txid": st.binary(max_size=100),
    "block_height": st.integers(0, UINT32_MAX),
    "timestamp": numbers,
    "sender": texts | st.integers(0, 9).map(str),
    "recipient": texts,
    "what": numbers,
    "params": texts,
    "value": numbers,
    "pubkey": st.binary(max_size=70) | st.integers(0, 9).map(get_pubkey),
    "received": numbers,
}
"""Every field of a message, and what it may be changed to."""

MESSAGE_RULES = {
    "txid": {"M1", "M3"},
    "timestamp": {"M1", "M3"},
    "sender": {"M1", "M2"},
    "recipient": {"M1", "M3"},
    "what": {"M1", "M3"},
    "params": {"M1", "M3"},
    "value": {"M1", "M3"},
    "pubkey": {"M1", "M2"},
}
"""The rules that name a field; those of a message that are not here are not signed."""

BLOCK_VALUES: dict[str, st.SearchStrategy[object]] = {
    "height": numbers,
    "round": numbers,
    "sir": numbers,
    "timestamp": numbers,
    "previous_hash": hashes,
    "messages": st.lists(st.integers(0, 5), max_size=6),
    "msg_count": numbers,
    "uniques_sources": numbers,
    "signature": st.binary(max_size=66),
    "block_hash": hashes,
    "forger": texts | st.integers(1, 9).map(str),
    "received_by": texts,
}

BLOCK_RULES = {
    "height": {"1", "4", "5"},
    "round": {"3", "4", "5"},
    "sir": {"3", "4", "5"},
    "timestamp": {"4", "5"},
    "previous_hash": {"1", "4", "5"},
    "messages": {"4", "5"},
    "msg_count": {"7"},
    "uniques_sources": {"8"},
    "signature": {"5"},
    "block_hash": {"4"},
    "forger": {"5", "6"},
}
"""The rules that at least are broken."""


def test_every_field_is_tried() -> None:
    assert set(MESSAGE_VALUES) == {f.name for f in fields(Message)}
    assert set(BLOCK_VALUES) == {f.name for f in fields(Block)}


@given(st.data(), networks, st.booleans(), st.sampled_from(sorted(MESSAGE_VALUES)))
def test_a_changed_field_of_a_message_breaks_the_rule_that_names_it(
    data: st.DataObject, params: ChainParams, sealed: bool, field: str
) -> None:
    m = make_message(params)
    value = data.draw(MESSAGE_VALUES[field])
    if field == "sender" and isinstance(value, str) and value.isdecimal() and len(value) == 1:
        value = get_address(params, int(value))
    if value == getattr(m, field):
        return
    changed = replace(m, **{field: value})  # type: ignore[arg-type]
    broken = find_message_violation(params, changed, sealed=sealed, registered=UNCHECKED)
    if field in MESSAGE_RULES:
        assert broken is not None
        assert broken.rule.label in MESSAGE_RULES[field]
    else:
        assert broken is None


@given(st.data(), networks, st.sampled_from(sorted(BLOCK_VALUES)))
def test_a_changed_field_of_a_block_breaks_the_rule_that_names_it(
    data: st.DataObject, params: ChainParams, field: str
) -> None:
    block = make_block(params)
    context = make_context(params, block)
    value = data.draw(BLOCK_VALUES[field])
    if field == "messages" and isinstance(value, list):
        pool = [*block.messages, *make_messages(params, (4, 5))]
        value = tuple(pool[i] for i in value)
    if field == "forger" and isinstance(value, str) and value.isdecimal() and len(value) == 1:
        value = get_address(params, int(value))
    if value == getattr(block, field):
        return
    changed = replace(block, **{field: value})  # type: ignore[arg-type]
    broken = {b.rule.number for b in find_violations(params, changed, context)}
    assert BLOCK_RULES.get(field, set()) <= broken
    if field in BLOCK_RULES:
        with pytest.raises(Exception, match="rule"):
            validate_block(params, changed, context, Origin.PUSHED)
    else:
        assert broken == set()
