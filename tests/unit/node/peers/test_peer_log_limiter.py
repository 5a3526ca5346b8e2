"""What is said of offences: each peer once a minute, all of them in a few lines, the rest as a number."""

from __future__ import annotations

from hypernode.node.peers.peer_log_limiter import INTERVAL_S, LINES, MAX_PEERS, PeerLogLimiter


class Bench:
    """Offences with a clock that is set."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.lines: list[str] = []
        self.offences = PeerLogLimiter(self.lines.append, lambda: self.now)


def test_a_peer_is_spoken_of_once_a_minute_and_the_rest_is_counted() -> None:
    bench = Bench()
    for _ in range(500):
        bench.offences.note("10.0.0.1", "10.0.0.1: garbage")
    assert bench.lines == ["10.0.0.1: garbage"]
    bench.now += INTERVAL_S
    bench.offences.note("10.0.0.1", "10.0.0.1: garbage")
    assert bench.lines[1:] == ["10.0.0.1: garbage (499 more offences since the last line)"]
    assert bench.offences.total == 501


def test_many_peers_get_a_few_lines_a_minute_together() -> None:
    bench = Bench()
    for number in range(5_000):
        bench.offences.note(f"10.0.{number // 250}.{number % 250}", f"offence {number}")
    assert bench.lines == [f"offence {number}" for number in range(LINES)]
    bench.now += INTERVAL_S / LINES
    bench.offences.note("10.9.9.9", "one more")
    assert bench.lines[-1] == f"one more ({5_000 - LINES} more offences since the last line)"


def test_peers_that_are_remembered_are_bounded() -> None:
    bench = Bench()
    for number in range(MAX_PEERS + 50):
        bench.now += INTERVAL_S
        bench.offences.note(f"peer {number}", "offence")
    assert len(bench.offences._spoken_at) == MAX_PEERS
    assert len(bench.lines) == MAX_PEERS + 50
