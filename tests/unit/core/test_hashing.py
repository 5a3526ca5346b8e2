"""The two hashes against digests that were computed elsewhere."""

from __future__ import annotations

import pytest

from hypernode.core.hashing import h4, h20

# b2sum -l 160 and -l 32 of the same inputs
H20 = {b"": "3345524abf6bbe1809449224b5972c41790b6cf2", b"abc": "384264f676f39536840523f284921cdc68b6846b"}


@pytest.mark.parametrize(("data", "digest"), H20.items())
def test_h20_is_blake2b_with_a_digest_of_20_bytes(data: bytes, digest: str) -> None:
    assert h20(data).hex() == digest


def test_h4_is_a_hash_of_its_own_and_no_prefix() -> None:
    assert h4(b"abc").hex() == "63906248"
    assert h20(b"abc")[:4] != h4(b"abc")
    assert h4(memoryview(b"abc")) == h4(b"abc")
