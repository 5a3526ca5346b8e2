"""What became of every row of the registry, selected and replayed."""

from __future__ import annotations

from hypernode.core.registrations.registry import COIN, REGISTER, UNREGISTER, PowRow, RegistryState, RowResult
from hypernode.core.registrations.registry_rules import apply_rows
from hypernode.node.chain.registration_feed import (
    Event,
    check_balances,
    count_equal,
    replay,
    select_by_ip,
    select_by_pos,
    select_by_sender,
)
from tests.unit.pow.ledgers import FIRST, NETWORK, collateral, pos, text_of

ONE, TWO = collateral(1), collateral(2)
CONTROL = NETWORK.control_pow


def row(sender: str, operation: str, text: str) -> PowRow:
    return PowRow(FIRST + 5, 1.5, sender, sender, 0, 0, 0, operation, text)


ROWS = [
    row(ONE, REGISTER, text_of(1)),
    row(TWO, REGISTER, text_of(1)),  # of the same ip: refused
    row(TWO, REGISTER, text_of(2)),
    row(CONTROL, UNREGISTER, text_of(1)),
    row(TWO, REGISTER, "10.0.0.9:6969:x,a=b=c"),  # cannot be read
]


def list_events() -> list[Event]:
    _, results = apply_rows(NETWORK, RegistryState(), ROWS, lambda address, height: 15_000 * COIN)
    return list(zip(ROWS, results, strict=True))


def test_the_list_follows_from_the_rows_that_were_taken() -> None:
    events = list_events()
    assert [result.ok for _, result in events] == [True, False, True, True, False]
    assert [entry.collateral for entry in replay(NETWORK, events).entries] == [TWO]
    assert replay(NETWORK, events[:1]).entries[0].weight == events[0][1].weight == 1
    assert replay(NETWORK, []) == RegistryState()


def test_rows_are_selected_by_what_they_name() -> None:
    events = list_events()
    assert select_by_ip(events, "10.0.0.1") == [events[0], events[1], events[3]]
    assert select_by_ip(events, "10.0.0.9") == [events[4]], "a malformed extra hides no ip"
    assert select_by_pos(events, pos(2)) == [events[2]]
    assert select_by_pos(events, pos(9)) == []


def test_by_sender_also_what_others_did_to_its_registration() -> None:
    events = list_events()
    # the other's try to register the ip names the same place; the unregister is by the control address
    assert select_by_sender(events, ONE) == [events[0], events[1], events[3]]
    assert select_by_sender(events, TWO) == [events[1], events[2], events[4]]
    assert select_by_sender(events, collateral(9)) == []


def test_what_was_rolled_back_is_where_the_lists_part() -> None:
    events = list_events()
    other = (events[2][0], RowResult(False, "another"))
    assert count_equal(events, events) == 5
    assert count_equal(events, [*events[:2], other]) == 2
    assert count_equal(events[:3], events) == count_equal(events, events[:3]) == 3
    assert count_equal([], events) == 0


def test_a_balance_below_the_weight_is_not_enough() -> None:
    state = replay(NETWORK, list_events())
    for balance, weight, is_enough in ((10_000 * COIN, 1, True), (9_999 * COIN, 0, False), (None, -1, False)):
        [check] = check_balances(NETWORK, state, lambda address, balance=balance: balance)  # type: ignore[misc]
        assert (check.balance, check.weight, check.is_enough) == (balance, weight, is_enough)
