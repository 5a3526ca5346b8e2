"""What the answers to peer tests must be worth (spec 6, testing peers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypernode.core.hashing import h20
from hypernode.core.lottery import Draws
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import PowHeight, Slot

PING: Final = 0
CHAIN: Final = 1
POW: Final = 2
BANDWIDTH: Final = 3
COMPANION: Final = 4

CHAIN_BLOCKS: Final = 10
"""Blocks of rounds before the previous one that the chain test asks about."""
POW_BLOCKS: Final = 10
MAX_DRIFT_MS: Final = 5_000
MAX_COMPANION_AGE_S: Final = 900
_POW_BACK: Final = 20
_POW_SPAN: Final = 100_000
_MODULUS: Final = 1 << 32


def compute_ping_value(now: float) -> int:
    """The clock in milliseconds modulo 2^32; 0 is sent as 1."""
    return int(now * 1000) % _MODULUS or 1


def compute_chain_value(hashes: Sequence[bytes]) -> int:
    """First four bytes of H20 over raw block hashes, ascending; 0 is sent as 1."""
    return _to_value(b"".join(hashes))


def draw_pow_heights(
    reference_hash: bytes, sir: Slot, ref_height: PowHeight, oldest: PowHeight = 1
) -> tuple[PowHeight, ...]:
    """The PoW heights of a test, in drawing order: 20 to 100,020 below the reference height, or as far back
    as blocks exist (``oldest``).  Empty when none does.  Seed: the round's reference hash and the slot as
    decimal text."""
    highest = ref_height - _POW_BACK
    span = min(_POW_SPAN, highest - oldest + 1)
    if span < 1:
        return ()
    draws = Draws(reference_hash + str(sir).encode())
    return tuple(highest - draws.below(span) for _ in range(POW_BLOCKS))


def compute_pow_value(hashes: Sequence[str]) -> int:
    """The same as for the chain, over the hashes of PoW blocks as 56 ASCII characters each."""
    return _to_value("".join(hashes).encode("ascii"))


def find_answer_violation(
    kind: int, expected: int | None, value: int, now: float, rtt_s: float, *, from_feature_peer: bool
) -> Violation | None:
    """Why an answered test is failed, or None if it is passed.

    ``expected`` is ours for kinds 1 and 2, None when we cannot tell; ``now`` (unix s) is when the answer
    came, ``rtt_s`` how long it took.  A legacy node gives the frame back as it came: it passes."""
    if not from_feature_peer:
        return None
    if kind == PING and compute_drift_ms(value, now, rtt_s) > MAX_DRIFT_MS:
        return Violation(Rule.PEER_TEST, f"its clock is over {MAX_DRIFT_MS} ms from ours")
    if kind in (CHAIN, POW) and expected is not None and value != expected:
        return Violation(Rule.PEER_TEST, f"the value of test {kind} is wrong")
    if kind == COMPANION and value > MAX_COMPANION_AGE_S:
        return Violation(Rule.PEER_TEST, f"its companion is over {MAX_COMPANION_AGE_S} s late")
    return None


def compute_drift_ms(value: int, now: float, rtt_s: float) -> int:
    """Milliseconds between the clock that said ``value`` and ours, half a round trip before ``now``; the
    shorter way around 2^32."""
    apart = (value - int((now - rtt_s / 2) * 1000)) % _MODULUS
    return min(apart, _MODULUS - apart)


def _to_value(data: bytes) -> int:
    return int.from_bytes(h20(data)[:4], "big") or 1
