"""What a trace keeps of its last events."""

from __future__ import annotations

from hypernode.sim.memory.trace import MAX_LAST, Trace


def test_the_last_events_of_a_host_are_kept_in_order() -> None:
    trace = Trace()
    trace.record(1.0, "dial", "10.1.0.1:5", "10.2.0.1:6969")
    trace.record(2.5, "send", "10.2.0.1:6969", "10.1.0.1:5", 40)
    trace.record(3.0, "crash", "10.1.0.1")
    trace.record(4.0, "send", "10.11.0.1:7", "10.2.0.1:6969", 9)
    assert trace.list_last("10.1.0.1", 2) == [
        "2.500 send 10.2.0.1:6969 > 10.1.0.1:5 40",
        "3.000 crash 10.1.0.1 0",
    ]
    assert trace.count == 4


def test_events_that_are_kept_are_bounded() -> None:
    trace = Trace()
    trace.record(0.0, "crash", "10.1.0.1")
    for number in range(MAX_LAST):
        trace.record(float(number), "send", "10.2.0.1:1", "10.3.0.1:2", 1)
    assert trace.list_last("10.1.0.1", 5) == []
    assert len(trace.list_last("10.3.0.1", 5)) == 5
