"""The signed hello (spec 2, frames): both sides prove that they hold the key of the address in their hello.

Each gives a nonce of its own and signs both, so that no proof can be played again; each signs the other's
address too, and under its own label, so that none serves against a third or in the other direction.  What is
signed here can be no message: its sender would hold a ``-``, which no address does.  A proof says who
answered the hello; it does not bind the frames that follow, which travel in the clear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hypernode.core.address import compute_address
from hypernode.core.errors import Reject
from hypernode.core.signing import is_valid_signature
from hypernode.core.types import PUBKEY_BYTES
from hypernode.wire.tags import RULE

NONCE_BYTES: Final = 32


class Side(Enum):
    """Who proves; the label that its buffer begins with."""

    SERVER = b"hn-hello-server"
    CLIENT = b"hn-hello-client"


@dataclass(frozen=True, slots=True)
class Nonces:
    """The random bytes of both sides in one hello exchange, ``NONCE_BYTES`` each."""

    client: bytes
    server: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The sender that a signed hello names, not proved yet."""

    address: str
    pubkey: bytes
    nonce: bytes


def encode_proof_buffer(side: Side, nonces: Nonces, peer_address: str) -> bytes:
    """What ``side`` signs; ``peer_address`` is the other side's, as in its hello (ASCII)."""
    return side.value + nonces.client + nonces.server + peer_address.encode("ascii")


def make_proof(sign: Callable[[bytes], bytes], side: Side, nonces: Nonces, peer_address: str) -> bytes:
    """Field 23 of ``side``: a signature of 64 bytes."""
    return sign(encode_proof_buffer(side, nonces, peer_address))


def validate_claim(nonce: bytes | None, pubkey: bytes | None, address: str, address_byte: int) -> Claim:
    """What a hello says of its sender, if it fits together; before anything is signed.  Raises Reject."""
    # [REJECT] a nonce of another size would move the parts of the buffer
    if nonce is None or len(nonce) != NONCE_BYTES:
        raise Reject(RULE, f"a signed hello without a nonce of {NONCE_BYTES} bytes")
    # [REJECT] the key of a proof has the form of spec 1
    if pubkey is None or len(pubkey) != PUBKEY_BYTES:
        raise Reject(RULE, f"a signed hello without a key of {PUBKEY_BYTES} bytes")
    # [REJECT] the key is that of the address which the hello says, on this network
    if compute_address(pubkey, address_byte) != address:
        raise Reject(RULE, "the key of a signed hello is not that of its address")
    return Claim(address, pubkey, nonce)


def check_proof(proof: bytes | None, claim: Claim, side: Side, nonces: Nonces, checker_address: str) -> None:
    """Whether ``side`` holds the key that it claims; ``checker_address`` is ours.  Raises Reject."""
    # [REJECT] bit 2 is a promise to prove
    if proof is None:
        raise Reject(RULE, "a signed hello without a proof")
    # [REJECT] the proof is of this exchange, by the key of the claim, for our address
    if not is_valid_signature(claim.pubkey, proof, encode_proof_buffer(side, nonces, checker_address)):
        raise Reject(RULE, "the proof of a signed hello is wrong")
