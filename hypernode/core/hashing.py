"""The two hashes of the network (spec 1, hash)."""

from __future__ import annotations

from hashlib import blake2b

from hypernode.core.types import HASH_BYTES

CHECKSUM_BYTES = 4


def h20(data: bytes) -> bytes:
    """H20: BLAKE2b of ``data`` with a digest of 20 bytes."""
    return blake2b(data, digest_size=HASH_BYTES).digest()


def h4(data: bytes | memoryview) -> bytes:
    """H4: BLAKE2b of ``data`` with a digest of 4 bytes, which is no prefix of H20."""
    return blake2b(data, digest_size=CHECKSUM_BYTES).digest()
