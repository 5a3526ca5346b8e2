"""Proofs of a signed hello: byte for byte what spec 2 says, and every way in which one is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.address import compute_address
from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.signing import compute_pubkey, compute_twin, is_valid_signature, sign
from hypernode.wire.auth import (
    Claim,
    Nonces,
    Side,
    check_proof,
    encode_proof_buffer,
    make_proof,
    validate_claim,
)

MAIN, TEST = 25, 85
KEY = b"\x01" * 32
PUBKEY = compute_pubkey(KEY)
ADDRESS = compute_address(PUBKEY, MAIN)
OTHER_KEY = b"\x02" * 32
PEER_ADDRESS = compute_address(compute_pubkey(OTHER_KEY), MAIN)
NONCES = Nonces(client=bytes(range(32)), server=bytes(range(32, 64)))
CLAIM = Claim(ADDRESS, PUBKEY, NONCES.client)


def prove(
    key: bytes = KEY, side: Side = Side.CLIENT, nonces: Nonces = NONCES, to: str = PEER_ADDRESS
) -> bytes:
    return make_proof(lambda buffer: sign(key, buffer), side, nonces, to)


def check(proof: bytes | None) -> None:
    check_proof(proof, CLAIM, Side.CLIENT, NONCES, PEER_ADDRESS)


@pytest.mark.parametrize(
    ("side", "label"), [(Side.SERVER, b"hn-hello-server"), (Side.CLIENT, b"hn-hello-client")]
)
def test_what_is_signed_is_label_nonces_and_the_others_address(side: Side, label: bytes) -> None:
    expected = label + bytes(range(64)) + PEER_ADDRESS.encode()
    assert encode_proof_buffer(side, NONCES, PEER_ADDRESS) == expected
    assert is_valid_signature(PUBKEY, prove(side=side), expected)


def test_a_proof_by_the_key_is_taken() -> None:
    check(prove())


def test_both_signatures_of_a_proof_are_taken() -> None:
    check(compute_twin(prove()))


@pytest.mark.parametrize(
    "proof",
    [
        prove(key=OTHER_KEY),
        prove(side=Side.SERVER),
        prove(to=ADDRESS),
        prove(nonces=Nonces(NONCES.server, NONCES.client)),
        prove(nonces=replace(NONCES, server=bytes(32))),
        prove(nonces=replace(NONCES, client=bytes(32))),
        b"",
        bytes(64),
        prove() + b"\x00",
    ],
    ids=["another key", "the other side's", "for another", "turned", "old", "replayed", "empty", "0", "long"],
)
def test_a_wrong_proof_is_refused(proof: bytes) -> None:
    with pytest.raises(Reject) as caught:
        check(proof)
    assert (caught.value.rule, caught.value.reason) == (Rule.WIRE, "the proof of a signed hello is wrong")


def test_no_proof_is_refused() -> None:
    with pytest.raises(Reject) as caught:
        check(None)
    assert caught.value.reason == "a signed hello without a proof"


def test_a_claim_that_fits_together_is_taken() -> None:
    assert validate_claim(NONCES.client, PUBKEY, ADDRESS, MAIN) == CLAIM


@pytest.mark.parametrize(
    ("nonce", "pubkey", "address", "address_byte", "reason"),
    [
        (None, PUBKEY, ADDRESS, MAIN, "a signed hello without a nonce of 32 bytes"),
        (bytes(31), PUBKEY, ADDRESS, MAIN, "a signed hello without a nonce of 32 bytes"),
        (bytes(33), PUBKEY, ADDRESS, MAIN, "a signed hello without a nonce of 32 bytes"),
        (bytes(32), None, ADDRESS, MAIN, "a signed hello without a key of 64 bytes"),
        (bytes(32), b"\x04" + PUBKEY, ADDRESS, MAIN, "a signed hello without a key of 64 bytes"),
        (bytes(32), PUBKEY, PEER_ADDRESS, MAIN, "the key of a signed hello is not that of its address"),
        (bytes(32), PUBKEY, ADDRESS, TEST, "the key of a signed hello is not that of its address"),
    ],
)
def test_a_claim_that_does_not_is_refused(
    nonce: bytes | None, pubkey: bytes | None, address: str, address_byte: int, reason: str
) -> None:
    with pytest.raises(Reject) as caught:
        validate_claim(nonce, pubkey, address, address_byte)
    assert (caught.value.rule, caught.value.reason) == (Rule.WIRE, reason)
