"""How long bytes take on a link: its draws are its own, and its tail is heavy where it has one."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from hypernode.sim.memory.link import MAX_TAIL_S, Link, LinkQuality

PLAIN = LinkQuality(min_latency_s=0.1, max_latency_s=0.1, jitter_s=0.0)
TAIL_S = 0.01
COUNT = 20_000


def list_delays(quality: LinkQuality, count: int = COUNT, seed: int = 7) -> list[float]:
    link = Link(seed, "a", "b", quality)
    return [link.compute_arrival(0.0, 100) for _ in range(count)]


def test_a_heavy_tail_has_the_quantiles_that_it_says() -> None:
    extras = sorted(delay - 0.1 for delay in list_delays(replace(PLAIN, tail_s=TAIL_S)))
    assert extras[0] >= 0.0
    assert extras[COUNT // 2] == pytest.approx(TAIL_S, rel=0.1)
    assert extras[COUNT * 9 // 10] == pytest.approx(9 * TAIL_S, rel=0.1)
    assert extras[COUNT * 99 // 100] == pytest.approx(99 * TAIL_S, rel=0.3)


def test_a_heavy_tail_has_an_end() -> None:
    extras = [delay - 0.1 for delay in list_delays(replace(PLAIN, tail_s=10.0))]
    assert max(extras) == pytest.approx(MAX_TAIL_S)


def test_a_tail_follows_from_the_seed() -> None:
    spiked = replace(PLAIN, tail_s=TAIL_S)
    assert list_delays(spiked, 100) == list_delays(spiked, 100)
    assert list_delays(spiked, 100) != list_delays(spiked, 100, seed=8)


def test_a_link_without_a_tail_draws_nothing_for_it() -> None:
    """Its latency, and the jitter of each chunk: as before there were tails."""
    drawn = Random("7:a>b")
    quality = LinkQuality(min_latency_s=0.0, max_latency_s=1.0, jitter_s=1.0)
    latency, *jitters = [drawn.getrandbits(53) / (1 << 53) for _ in range(11)]
    assert list_delays(quality, 10) == [latency + jitter for jitter in jitters]
