"""Lenient addresses, the registry as JSON, and signatures of PoW rows."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from Crypto.Hash import SHA1
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from hypernode.core.registrations.pow_address import is_valid_pow_address
from hypernode.core.registrations.pow_signature import (
    SignedRow,
    compute_rsa_address,
    encode_pow_buffer,
    is_valid_pow_signature,
)
from hypernode.core.registrations.registry import RegistryState
from hypernode.core.registrations.registry_json import decode_state, encode_state
from hypernode.core.types import Registration
from hypernode.devnet.pow_keys import KeyKind, create_pow_key, sign_pow


@pytest.mark.parametrize("length", range(28, 61))
def test_lengths_of_addresses_that_are_not_rsa(length: int) -> None:
    expected = 32 <= length <= 56 and length != 50
    assert is_valid_pow_address("Bis1" + "z" * (length - 4)) is expected


def test_one_line_feed_passes_and_counts_as_a_character() -> None:
    assert is_valid_pow_address("a" * 56 + "\n")
    assert not is_valid_pow_address("a" * 56 + "\n\n")
    assert not is_valid_pow_address("Bis1" + "z" * 45 + "\n")
    assert is_valid_pow_address("Bis1" + "z" * 46 + "\n")


def test_a_state_survives_json() -> None:
    entry = Registration("c", "10.0.0.1", "٣", "p ", "r", -3, 1535718085.55)
    state = RegistryState((entry,), ("p ", "q"))
    assert decode_state(encode_state(state), "here") == state


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"entries": [], "voids": [1]}',
        '{"entries": {}, "voids": []}',
        '{"entries": [{"ip": "1"}], "voids": []}',
        encode_state(RegistryState((Registration("c", "i", "p", "q", "r", 1),))).replace(
            '"weight": 1', '"weight": "1"'
        ),
        encode_state(RegistryState((Registration("c", "i", "p", "q", "r", 1),))).replace(
            '"ip": "i"', '"ip": 7'
        ),
        encode_state(RegistryState(tuple(Registration(c, "i", c, "q", c, 1) for c in "cd"))),
    ],
)
def test_what_is_no_state_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"^state\.json: "):
        decode_state(text, "state.json")


def sign(kind: KeyKind) -> SignedRow:
    key = create_pow_key(b"\x07" * 32, kind)
    buffer = encode_pow_buffer(1.005, key.address, "r", 123, "op", "it's")
    return SignedRow(1.005, key.address, "r", 123, "op", "it's", sign_pow(key, buffer), key.public_text)


def sign_rsa() -> SignedRow:
    key = RSA.generate(1024)
    pem = key.public_key().export_key()
    address = compute_rsa_address(pem)
    buffer = encode_pow_buffer(5, address, address, 10**8, "", "")
    signature = pkcs1_15.new(key).sign(SHA1.new(buffer))
    texts = [base64.b64encode(raw).decode() for raw in (signature, pem)]
    return SignedRow(5, address, address, 10**8, "", "", *texts)


@pytest.mark.parametrize("kind", ["secp256k1", "ed25519", "rsa"])
def test_a_signed_row_verifies_and_an_altered_one_does_not(kind: KeyKind) -> None:
    row = sign_rsa() if str(kind) == "rsa" else sign(kind)
    assert is_valid_pow_signature(row)
    other = sign("ed25519" if kind == "secp256k1" else "secp256k1")
    altered = [
        replace(row, amount=row.amount + 1),
        replace(row, openfield="x"),
        replace(row, timestamp=row.timestamp + 1),
        replace(row, address=other.address),
        replace(row, public_key=other.public_key),
        replace(row, signature=other.signature),
        replace(row, signature="not base64"),
        replace(row, signature=""),
        replace(row, public_key=""),
        replace(row, openfield="\udc80"),
    ]
    assert not any(is_valid_pow_signature(bad) for bad in altered)


def test_the_signed_buffer_is_the_tuple_of_six_texts() -> None:
    buffer = encode_pow_buffer(1535717545.5, "a", "b", 10_100 * 10**8 + 1, "op", "it's")
    assert buffer == b"""('1535717545.50', 'a', 'b', '10100.00000001', 'op', "it's")"""


def test_addresses_are_those_of_known_kinds() -> None:
    for kind, length in (("secp256k1", 37), ("ed25519", 54)):
        address = create_pow_key(b"\x01" * 32, "ed25519" if kind == "ed25519" else "secp256k1").address
        assert address.startswith("Bis1")
        assert len(address) == length
        assert is_valid_pow_address(address)
    with pytest.raises(ValueError, match="32 bytes"):
        create_pow_key(b"short")
