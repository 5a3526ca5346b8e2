"""The signed hello, both sides of it (spec 2, frames): what each says, and what it takes for proof.

One object an exchange: the side that asks has an ``AskingProof``, the side that answers an
``AnsweringProof``.  ``wire.auth`` holds the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.core.errors import Reject
from hypernode.ports.clock import Entropy
from hypernode.ports.signing import Signer
from hypernode.wire.auth import NONCE_BYTES, Nonces, Side, check_proof, make_proof, validate_claim
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import FEATURE_SIGNED_HELLO
from hypernode.wire.tags import RULE


@dataclass(frozen=True, slots=True)
class Identity:
    """What we prove ourselves with: the key of the address in our hello, and chance for nonces."""

    signer: Signer
    entropy: Entropy


def limit_features(features: int, identity: Identity | None) -> int:
    """``features`` without the signed hello where there is no key to sign with."""
    return features if identity is not None else features & ~FEATURE_SIGNED_HELLO


class AskingProof:
    """The client's part: its hello has nonce and key, the answer brings the server's proof, and the next
    frame has the client's."""

    def __init__(self, identity: Identity) -> None:
        self._signer = identity.signer
        self.nonce = identity.entropy.token(NONCE_BYTES)
        self.pubkey = identity.signer.pubkey

    def prove(self, answer: Command, our_address: str, their_address: str, address_byte: int) -> Command:
        """Check the server's proof in its hello; returns the ``auth`` to send.  Raises Reject."""
        claim = validate_claim(answer.nonce, answer.pubkey, their_address, address_byte)
        nonces = Nonces(self.nonce, claim.nonce)
        check_proof(answer.proof, claim, Side.SERVER, nonces, our_address)
        proof = make_proof(self._signer.sign, Side.CLIENT, nonces, their_address)
        return Command(CommandId.AUTH, proof=proof)


class AnsweringProof:
    """The server's part: it proves itself in its hello, and the client does in the frame after that."""

    def __init__(self, identity: Identity, question: Command, their_address: str, address_byte: int) -> None:
        """Raises Reject for a hello that cannot become a signed one."""
        self._claim = validate_claim(question.nonce, question.pubkey, their_address, address_byte)
        self._our_address = identity.signer.address
        self._nonces = Nonces(self._claim.nonce, identity.entropy.token(NONCE_BYTES))
        self.nonce = self._nonces.server
        self.pubkey = identity.signer.pubkey
        self.proof = make_proof(identity.signer.sign, Side.SERVER, self._nonces, their_address)

    def check(self, command: Command) -> None:
        """Check what came after our hello.  Raises Reject."""
        if command.id is not CommandId.AUTH:
            raise Reject(RULE, f"{command.id.name.lower()} where a proof belongs")
        check_proof(command.proof, self._claim, Side.CLIENT, self._nonces, self._our_address)
