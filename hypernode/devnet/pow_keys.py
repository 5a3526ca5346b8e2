"""Keys of the PoW chain, for a devnet's miner, collaterals and control address (spec 5, verifying)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from hypernode.core.registrations.pow_signature import (
    compute_ed25519_address,
    compute_ed25519_pubkey,
    compute_secp256k1_address,
    compute_secp256k1_pubkey,
    sign_ed25519,
    sign_secp256k1,
)

KeyKind = Literal["secp256k1", "ed25519"]

SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PowKey:
    """A key pair; ``secret`` of 32 bytes, ``public`` of 33 (secp256k1) or 32 (Ed25519)."""

    kind: KeyKind
    secret: bytes
    public: bytes
    address: str

    @property
    def public_text(self) -> str:
        """As the column ``public_key`` has it."""
        return base64.b64encode(self.public).decode("ascii")


def derive_pow_key(seed: bytes, name: str, kind: KeyKind = "secp256k1") -> PowKey:
    """The key of that name: the same from the same seed."""
    return create_pow_key(hashlib.sha256(seed + b"\0" + name.encode()).digest(), kind)


def create_pow_key(secret: bytes, kind: KeyKind = "secp256k1") -> PowKey:
    """The key pair of a secret of 32 bytes.  Raises ValueError for one that is none."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"expected a secret of {SECRET_BYTES} bytes, got {len(secret)}")
    if kind == "ed25519":
        public = compute_ed25519_pubkey(secret)
        return PowKey(kind, secret, public, compute_ed25519_address(public))
    public = compute_secp256k1_pubkey(secret)
    return PowKey(kind, secret, public, compute_secp256k1_address(public))


def sign_pow(key: PowKey, buffer: bytes) -> str:
    """A signature as the column ``signature`` has it: base64 of DER with low s over SHA-256
    (secp256k1), or of 64 bytes (Ed25519)."""
    sign = sign_ed25519 if key.kind == "ed25519" else sign_secp256k1
    return base64.b64encode(sign(key.secret, buffer)).decode("ascii")
