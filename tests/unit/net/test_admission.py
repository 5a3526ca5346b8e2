"""The table of sessions: places, holds that double, and tokens."""

from __future__ import annotations

import pytest

from hypernode.core.errors import Ignore
from hypernode.net.admission import Admission
from hypernode.net.standing import Standing
from hypernode.wire.catalogue import Limits

SMALL = Limits(known_ips=3)


class Idler:
    """A guest that only sits there."""

    is_gone = False
    is_busy = False
    last_active = 0.0

    def give_way(self) -> None:
        raise AssertionError("nobody is to give way")


def admit(admission: Admission, ip: str, now: float = 0.0) -> None:
    admission.admit(ip, now, Idler())


def test_a_hold_doubles_with_each_offence_up_to_an_hour() -> None:
    admission = Admission(Limits(hold_first_s=4.0, hold_max_s=30.0))
    assert [admission.hold("10.0.0.1", 0.0) for _ in range(5)] == [4.0, 8.0, 16.0, 30.0, 30.0]
    assert Limits().hold_max_s == 3600


def test_a_hold_ends() -> None:
    admission = Admission()
    admission.hold("10.0.0.1", 100.0)
    with pytest.raises(Ignore, match="its IP is on hold"):
        admit(admission, "10.0.0.1", now=103.9)
    admit(admission, "10.0.0.2", now=103.9)
    admit(admission, "10.0.0.1", now=104.0)


def test_offences_are_forgotten_after_a_while() -> None:
    admission = Admission()
    assert admission.hold("10.0.0.1", 0.0) == 4.0
    assert admission.hold("10.0.0.1", 7_199.0) == 8.0
    assert admission.hold("10.0.0.1", 7_199.0 + 7_200.0) == 4.0


def test_the_operators_ip_is_never_held() -> None:
    admission = Admission(is_never_held=lambda ip: ip == "127.0.0.1")
    assert admission.hold("127.0.0.1", 0.0) == 0.0
    assert not admission.is_on_hold("127.0.0.1", 0.0)


def test_an_operator_is_never_held_whatever_the_configuration_says() -> None:
    admission = Admission(standing_of=lambda ip: Standing.OPERATOR)
    assert admission.hold("10.9.9.9", 0.0) == 0.0


def test_only_so_many_holds_are_remembered() -> None:
    admission = Admission(SMALL)
    for number in range(4):
        admission.hold(f"10.0.0.{number}", 0.0)
    assert [admission.is_on_hold(f"10.0.0.{n}", 1.0) for n in range(4)] == [False, True, True, True]


def test_sessions_of_an_ip_share_a_bucket() -> None:
    admission = Admission()
    assert admission.get_bucket("10.0.0.1", 0.0) is admission.get_bucket("10.0.0.1", 9.0)
    assert admission.get_bucket("10.0.0.1", 0.0) is not admission.get_bucket("10.0.0.2", 0.0)


def test_full_buckets_are_forgotten_first_when_there_are_many() -> None:
    admission = Admission(SMALL)
    used = admission.get_bucket("10.0.0.0", 0.0)
    used.take(100.0, 0.0)
    for number in range(1, 5):
        admission.get_bucket(f"10.0.0.{number}", 0.0)
    assert admission.get_bucket("10.0.0.0", 0.0) is used


def test_the_oldest_bucket_goes_when_all_are_in_use() -> None:
    admission = Admission(SMALL)
    buckets = [admission.get_bucket(f"10.0.0.{n}", 0.0) for n in range(3)]
    for bucket in buckets:
        bucket.take(100.0, 0.0)
    admission.get_bucket("10.0.0.9", 0.0)
    assert admission.get_bucket("10.0.0.1", 0.0) is buckets[1]
    assert admission.get_bucket("10.0.0.0", 0.0) is not buckets[0]
