import hashlib

import ecdsa
import pytest
from ecdsa.util import sigdecode_string, sigencode_string

from hypernode.core.signing import (
    CURVE_ORDER,
    compute_pubkey,
    compute_twin,
    is_valid_signature,
    recover_pubkeys,
    sign,
)
from tests.unit.core.builders import get_privkey, get_pubkey

BUFFER = b"what is signed"
SIGNATURE = sign(get_privkey(0), BUFFER)


def lengthen(signature: bytes, zeros: int) -> bytes:
    """The same r and s, s with leading zeros."""
    return signature[:32] + bytes(zeros) + signature[32:]


def test_our_signature_verifies_and_has_low_s() -> None:
    assert is_valid_signature(get_pubkey(0), SIGNATURE, BUFFER)
    assert int.from_bytes(SIGNATURE[32:], "big") <= CURVE_ORDER // 2


def test_high_s_verifies_too() -> None:
    twin = compute_twin(SIGNATURE)
    assert twin != SIGNATURE
    assert is_valid_signature(get_pubkey(0), twin, BUFFER)
    assert compute_twin(twin) == SIGNATURE


def test_an_independent_library_agrees_both_ways() -> None:
    theirs = ecdsa.SigningKey.from_string(get_privkey(0), curve=ecdsa.SECP256k1, hashfunc=hashlib.sha1)
    assert theirs.verifying_key.to_string() == compute_pubkey(get_privkey(0))
    assert theirs.verifying_key.verify(SIGNATURE, BUFFER, sigdecode=sigdecode_string)
    for buffer in (b"", b"a", b"b" * 1000):
        signature = theirs.sign_deterministic(buffer, sigencode=sigencode_string)
        assert is_valid_signature(get_pubkey(0), signature, buffer)


@pytest.mark.parametrize(
    ("pubkey", "signature", "buffer"),
    [
        (get_pubkey(0), SIGNATURE, BUFFER + b"x"),
        (get_pubkey(1), SIGNATURE, BUFFER),
        (bytes(64), SIGNATURE, BUFFER),
        (b"\xff" * 64, SIGNATURE, BUFFER),
        (get_pubkey(0)[:63], SIGNATURE, BUFFER),
        (b"\x04" + get_pubkey(0), SIGNATURE, BUFFER),
        (b"\x02" + get_pubkey(0)[:32], SIGNATURE, BUFFER),
        (get_pubkey(0), b"", BUFFER),
        (get_pubkey(0), SIGNATURE[:63], BUFFER),
        (get_pubkey(0), bytes(64), BUFFER),
        (get_pubkey(0), CURVE_ORDER.to_bytes(32, "big") + SIGNATURE[32:], BUFFER),
        (get_pubkey(0), SIGNATURE[:32] + CURVE_ORDER.to_bytes(32, "big"), BUFFER),
        (get_pubkey(0), SIGNATURE[:32] + bytes(32), BUFFER),
    ],
)
def test_malformed_or_foreign_signatures_are_false_and_never_raise(
    pubkey: bytes, signature: bytes, buffer: bytes
) -> None:
    assert not is_valid_signature(pubkey, signature, buffer)
    assert not is_valid_signature(pubkey, signature, buffer, allow_long_ids=True)


@pytest.mark.parametrize("zeros", [1, 32])
def test_long_ids_count_only_where_they_are_allowed(zeros: int) -> None:
    long_id = lengthen(SIGNATURE, zeros)
    assert is_valid_signature(get_pubkey(0), long_id, BUFFER, allow_long_ids=True)
    assert not is_valid_signature(get_pubkey(0), long_id, BUFFER)
    assert compute_twin(long_id) == compute_twin(SIGNATURE)


def test_ids_over_96_bytes_and_ids_with_bytes_behind_are_refused() -> None:
    assert not is_valid_signature(get_pubkey(0), lengthen(SIGNATURE, 33), BUFFER, allow_long_ids=True)
    assert not is_valid_signature(get_pubkey(0), SIGNATURE + b"\x00", BUFFER, allow_long_ids=True)


@pytest.mark.parametrize("malformed", [b"", bytes(63), bytes(64), bytes(97), b"\xff" * 64])
def test_what_is_no_signature_has_no_twin(malformed: bytes) -> None:
    assert compute_twin(malformed) == malformed


def test_the_signers_key_is_recovered() -> None:
    keys = recover_pubkeys(SIGNATURE, BUFFER)
    assert get_pubkey(0) in keys
    assert get_pubkey(0) in recover_pubkeys(compute_twin(SIGNATURE), BUFFER)
    assert get_pubkey(0) not in recover_pubkeys(SIGNATURE, BUFFER + b"x")


@pytest.mark.parametrize("malformed", [b"", bytes(63), bytes(64), b"\xff" * 64, bytes(65)])
def test_nothing_is_recovered_from_a_malformed_signature(malformed: bytes) -> None:
    assert recover_pubkeys(malformed, BUFFER) == []


@pytest.mark.parametrize("privkey", [b"", bytes(31), bytes(32), b"\xff" * 32, bytes(33)])
def test_a_bad_private_key_is_a_value_error(privkey: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the library's words differ by what is wrong)
        compute_pubkey(privkey)
    with pytest.raises(ValueError):  # noqa: PT011
        sign(privkey, BUFFER)
