"""What holds for any bytes, texts and numbers: addresses, signatures, cuts, draws, orders, files."""

import hashlib
import json
import sqlite3
from dataclasses import replace
from typing import Any

import base58
import ecdsa
import pytest
from ecdsa.util import sigdecode_string, sigencode_string
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.address import (
    _encode_base58,
    compute_address,
    encode_address,
    is_valid_address,
    validate_address,
)
from hypernode.core.errors import Reject
from hypernode.core.forging import select_messages
from hypernode.core.fork_choice import is_better, is_promise_kept, is_same_height
from hypernode.core.lottery import Draws, compute_round_plan
from hypernode.core.message import encode_signed_buffer, normalise_cut
from hypernode.core.params.network_file import NetworkFileError, network_from_json, network_to_json
from hypernode.core.signing import (
    CURVE_ORDER,
    compute_pubkey,
    compute_twin,
    is_valid_signature,
    recover_pubkeys,
    sign,
)
from hypernode.core.timeline import compute_round_slot, compute_slot_start
from hypernode.core.types import ChainHeight, Message
from hypernode.core.validate_message import reads_as_number
from tests.unit.core.builders import OWN, get_pubkey, make_message, make_registration

privkeys = st.integers(1, CURVE_ORDER - 1).map(lambda n: n.to_bytes(32, "big"))
small = st.integers(0, 3)


@given(st.integers(0, 3), st.binary(max_size=40))
def test_base58_is_that_of_the_library(zeros: int, data: bytes) -> None:
    padded = bytes(zeros) + data
    assert _encode_base58(padded) == base58.b58encode(padded).decode("ascii")


@given(st.binary(min_size=20, max_size=20), st.sampled_from([0x19, 0x55]))
def test_addresses_hold_their_payload(payload: bytes, address_byte: int) -> None:
    address = encode_address(payload, address_byte)
    assert validate_address(address, address_byte) == payload
    assert not is_valid_address(address, address_byte ^ 0x4C)


@given(st.text(max_size=40) | st.text("123ABCabc", min_size=34, max_size=34))
def test_no_text_makes_an_address_check_raise(text: str) -> None:
    assert isinstance(is_valid_address(text, 0x19), bool)


@given(st.binary(max_size=100), st.integers(0, 33), st.sampled_from("123xyzXYZ"))
def test_no_other_character_fits_in_an_address(pubkey: bytes, place: int, other: str) -> None:
    address = compute_address(pubkey, 0x19)
    changed = address[:place] + other + address[place + 1 :]
    assert is_valid_address(changed, 0x19) == (changed == address)


@given(privkeys, st.binary(max_size=200))
def test_both_twins_verify_and_give_the_key_away(privkey: bytes, buffer: bytes) -> None:
    pubkey, signature = compute_pubkey(privkey), sign(privkey, buffer)
    for twin in (signature, compute_twin(signature)):
        assert is_valid_signature(pubkey, twin, buffer)
        assert pubkey in recover_pubkeys(twin, buffer)
        long_id = twin[:32] + b"\0" + twin[32:]
        assert is_valid_signature(pubkey, long_id, buffer, allow_long_ids=True)


@given(privkeys, st.binary(max_size=60), st.booleans())
def test_an_independent_library_agrees(privkey: bytes, buffer: bytes, tamper: bool) -> None:
    theirs = ecdsa.SigningKey.from_string(privkey, curve=ecdsa.SECP256k1, hashfunc=hashlib.sha1)
    signed = buffer + b"x" if tamper else buffer
    signature = theirs.sign_deterministic(signed, sigencode=sigencode_string)
    assert is_valid_signature(compute_pubkey(privkey), signature, buffer) is not tamper
    if not tamper:
        assert theirs.verifying_key.verify(sign(privkey, buffer), buffer, sigdecode=sigdecode_string)


@given(st.binary(max_size=100) | st.just(get_pubkey(0)), st.binary(max_size=100), st.binary(max_size=20))
def test_no_bytes_make_the_curve_raise(pubkey: bytes, signature: bytes, buffer: bytes) -> None:
    assert not is_valid_signature(pubkey, signature, buffer, allow_long_ids=True)
    assert all(len(key) == 64 for key in recover_pubkeys(signature, buffer))
    assert len(compute_twin(signature)) in (64, len(signature))


@given(st.text("abc 1'", max_size=20), st.integers(0, 2**32 - 1), st.integers(-34, 20))
def test_every_cut_of_a_signed_buffer_becomes_the_one_at_the_recipient(
    params_text: str, what: int, moved: int
) -> None:
    m = make_message(OWN, what=what, params=params_text)
    middle = m.recipient.encode() + what.to_bytes(4, "big") + params_text.encode()
    place = 34 + moved
    other = cut_at(m, middle, place)
    if other is None:
        return
    assert encode_signed_buffer(other) == encode_signed_buffer(m)
    assert normalise_cut(other, OWN.address_byte) == m
    assert normalise_cut(m, OWN.address_byte) == m


def cut_at(m: Message, middle: bytes, place: int) -> Message | None:
    """The message with a recipient of ``place`` characters; None where texts would not be ASCII."""
    recipient, what, rest = middle[:place], middle[place : place + 4], middle[place + 4 :]
    if len(what) < 4 or not (recipient.isascii() and rest.isascii()):
        return None
    return replace(m, recipient=recipient.decode(), what=int.from_bytes(what, "big"), params=rest.decode())


@given(st.text("0123456789.+-eE ", max_size=12))
def test_sqlite_and_we_agree_on_what_reads_as_a_number(text: str) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (params STRING)")
        database.execute("INSERT INTO t VALUES (?)", (text,))
        (kind,) = database.execute("SELECT typeof(params) FROM t").fetchone()
    database.close()
    assert reads_as_number(text) == (kind != "text")


@given(st.floats(-1e9, 4e9))
def test_time_lies_in_its_slot(t: float) -> None:
    round_, sir = compute_round_slot(OWN, t)
    assert 0 <= sir < OWN.slots_total
    assert compute_slot_start(OWN, round_, sir) <= t < compute_slot_start(OWN, round_, sir) + OWN.slot_s


heights = st.builds(
    ChainHeight, small, small, small, st.sampled_from([b"a", b"b", b"c"]), small, small, small, small
)


@given(heights, heights, heights)
def test_better_is_an_order_of_different_tips(a: ChainHeight, b: ChainHeight, c: ChainHeight) -> None:
    assert not (is_better(a, b) and is_better(b, a))
    assert is_better(a, b) or is_better(b, a) or a.block_hash == b.block_hash
    if is_better(a, b) and is_better(b, c) and a.block_hash != c.block_hash:
        assert is_better(a, c)
    if is_promise_kept(a, b):
        assert is_same_height(a, b)


@given(st.binary(max_size=40) | st.text(max_size=20), st.integers(2, 500))
def test_draws_stay_in_their_range_and_repeat(seed: bytes | str, count: int) -> None:
    draws = Draws(seed)
    assert 0 <= draws.below(count) < count
    first, second = draws.two_of(range(count))
    assert first != second
    items = list(range(count))
    draws.shuffle(items)
    assert sorted(items) == list(range(count))
    assert Draws(seed).getrandbits(64) == Draws(seed).getrandbits(64)


@given(
    st.lists(st.integers(-1, 3), max_size=25),
    st.sets(st.integers(0, 24)),
    st.binary(min_size=20, max_size=20),
)
def test_a_plan_has_jurors_of_positive_weight_or_none_at_all(
    weights: list[int], seen: set[int], reference: bytes
) -> None:
    registered = [make_registration(OWN, number, weight) for number, weight in enumerate(weights)]
    seen_before = {r.pos for i, r in enumerate(registered) if i in seen}
    plan = compute_round_plan(
        OWN, OWN.default_tunables.tests_per_slot, 5, registered, registered, seen_before, reference
    )
    weight_of = {r.pos: r.weight for r in registered if r.pos not in plan.inactive}
    assert len(plan.jurors) == (OWN.slots if any(w > 0 for w in weight_of.values()) else 0)
    assert all(weight_of[juror.address] > 0 for juror in plan.jurors)
    assert len({j.ticket for j in plan.jurors}) == len(plan.jurors) == len(plan.tests)


@given(st.lists(st.tuples(small, small, st.integers(0, 5)), max_size=20, unique=True), st.integers(0, 12))
def test_messages_for_a_block_are_spread_over_their_senders(
    wanted: list[tuple[int, int, int]], limit: int
) -> None:
    candidates = [make_message(OWN, sender, timestamp, value=v) for sender, timestamp, v in wanted]
    chosen = select_messages(OWN, candidates, limit)
    assert len(chosen) == min(limit, len(candidates))
    assert [m.timestamp for m in chosen] == sorted(m.timestamp for m in chosen)
    counts = {m.sender: sum(c.sender == m.sender for c in chosen) for m in candidates}
    most = max(counts.values(), default=0)
    for sender, count in counts.items():
        offered = sum(m.sender == sender for m in candidates)
        assert count >= min(offered, most - 1)


def to_json() -> dict[str, Any]:
    """A network file's object."""
    values: dict[str, Any] = json.loads(network_to_json(OWN))
    return values


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(to_json())), json_values)
def test_any_value_in_a_network_file_is_taken_or_named(field: str, value: object) -> None:
    text = json.dumps({**to_json(), field: value})
    try:
        params = network_from_json(text, "net.json")
    except NetworkFileError as error:
        words = str(error)
    else:
        words = "net.json: fine"
        assert network_from_json(network_to_json(params), "net.json") == params
    assert words.startswith("net.json: ")


@given(st.text(max_size=30))
def test_any_text_for_a_network_file_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(NetworkFileError, match=r"^net\.json: "):
        network_from_json(text, "net.json")


@given(st.integers(-(2**40), 2**40), st.text(max_size=5))
def test_a_message_is_encoded_or_refused_by_m1(number: int, text: str) -> None:
    m = replace(make_message(OWN), value=number, params=text)
    if 0 <= number < 2**32 and text.isascii():
        assert encode_signed_buffer(m).endswith(text.encode() + number.to_bytes(4, "big"))
    else:
        with pytest.raises(Reject, match="M1"):
            encode_signed_buffer(m)
