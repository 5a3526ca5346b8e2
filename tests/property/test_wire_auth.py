"""A proof is one for exactly what was signed: any other byte anywhere is refused, and nothing else raised."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.address import compute_address
from hypernode.core.errors import Reject
from hypernode.core.signing import compute_pubkey, sign
from hypernode.wire.auth import Claim, Nonces, Side, check_proof, make_proof, validate_claim

ADDRESS_BYTE = 85
KEY = b"\x05" * 32
PUBKEY = compute_pubkey(KEY)
CLAIM = Claim(compute_address(PUBKEY, ADDRESS_BYTE), PUBKEY, bytes(32))

nonces = st.builds(Nonces, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
addresses = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=34, max_size=34)


def _is_proof(proof: bytes | None, claim: Claim, side: Side, drawn: Nonces, address: str) -> bool:
    try:
        check_proof(proof, claim, side, drawn, address)
    except Reject:
        return False
    return True


@given(st.sampled_from(Side), nonces, addresses)
def test_a_proof_is_taken_for_what_it_was_made_for(side: Side, drawn: Nonces, address: str) -> None:
    proof = make_proof(lambda buffer: sign(KEY, buffer), side, drawn, address)
    assert _is_proof(proof, CLAIM, side, drawn, address)


@given(
    st.tuples(st.sampled_from(Side), nonces, addresses), st.tuples(st.sampled_from(Side), nonces, addresses)
)
def test_a_proof_is_taken_for_nothing_else(
    made: tuple[Side, Nonces, str], asked: tuple[Side, Nonces, str]
) -> None:
    proof = make_proof(lambda buffer: sign(KEY, buffer), *made)
    assert _is_proof(proof, CLAIM, *asked) is (made == asked)


@given(st.none() | st.binary(max_size=100), st.binary(max_size=70), nonces)
def test_any_bytes_are_no_proof(proof: bytes | None, pubkey: bytes, drawn: Nonces) -> None:
    claim = Claim(CLAIM.address, pubkey, drawn.client)
    assert not _is_proof(proof, claim, Side.SERVER, drawn, CLAIM.address)


@given(st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=70), st.text(max_size=40))
def test_any_claim_is_one_or_is_refused(nonce: bytes | None, pubkey: bytes | None, address: str) -> None:
    with contextlib.suppress(Reject):
        claim = validate_claim(nonce, pubkey, address, ADDRESS_BYTE)
        assert claim == Claim(address, pubkey or b"", nonce or b"")
