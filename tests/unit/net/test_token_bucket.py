"""Tokens: spent, lent, and back with time."""

from __future__ import annotations

from hypernode.net.token_bucket import TokenBucket


def test_tokens_are_free_until_there_are_none() -> None:
    bucket = TokenBucket(10.0, 2.0, now=0.0)
    assert [bucket.take(5.0, 0.0) for _ in range(3)] == [0.0, 0.0, 2.5]


def test_tokens_come_back_with_time_up_to_what_the_bucket_holds() -> None:
    bucket = TokenBucket(10.0, 2.0, now=0.0)
    bucket.take(10.0, 0.0)
    assert (bucket.get_tokens(2.0), bucket.is_full(2.0)) == (4.0, False)
    assert (bucket.get_tokens(99.0), bucket.is_full(99.0)) == (10.0, True)
    assert bucket.take(12.0, 99.0) == 1.0


def test_a_clock_that_stands_gives_nothing() -> None:
    bucket = TokenBucket(10.0, 2.0, now=5.0)
    bucket.take(10.0, 5.0)
    assert bucket.get_tokens(4.0) == 0.0
