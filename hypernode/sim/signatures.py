"""Which blocks the keys of a simulation signed, and when: also blocks that nobody took or saw.

A ``WatchedSigner`` stands before the real one.  What is a block is seen from the buffer that is signed
(spec 1): it begins with a height, where messages have a time and proofs a text.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypernode.core.hashing import h20
from hypernode.core.types import Height, Round, Slot
from hypernode.ports.signing import Signer

_HEIGHT, _ROUND, _SIR = slice(0, 4), slice(4, 8), slice(8, 12)
_MAX_HEIGHT: Final = 1 << 24
"""Three centuries of main; as a time it would be of 1970."""

Case: TypeAlias = tuple[str, Round, Slot]
"""An address, and a slot for which it signed."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A block that was signed on a host at a time (unix s)."""

    by: int
    at: float
    height: Height
    block_hash: bytes


class Signatures:
    """Of the whole run, by case and hash: the first of each."""

    def __init__(self) -> None:
        self._by_case: dict[Case, dict[bytes, Signature]] = {}
        self.twofold: dict[Case, None] = {}
        """Cases of more than one block."""

    def note(self, address: str, by: int, at: float, buffer: bytes) -> None:
        """What a signer is asked to sign, if it is a block."""
        height, round_, sir = (int.from_bytes(buffer[part], "big") for part in (_HEIGHT, _ROUND, _SIR))
        if height >= _MAX_HEIGHT:
            return
        case = (address, round_, sir)
        signed = self._by_case.setdefault(case, {})
        block_hash = h20(buffer)
        signed.setdefault(block_hash, Signature(by, at, height, block_hash))
        if len(signed) > 1:
            self.twofold[case] = None

    def list_of(self, address: str, round_: Round, sir: Slot) -> list[Signature]:
        """Those of a case, as they came."""
        return list(self._by_case.get((address, round_, sir), {}).values())

    def find(self, address: str, round_: Round, sir: Slot, block_hash: bytes) -> Signature | None:
        """The one of a block; None when the key never signed it."""
        return self._by_case.get((address, round_, sir), {}).get(block_hash)

    def find_slots(self, hashes: Set[bytes]) -> set[tuple[Round, Slot]]:
        """Of the blocks with these hashes."""
        return {(round_, sir) for (_, round_, sir), signed in self._by_case.items() if signed.keys() & hashes}

    def list_at(self, address: str, height: Height) -> list[Signature]:
        """Those of an address for blocks of a height."""
        return [
            one
            for (signer, _, _), signed in self._by_case.items()
            if signer == address
            for one in signed.values()
            if one.height == height
        ]


class WatchedSigner:
    """A signer of one host; implements ``ports.signing.Signer``.  ``now``: unix s, right on every host."""

    def __init__(self, signer: Signer, index: int, signatures: Signatures, now: Callable[[], float]) -> None:
        self._signer = signer
        self._index = index
        self._signatures = signatures
        self._now = now
        self.address, self.pubkey = signer.address, signer.pubkey

    def sign(self, buffer: bytes) -> bytes:
        self._signatures.note(self.address, self._index, self._now(), buffer)
        return self._signer.sign(buffer)
