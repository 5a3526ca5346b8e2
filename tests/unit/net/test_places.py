"""Places: whose they are, and who gives way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from hypernode.core.errors import Ignore
from hypernode.net.places import Places, Ticket
from hypernode.net.standing import Standing
from hypernode.wire.catalogue import LIMITS, Limits

SMALL = Limits(
    sessions=6,
    sessions_kept=2,
    sessions_per_ip=2,
    sessions_per_registered_ip=3,
    sessions_per_site=3,
    sessions_of_operator=2,
)
OPERATOR = "127.0.0.1"


@dataclass
class Guest:
    """A session as the places see it."""

    last_active: float = 0.0
    is_busy: bool = False
    is_gone: bool = False
    gave_way: bool = False

    def give_way(self) -> None:
        self.gave_way = True


class House:
    """Places, and who stands how: by the second number of the IP, unless it was changed."""

    def __init__(self, limits: Limits = SMALL) -> None:
        self.known = {OPERATOR: Standing.OPERATOR}
        self.places = Places(limits, self.get_standing)

    def get_standing(self, ip: str) -> Standing:
        by_number = {"1": Standing.COUNTED, "2": Standing.REGISTERED}
        return self.known.get(ip) or by_number.get(ip.split(".")[1], Standing.STRANGER)

    def take(self, ip: str, guest: Guest | None = None) -> Ticket:
        return self.places.take(ip, guest or Guest())

    def fill(self) -> list[Guest]:
        """All places of strangers, each from a /24 of its own; the first one is idle longest."""
        guests = [Guest(last_active=float(number)) for number in range(4)]
        for number, guest in enumerate(guests):
            self.take(f"10.0.{number}.1", guest)
        return guests


@pytest.mark.parametrize(("subnet", "most"), [("10.0.0", 2), ("10.1.0", 3), ("10.2.0", 2)])
def test_an_ip_has_so_many_places(subnet: str, most: int) -> None:
    house = House()
    for _ in range(most):
        house.take(f"{subnet}.1")
    with pytest.raises(Ignore, match=f"{most} sessions of its IP are open"):
        house.take(f"{subnet}.1")
    house.take(f"{subnet}.2")


def test_one_that_closed_unnoticed_holds_no_place_of_its_ip() -> None:
    house, gone = House(), Guest(is_gone=True)
    house.take("10.0.0.1", gone)
    house.take("10.0.0.1")
    house.take("10.0.0.1")
    assert gone.gave_way
    assert house.places.count_of("10.0.0.1") == 2


def test_strangers_of_one_24_share_a_few_places() -> None:
    house = House()
    for number in range(3):
        house.take(f"10.0.0.{number}")
    with pytest.raises(Ignore, match="3 sessions of strangers of its /24 are open"):
        house.take("10.0.0.9")
    house.take("10.0.1.9")
    assert LIMITS.sessions_per_site == 8


def test_hypernodes_of_one_24_do_not_share_them() -> None:
    house = House(replace(SMALL, sessions=20))
    for number in range(4):
        house.take(f"10.2.0.{number}")
        house.take(f"10.1.0.{number}")
    assert house.places.count == 8


@pytest.mark.parametrize("standing", [Standing.REGISTERED, Standing.COUNTED])
def test_hypernodes_and_strangers_of_a_24_have_separate_places(standing: Standing) -> None:
    house = House(replace(SMALL, sessions=20))
    hypernodes, strangers = range(10, 14), range(3)
    house.known |= {f"10.0.0.{number}": standing for number in hypernodes}
    for number in (*strangers, *hypernodes):
        house.take(f"10.0.0.{number}")
    with pytest.raises(Ignore, match="3 sessions of strangers of its /24 are open"):
        house.take("10.0.0.9")
    other = House(replace(SMALL, sessions=20))
    other.known = house.known
    for number in (*hypernodes, *strangers):
        other.take(f"10.0.0.{number}")
    assert other.places.count == house.places.count == 7


def test_a_third_is_kept_for_who_counts() -> None:
    house = House()
    house.fill()
    house.take("10.1.0.1")
    house.take("10.1.0.2")
    assert house.places.count == 6


def test_the_stranger_idle_longest_gives_way_when_places_are_full() -> None:
    house = House()
    guests = house.fill()
    house.take("10.0.9.1")
    assert [guest.gave_way for guest in guests] == [True, False, False, False]
    assert house.places.count == 4


def test_who_waits_for_an_answer_goes_after_who_does_not() -> None:
    house = House()
    guests = house.fill()
    guests[0].is_busy = True
    house.take("10.0.9.1")
    assert [guest.gave_way for guest in guests] == [False, True, False, False]


def test_who_has_gone_goes_first_busy_or_not() -> None:
    house = House()
    guests = house.fill()
    guests[3].is_busy = guests[3].is_gone = True
    house.take("10.0.9.1")
    assert [guest.gave_way for guest in guests] == [False, False, False, True]


def test_who_does_not_count_goes_after_strangers_without_a_kept_place() -> None:
    house, listed = House(), Guest(last_active=-1.0)
    house.take("10.2.0.1", listed)
    others = [Guest(last_active=float(number)) for number in range(3)]
    for number, guest in enumerate(others):
        house.take(f"10.0.{number}.1", guest)
    house.take("10.2.0.2")
    assert [listed.gave_way, *(guest.gave_way for guest in others)] == [False, True, False, False]
    assert house.places.count == 4


def test_who_counts_never_finds_strangers_on_all_places() -> None:
    house = House()
    for number in range(3):
        house.take(f"10.1.0.{number}")
    guests = [Guest(last_active=float(number)) for number in range(3)]
    for number, guest in enumerate(guests):
        house.take(f"10.0.{number}.1", guest)
    house.take("10.1.0.9")
    assert [guest.gave_way for guest in guests] == [True, False, False]
    assert house.places.count == 6


def test_only_who_counts_can_hold_all_places_against_everybody() -> None:
    house = House()
    for number in range(6):
        house.take(f"10.1.0.{number}")
    with pytest.raises(Ignore, match="no session is free"):
        house.take("10.1.0.9")
    with pytest.raises(Ignore, match="no session is free"):
        house.take("10.0.0.1")


def test_the_operator_comes_in_whoever_holds_what() -> None:
    house = House()
    for number in range(6):
        house.take(f"10.1.0.{number}")
    house.take(OPERATOR)
    house.take(OPERATOR)
    assert house.places.count == 8


def test_places_of_the_operator_that_nobody_uses_do_not_keep_it_out() -> None:
    house, idle, busy = House(), Guest(last_active=5.0), Guest(is_busy=True)
    house.take(OPERATOR, busy)
    house.take(OPERATOR, idle)
    house.take(OPERATOR)
    assert (idle.gave_way, busy.gave_way) == (True, False)


def test_more_busy_sessions_of_the_operator_are_strangers() -> None:
    house = House()
    for _ in range(4):
        house.take(OPERATOR, Guest(is_busy=True))
    with pytest.raises(Ignore, match="2 sessions of its IP are open"):
        house.take(OPERATOR)


def test_who_is_registered_meanwhile_is_no_stranger_any_more() -> None:
    house = House()
    guests = house.fill()
    house.known["10.0.0.1"] = Standing.COUNTED
    house.take("10.0.9.1", Guest(last_active=9.0))
    assert not any(guest.gave_way for guest in guests)
    house.take("10.0.9.2")
    assert [guest.gave_way for guest in guests] == [False, True, False, False]


def test_a_place_is_given_back_once() -> None:
    house = House()
    ticket = house.take("10.0.0.1")
    house.take("10.0.0.1")
    ticket.release()
    ticket.release()
    assert (house.places.count, house.places.count_of("10.0.0.1")) == (1, 1)
