"""The list of hypernodes by ``core`` and by ``tests.oracle``, for drawn rows of a PoW ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.registrations.registry import COIN, PowRow, RegistryState, compute_balance, sort_rows
from hypernode.core.registrations.registry_rules import apply_rows
from hypernode.pow.ledger.past_balances import PastBalances
from tests.oracle import registering
from tests.unit.pow.ledgers import FIRST, NETWORK, collateral, pos

openfields = st.builds(
    "{}:{}:{}{}".format,
    st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "host", "10.0.0.256"]),
    st.sampled_from(["6969", "7000", "port"]),
    st.sampled_from([*map(pos, range(1, 4)), f"{pos(1)} ", "b" * 34]),
    st.sampled_from(
        ["", "", f",reward={collateral(9)}", ",reward=x", ",reason=a=b", f",source={collateral(1)}"]
    ),
)
people = st.sampled_from([*map(collateral, range(1, 5)), NETWORK.control_pow])
registering_rows = st.tuples(
    st.integers(FIRST, FIRST + 9),
    people,
    st.sampled_from(["hypernode:register", "hypernode:register", "hypernode:unregister"]),
    openfields,
)
paying_rows = st.tuples(st.integers(FIRST, FIRST + 9), people, people, st.integers(0, 4 * 10**12))


@given(said=st.lists(registering_rows, max_size=25), paid=st.lists(paying_rows, max_size=12))
@settings(max_examples=80)
def test_the_list_of_hypernodes(
    said: list[tuple[int, str, str, str]], paid: list[tuple[int, str, str, int]]
) -> None:
    rows = [PowRow(h, 1.0, who, who, 0, COIN // 100, 0, operation, text) for h, who, operation, text in said]
    rows += [PowRow(h, 1.0, a, b, amount, COIN // 100, 0, "", "") for h, a, b, amount in paid]
    rows = sort_rows(NETWORK, rows)
    state, results = apply_rows(
        NETWORK,
        RegistryState(),
        [row for row in rows if row.operation],
        lambda who, at: compute_balance(rows, who, at),
    )
    plain = [
        registering.Row(
            row.height,
            row.timestamp,
            row.address,
            row.recipient,
            Decimal(row.amount) / COIN,
            Decimal(row.fee) / COIN,
            Decimal(row.reward) / COIN,
            row.operation,
            row.openfield,
        )
        for row in rows
    ]
    expected = registering.derive(plain, FIRST + 9, NETWORK.address_byte, NETWORK.control_pow)
    assert [result.ok for result in results] == [ok for _, ok in expected.taken]
    assert [asdict(entry) for entry in state.entries] == [vars(one) for one in expected.listed]


ledger_rows = st.tuples(
    st.integers(-4, 4),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 5),
    st.integers(0, 1),
    st.integers(0, 2),
)


@given(drawn=st.lists(ledger_rows, max_size=8), height=st.integers(0, 5))
@settings(max_examples=150)
def test_balances_with_mirror_rows(drawn: list[tuple[int, str, str, int, int, int]], height: int) -> None:
    received: dict[str, Counter[int]] = {}
    sent: dict[str, Counter[int]] = {}
    rows = []
    for at, sender, recipient, amount, fee, reward in drawn:
        received.setdefault(recipient, Counter())[at] += amount + reward
        sent.setdefault(sender, Counter())[at] += amount + fee
        units = [Decimal(unit) / COIN for unit in (amount, fee, reward)]
        rows.append(registering.Row(at, 0.0, sender, recipient, units[0], units[1], units[2], "", ""))
    ours = PastBalances(received, sent)
    for who in "ab":
        balance = registering.balance_of(rows, who, height)
        assert ours.get(who, height) == (None if balance is None else balance * COIN)
        assert ours.get_pot(who, height) == registering.balance_of_pot(rows, who, height) * COIN
