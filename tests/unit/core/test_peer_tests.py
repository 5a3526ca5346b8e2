import pytest

from hypernode.core.hashing import h20
from hypernode.core.peer_tests import (
    BANDWIDTH,
    CHAIN,
    COMPANION,
    PING,
    POW,
    compute_chain_value,
    compute_drift_ms,
    compute_ping_value,
    compute_pow_value,
    draw_pow_heights,
    find_answer_violation,
)

NOW = 1_700_000_000.25
WRAP_S = 2**32 / 1000


def judge(kind: int, value: int, expected: int | None = None, *, feature: bool = True) -> str | None:
    """The reason why an answer that took 0.2 s fails, or None."""
    verdict = find_answer_violation(kind, expected, value, NOW, 0.2, from_feature_peer=feature)
    return None if verdict is None else verdict.reason


def test_ping_is_the_clock_in_milliseconds_and_never_0() -> None:
    assert compute_ping_value(NOW) == 1_700_000_000_250 % 2**32
    assert compute_ping_value(0) == 1


def test_chain_and_pow_values_begin_the_hash() -> None:
    hashes = [bytes([i]) * 20 for i in range(10)]
    assert compute_chain_value(hashes) == int.from_bytes(h20(b"".join(hashes))[:4], "big")
    pow_hashes = ["ab" * 28, "cd" * 28]
    assert compute_pow_value(pow_hashes) == int.from_bytes(h20("".join(pow_hashes).encode())[:4], "big")


def test_pow_heights_lie_20_to_100020_below_the_reference() -> None:
    heights = draw_pow_heights(b"r" * 20, 3, 1_000_000)
    assert len(heights) == 10
    assert all(1_000_000 - 20 - 100_000 < h <= 1_000_000 - 20 for h in heights)
    assert heights != draw_pow_heights(b"r" * 20, 4, 1_000_000)
    assert heights == draw_pow_heights(b"r" * 20, 3, 1_000_000)


def test_pow_heights_stay_within_what_exists() -> None:
    assert set(draw_pow_heights(b"r" * 20, 3, 23, oldest=2)) <= {2, 3}
    assert draw_pow_heights(b"r" * 20, 3, 20) == ()


def test_a_legacy_peer_passes_whatever_it_says() -> None:
    assert all(judge(kind, 0, 5, feature=False) is None for kind in (PING, CHAIN, POW, BANDWIDTH, COMPANION))


@pytest.mark.parametrize(
    ("offset_s", "passes"), [(0, True), (4.9, True), (-4.9, True), (5.1, False), (-5.1, False)]
)
def test_a_clock_may_drift_by_five_seconds(offset_s: float, passes: bool) -> None:
    value = compute_ping_value(NOW - 0.1 + offset_s)
    assert (judge(PING, value) is None) is passes


def test_drift_goes_the_short_way_round() -> None:
    edge = 400 * WRAP_S
    assert compute_drift_ms(compute_ping_value(edge - 1), edge + 1, 0) == 2_000
    assert compute_drift_ms(compute_ping_value(edge + 1), edge - 1, 0) == 2_000


@pytest.mark.parametrize("kind", [CHAIN, POW])
def test_a_wrong_value_fails_and_a_right_one_passes(kind: int) -> None:
    assert judge(kind, 7, 7) is None
    assert judge(kind, 8, 7) is not None
    assert judge(kind, 8, None) is None


def test_a_companion_may_be_900_seconds_late() -> None:
    assert judge(COMPANION, 900) is None
    assert judge(COMPANION, 901) is not None


def test_any_bandwidth_passes() -> None:
    assert judge(BANDWIDTH, 1) is None
