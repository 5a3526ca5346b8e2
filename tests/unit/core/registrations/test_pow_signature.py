"""Signatures of PoW rows: what verifies, and what does not any more."""

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
from hypernode.devnet.pow_keys import KeyKind, create_pow_key, sign_pow


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
