"""What a row does to the list: each rule with what it refuses and what it takes (spec 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.address import encode_address
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import (
    COIN,
    REGISTER,
    UNREGISTER,
    UNVOID,
    VOID,
    PowRow,
    RegistryState,
    RowResult,
    list_voided,
)
from hypernode.core.registrations.registry_rules import apply_row, apply_rows
from hypernode.core.rules import UNCHECKED, Rule

NETWORK = mainnet()


HEIGHT = 800_000


A, B, C = ("a" * 56, "b" * 56, "c" * 56)


CONTROL = NETWORK.control_pow


def pos(number: int) -> str:
    return encode_address(bytes([number]) * 20, NETWORK.address_byte)


def openfield(number: int, *, ip: str | None = None, extras: str = "") -> str:
    return f"{ip or f'10.0.0.{number}'}:6969:{pos(number)}{extras}"


def row(sender: str, operation: str, text: str, height: int = HEIGHT) -> PowRow:
    return PowRow(height, 1.5, sender, sender, 0, COIN // 100, 0, operation, text)


def rich(address: str, height: int) -> int:
    return 15_000 * COIN


def register(*pairs: tuple[str, int]) -> RegistryState:
    rows = [row(sender, REGISTER, openfield(number)) for sender, number in pairs]
    state, results = apply_rows(NETWORK, RegistryState(), rows, rich)
    assert all(result.ok for result in results)
    return state


def judge(state: RegistryState, sender: str, operation: str, text: str, height: int = HEIGHT) -> RowResult:
    after, result = apply_row(NETWORK, state, row(sender, operation, text, height), rich)
    assert result.ok or after == state
    return result


def test_a_register_is_taken_with_all_its_parts() -> None:
    text = openfield(1, extras=f",reward={B},source={A},reason=why")
    state, result = apply_row(NETWORK, RegistryState(), row(A, REGISTER, text), rich)
    assert result == RowResult(True, "registered, weight 1", 1)
    (entry,) = state.entries
    assert (entry.collateral, entry.ip, entry.port, entry.pos) == (A, "10.0.0.1", "6969", pos(1))
    assert (entry.reward, entry.weight, entry.timestamp) == (B, 1, 1.5)


@pytest.mark.parametrize(
    ("rule", "sender", "text"),
    [
        ("rule 1", A, openfield(1, ip="010.0.0.1")),
        ("rule 1", A, openfield(1, ip="256.0.0.1")),
        ("rule 1", A, openfield(1, ip="10.0.0.1\n")),
        ("rule 1", A, openfield(1, ip="node.example.org")),
        ("rule 2", A[1:], openfield(1)),
        ("rule 2", A, openfield(1, extras=",reward=")),
        ("rule 2", A, openfield(1, extras=f",reward={B.upper()}")),
        ("rule 3", A, f"10.0.0.1:6969:{encode_address(bytes(20), 0x55)}"),
        ("rule 3", A, f"10.0.0.1:6969:{pos(1)[:-1]}x"),
        ("rule 3", A, f"10.0.0.1:6969:{pos(1)[:-1]}0"),
        ("rule 3", A, f"10.0.0.1:6969: {pos(1)}"),
        ("5-pow openfield", A, "10.0.0.1:6969"),
        ("5-pow openfield", A, f"::1:6969:{pos(1)}"),
        ("5-pow openfield", A, openfield(1, extras=",")),
        ("5-pow openfield", A, openfield(1, extras=",a=b=c")),
        ("5-pow openfield", A, openfield(1, extras=f",source={B}")),
    ],
)
def test_a_bad_register_is_refused_by_its_rule(rule: str, sender: str, text: str) -> None:
    result = judge(RegistryState(), sender, REGISTER, text)
    assert result.rule is not None
    assert (result.ok, result.rule.label) == (False, rule)
    assert result.reason


@pytest.mark.parametrize(
    "text",
    [
        openfield(1, ip="0.0.0.0"),
        openfield(1, ip="255.255.255.255"),
        openfield(1, extras=",source="),
        openfield(1, extras=",unknown=x"),
        f"10.0.0.1:no number:{pos(1)}",
        f"10.0.0.1::{pos(1)}\u2003\t",
    ],
)
def test_what_legacy_takes_is_taken(text: str) -> None:
    assert judge(RegistryState(), A, REGISTER, text).ok


@pytest.mark.parametrize(
    ("rule", "sender", "text"),
    [
        ("rule 4", B, f"10.0.0.1:7000:{pos(2)}"),
        ("rule 5", B, f"10.0.0.2:6969:{pos(1)}"),
        ("rule 6", A, openfield(2)),
    ],
)
def test_a_duplicate_is_refused_while_the_other_is_present(rule: str, sender: str, text: str) -> None:
    state = register((A, 1))
    refused = judge(state, sender, REGISTER, text)
    assert refused.rule is not None
    assert refused.rule.label == rule
    gone, result = apply_row(NETWORK, state, row(A, UNREGISTER, openfield(1)), rich)
    assert result.ok
    assert judge(gone, sender, REGISTER, text).ok


def test_registrations_begin_at_the_first_height() -> None:
    first = NETWORK.first_pow_height
    assert judge(RegistryState(), A, REGISTER, openfield(1), first).ok
    assert judge(RegistryState(), A, REGISTER, openfield(1), first - 1).rule == Rule.FIRST_HEIGHT


def test_an_operation_of_something_else_is_void() -> None:
    assert judge(RegistryState(), A, "hypernode:regis", openfield(1)).rule == Rule.OPERATION


def test_an_owner_unregisters_only_what_it_names_exactly() -> None:
    state = register((A, 1), (B, 2))
    for text in (openfield(2), openfield(1, ip="10.0.0.9"), f"10.0.0.1:06969:{pos(1)}"):
        assert judge(state, A, UNREGISTER, text).rule == Rule.U1
    assert judge(state, C, UNREGISTER, openfield(1)).rule == Rule.U2
    after, result = apply_row(NETWORK, state, row(A, UNREGISTER, openfield(1)), rich)
    assert result.ok
    assert [entry.collateral for entry in after.entries] == [B]


def test_a_register_after_an_unregister_goes_to_the_end() -> None:
    state = register((A, 1), (B, 2))
    rows = [row(A, UNREGISTER, openfield(1)), row(A, REGISTER, openfield(1))]
    state, _ = apply_rows(NETWORK, state, rows, rich)
    assert [entry.collateral for entry in state.entries] == [B, A]


def test_the_control_address_unregisters_whoever_it_names() -> None:
    state = register((A, 1), (B, 2))
    after, result = apply_row(
        NETWORK, state, row(CONTROL, UNREGISTER, openfield(2, extras=",reason=x")), rich
    )
    assert result.ok
    assert [entry.collateral for entry in after.entries] == [A]
    # as legacy: of nobody it is taken too, and changes nothing
    same, result = apply_row(NETWORK, state, row(CONTROL, UNREGISTER, openfield(3)), rich)
    assert (same, result.ok) == (state, True)


def test_a_registered_control_address_unregisters_only_its_own() -> None:
    state = register((A, 1), (CONTROL, 2))
    assert judge(state, CONTROL, UNREGISTER, openfield(1)).rule == Rule.U1
    assert judge(state, CONTROL, UNREGISTER, openfield(2)).ok


def test_a_void_stays_on_the_list_and_the_last_word_counts() -> None:
    state = register((A, 1), (B, 2))
    assert judge(state, A, VOID, openfield(1)).rule == Rule.V1
    assert judge(state, CONTROL, VOID, openfield(3)).rule == Rule.V3
    assert judge(state, CONTROL, UNVOID, openfield(2)).rule == Rule.V2
    state, result = apply_row(NETWORK, state, row(CONTROL, VOID, openfield(2, extras=",reason=spam")), rich)
    assert result.ok
    assert list_voided(state) == (pos(2),)
    assert len(state.entries) == 2
    state, result = apply_row(NETWORK, state, row(CONTROL, UNVOID, openfield(2)), rich)
    assert result.ok
    assert list_voided(state) == ()


def test_a_void_is_not_washed_off_by_registering_again() -> None:
    state = register((A, 1), (B, 2))
    rows = [row(CONTROL, VOID, openfield(1)), row(A, UNREGISTER, openfield(1))]
    state, _ = apply_rows(NETWORK, state, rows, rich)
    assert list_voided(state) == ()
    state, _ = apply_rows(NETWORK, state, [row(A, REGISTER, openfield(1))], rich)
    assert list_voided(state) == (pos(1),)


@pytest.mark.parametrize("operation", [REGISTER, UNREGISTER, VOID, UNVOID])
def test_a_row_whose_signature_is_not_its_senders_is_left_out(operation: str) -> None:
    state = register((A, 1))
    sender = {REGISTER: B, UNREGISTER: A}.get(operation, CONTROL)
    number = 2 if operation == REGISTER else 1
    if operation == UNVOID:
        state, _ = apply_row(NETWORK, state, row(CONTROL, VOID, openfield(1)), rich)
    good = row(sender, operation, openfield(number))
    after, result = apply_row(NETWORK, state, replace(good, verified=False), rich)
    assert (after, result.ok, result.rule) == (state, False, Rule.SIGNATURE)
    assert apply_row(NETWORK, state, replace(good, verified=True), rich)[1].ok
    assert apply_row(NETWORK, state, replace(good, verified=UNCHECKED), rich)[1].ok
