"""Signatures verified in threads: the same verdicts, in the same order."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.app.verifier import CHUNK, INLINE, ThreadVerifier
from hypernode.core.signing import compute_pubkey, sign
from hypernode.ports.signing import SignatureCheck
from hypernode.sim.memory.adapters import InlineVerifier

KEY = bytes(31) + b"\x07"
PUBKEY = compute_pubkey(KEY)


def make_check(number: int) -> SignatureCheck:
    """Valid ones, and all kinds of bad ones between them."""
    buffer = b"buffer %d" % number
    signature = sign(KEY, buffer)
    match number % 7:
        case 1:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        case 3:
            signature = b""
        case 5:
            return SignatureCheck(b"short", signature, buffer)
    return SignatureCheck(PUBKEY, signature, buffer)


@pytest.mark.parametrize("count", [0, 1, INLINE, INLINE + 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_verdicts_are_in_order_whatever_the_number(count: int) -> None:
    async def scenario() -> None:
        verifier = ThreadVerifier(threads=2)
        checks = [make_check(number) for number in range(count)]
        verdicts = await verifier.verify(checks, allow_long_ids=False)
        assert verdicts == await InlineVerifier().verify(checks, allow_long_ids=False)
        assert verdicts == [number % 7 not in (1, 3, 5) for number in range(count)]
        verifier.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("count", [1, INLINE + 1])
def test_long_ids_are_taken_where_they_are_allowed(count: int) -> None:
    async def scenario() -> None:
        verifier = ThreadVerifier(threads=1)
        good = sign(KEY, b"buffer")
        long = SignatureCheck(PUBKEY, good[:32] + b"\0" + good[32:], b"buffer")
        assert await verifier.verify([long] * count, allow_long_ids=True) == [True] * count
        assert await verifier.verify([long] * count, allow_long_ids=False) == [False] * count
        verifier.close()

    asyncio.run(scenario())


def test_the_loop_turns_while_signatures_are_verified() -> None:
    async def scenario() -> int:
        verifier = ThreadVerifier(threads=1)
        checks = [make_check(0)] * 4_000
        turns = 0
        work = asyncio.create_task(verifier.verify(checks, allow_long_ids=False))
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        verifier.close()
        return turns

    assert asyncio.run(scenario()) > 10
