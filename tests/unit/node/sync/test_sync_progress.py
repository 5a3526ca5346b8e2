"""How far catching up is, in words and for the status."""

from __future__ import annotations

from hypernode.node.sync.sync_progress import SyncProgress

HALF = SyncProgress(100, 300, 200, messages=5_000, seconds=2.0, peers=("10.0.0.1:06969", "10.0.0.2:06969"))


def test_percent_rate_and_time_left_are_of_what_was_lacking() -> None:
    assert HALF.describe() == {
        "first": 100,
        "height": 200,
        "target": 300,
        "percent": 50,
        "messages": 5_000,
        "messages_per_second": 2_500,
        "blocks_per_second": 50.0,
        "seconds_left": 2,
        "peers": ["10.0.0.1:06969", "10.0.0.2:06969"],
    }
    assert HALF.format() == (
        "block 200 of 300, 50 %, 5000 messages, 2500/s, 2 s left, from 10.0.0.1:06969, 10.0.0.2:06969"
    )


def test_before_the_first_block_nothing_is_known_of_the_end() -> None:
    begun = SyncProgress(100, 300, 100)
    assert (begun.percent, begun.seconds_left) == (0, None)
    assert begun.format() == "block 100 of 300, 0 %, 0 messages, 0/s, from nobody yet"
