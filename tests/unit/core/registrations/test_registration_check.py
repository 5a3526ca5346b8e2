from dataclasses import replace

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registration_check import (
    Level,
    PreflightResult,
    Wish,
    check_register,
    check_texts,
    check_unregister,
    draft_register,
    draft_unregister,
    estimate_fee,
    find_own,
    list_next_rounds,
)
from hypernode.core.registrations.registry import (
    COIN,
    REGISTER,
    UNREGISTER,
    PowRow,
    RegistryState,
)
from hypernode.core.registrations.registry_rules import apply_row
from hypernode.core.rules import Rule
from hypernode.core.timeline import compute_round_start
from hypernode.core.types import Registration
from tests.unit.core.builders import OWN, get_address

NETWORK = mainnet()
POS = get_address(NETWORK, 1)
OTHER_POS = get_address(NETWORK, 2)
POW = "a" * 56
OTHER_POW = "b" * 56
WISH = Wish(POW, "8.8.4.4", "6969", POS)
ENTRY = Registration(POW, "8.8.4.4", "6969", POS, POW, 1)
RICH = 30_001 * COIN


def errors(findings: list[PreflightResult]) -> list[str]:
    return [finding.rule.label for finding in findings if finding.level is Level.ERROR]


def state_of(*entries: Registration) -> RegistryState:
    return RegistryState(entries)


def test_a_good_wish_has_no_error() -> None:
    findings = [*check_texts(NETWORK, WISH), *check_register(NETWORK, WISH, state_of(), RICH)]
    assert errors(findings) == []
    assert {finding.level for finding in findings} == {Level.OK}


@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "+1", "6969x", "", " 6969", "0x1B", "06969", "٣", "1" * 5_000]
)
def test_a_bad_port_is_an_error(port: str) -> None:
    assert errors(check_texts(NETWORK, replace(WISH, port=port))) == ["port"]


@pytest.mark.parametrize("port", ["1", "6969", "65535"])
def test_a_port_within_its_bounds_is_good(port: str) -> None:
    assert errors(check_texts(NETWORK, replace(WISH, port=port))) == []


@pytest.mark.parametrize("ip", ["example.org", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::1", "01.2.3.4", ""])
def test_rule_1_what_is_no_ip_literal_is_an_error(ip: str) -> None:
    assert errors(check_texts(NETWORK, replace(WISH, ip=ip))) == ["rule 1"]


@pytest.mark.parametrize("ip", ["10.0.0.1", "127.0.0.1", "192.168.1.1", "0.0.0.0"])
def test_an_address_that_is_not_public_is_a_warning(ip: str) -> None:
    [finding] = [f for f in check_texts(NETWORK, replace(WISH, ip=ip)) if f.level is not Level.OK]
    assert (finding.level, finding.rule) == (Level.WARNING, Rule.R1)


def test_rule_2_sender_and_reward_must_be_bismuth_addresses() -> None:
    assert errors(check_texts(NETWORK, replace(WISH, pow_address="A" * 56))) == ["rule 2"]
    assert errors(check_texts(NETWORK, replace(WISH, reward="nobody"))) == ["rule 2"]
    assert errors(check_texts(NETWORK, replace(WISH, pow_address=POW + "\n"))) == ["rule 2"]
    assert errors(check_texts(NETWORK, replace(WISH, reward=OTHER_POW))) == []


def test_rule_3_the_pos_address_must_be_of_the_network() -> None:
    assert errors(check_texts(NETWORK, replace(WISH, pos=get_address(OWN, 1)))) == ["rule 3"]
    assert errors(check_texts(NETWORK, replace(WISH, pos=POS + " "))) == ["rule 3"]


def test_rules_4_to_6_what_is_registered_already_is_an_error_each() -> None:
    others = Registration(OTHER_POW, "9.9.9.9", "1", OTHER_POS, OTHER_POW, 1)
    for field, rule in (
        ({"ip": "8.8.4.4"}, "rule 4"),
        ({"pos": POS}, "rule 5"),
        ({"collateral": POW}, "rule 6"),
    ):
        state = state_of(replace(others, **field))  # type: ignore[arg-type]  # fields of a registration
        assert errors(check_register(NETWORK, WISH, state, RICH)) == [rule]


@pytest.mark.parametrize(
    ("balance", "weight"),
    [(None, 0), (0, 0), (10_000 * COIN, 0), (10_001 * COIN, 1), (20_000 * COIN, 1), (99_999 * COIN, 3)],
)
def test_rule_7_the_weight_is_that_after_the_fee(balance: int | None, weight: int) -> None:
    findings = check_register(NETWORK, WISH, state_of(), balance)
    [finding] = [finding for finding in findings if finding.rule == Rule.R7]
    assert f"weight {weight}" in finding.words
    assert finding.level is (Level.OK if weight else Level.ERROR)


def test_the_fee_is_that_of_the_pow_chain_for_so_many_characters() -> None:
    assert estimate_fee("x" * 50) == 1_050_000


def test_what_is_voided_is_warned_about() -> None:
    findings = check_register(NETWORK, WISH, RegistryState(voids=(POS,)), RICH)
    assert [f.rule for f in findings if f.level is Level.WARNING] == [Rule.VOIDED]


def test_what_is_drafted_is_taken_by_the_list() -> None:
    def apply(state: RegistryState, operation: str, openfield: str) -> tuple[RegistryState, bool]:
        row = PowRow(900_000, 0.0, POW, POW, 0, 0, 0, operation, openfield)
        state, result = apply_row(NETWORK, state, row, lambda address, height: RICH)
        return state, result.ok

    wish = replace(WISH, reward=OTHER_POW, reason="moving to another host")
    draft = draft_register(wish)
    assert (draft.operation, draft.openfield) == (REGISTER, f"8.8.4.4:6969:{POS},reward={OTHER_POW}")
    state, is_taken = apply(RegistryState(), draft.operation, draft.openfield)
    assert is_taken
    assert find_own(state, POW) == replace(ENTRY, reward=OTHER_POW, weight=3)
    draft = draft_unregister(wish)
    assert (draft.operation, draft.openfield) == (
        UNREGISTER,
        f"8.8.4.4:6969:{POS},reason=moving to another host",
    )
    assert apply(state, draft.operation, draft.openfield) == (RegistryState(), True)


def test_a_reward_to_the_sender_itself_needs_no_words() -> None:
    assert draft_register(replace(WISH, reward=POW)).openfield == f"8.8.4.4:6969:{POS}"


@pytest.mark.parametrize("reason", ["a,b", "a=b", "a:b"])
def test_a_reason_with_separators_is_an_error(reason: str) -> None:
    assert errors(check_texts(NETWORK, replace(WISH, reason=reason))) == ["openfield"]


def test_only_the_own_registration_can_be_unregistered() -> None:
    assert errors(check_unregister(NETWORK, WISH, state_of(ENTRY))) == []
    assert errors(check_unregister(NETWORK, WISH, state_of())) == ["unregister 2"]
    assert errors(check_unregister(NETWORK, replace(WISH, port="7000"), state_of(ENTRY))) == ["unregister 1"]


def test_the_control_address_unregisters_only_whom_it_names() -> None:
    wish = replace(WISH, pow_address=NETWORK.control_pow)
    assert errors(check_unregister(NETWORK, wish, state_of(ENTRY))) == []
    assert errors(check_unregister(NETWORK, replace(wish, port="7000"), state_of(ENTRY))) == ["unregister 3"]
    own = replace(ENTRY, collateral=NETWORK.control_pow, ip="10.9.9.9")
    # registered itself, it may only end its own
    assert errors(check_unregister(NETWORK, wish, state_of(ENTRY, own))) == ["unregister 1"]


def test_it_counts_for_the_rounds_whose_reference_time_is_to_come() -> None:
    start = compute_round_start(NETWORK, 1_000)
    # within round 1000 its own and the next reference time are over: 1002's is the start of 1001
    assert [c.round for c in list_next_rounds(NETWORK, start + 10, 3)] == [1_002, 1_003, 1_004]
    [first] = list_next_rounds(NETWORK, start + 10, 1)
    assert (first.reference, first.start) == (start + 3_600, start + 7_200)
    assert list_next_rounds(NETWORK, start + 3_600, 1)[0].round == 1_003
