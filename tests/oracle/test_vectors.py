"""The oracle takes the vectors, too: what it says was read right out of the specification."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.oracle import choosing, counting, drawing, keys, messages, registering, timing
from tests.oracle.encoding import decode_command
from tests.oracle.vector_cases import CONTROL_POW, MAIN, MAIN_BYTE, load, read


def test_scores() -> None:
    for case in load("scores"):
        assert counting.score(case["detail"], case["weight"]) == case["score"]


def test_heights() -> None:
    cases = [case for case in load("heights") if "first_height_is_better" in case]
    assert cases
    for case in cases:
        a, b = ({**dict.fromkeys(choosing.PROMISED), **case[key]} for key in ("a", "b"))
        if "forgers" in a and "forgers" in b and None not in [*a.values(), *b.values()]:
            assert choosing.is_first_better(a, b) is case["first_height_is_better"]
            assert choosing.is_first_better(b, a) is case["second_is_better"]
        assert choosing.is_same(a, b) is case["same_height"]
        assert choosing.is_promise_kept(a, b) is case["heights_match"]


def test_times() -> None:
    for case in load("rounds", "timestamp_to_round_slot"):
        assert timing.place(MAIN, case["timestamp"]) == (case["round"], case["slot"])
    for case in load("rounds", "round"):
        assert timing.begin_round(MAIN, case["round"]) == case["round_to_timestamp"]
        for reference in ("round", "legacy"):
            at = timing.refer(replace(MAIN, reference=reference), case["round"])
            assert at == case["round_to_reference_timestamp"]


def test_pow_heights() -> None:
    ledger = [(800_001 + i, 1_535_717_485.55 + 60 * i) for i in range(60)]
    for case in load("registrations", "block_before_ts"):
        assert (timing.find_pow_height(ledger, case["timestamp"]) or 0) == case["height"]
        assert (timing.find_pow_height(ledger, case["timestamp"], behind=-1) or 0) == case["no_check_after"]


@pytest.mark.parametrize("case", load("jurors", "round"), ids=lambda case: case["note"])
def test_jurors_tests_and_connections_of_a_round(case: dict[str, Any]) -> None:
    listed, reference = case["full_hn_list"], bytes.fromhex(case["reference_hash"])
    tickets = drawing.list_tickets([tuple(listed[i]) for i in case["active"]], 19)
    assert len(tickets) == case["tickets_count"]
    jurors = drawing.draw_jurors(tickets, reference, 19)
    assert [list(juror) for juror in jurors] == case["slots"]
    addresses = [address for address, _ in listed]
    plan = drawing.plan_tests(addresses, [a for a, _ in jurors], reference, 8, [0, 1, 2, 3, 4])
    expected = [[(addresses[x], addresses[y], kind) for x, y, kind in slot] for slot in case["test_slots"]]
    assert plan == expected
    for asked in case["get_connect_to"]:
        # legacy nodes leave nobody out
        got = drawing.list_connect_to(addresses, set(addresses), asked["address"], asked["round"], 40)
        assert got == asked["connect_to"]


@pytest.mark.parametrize("case", load("registrations", "feed"), ids=lambda case: case["note"][:40])
def test_lists(case: dict[str, Any]) -> None:
    rows = registering.rows_of_vector(case["ledger"])
    registry = registering.derive(rows, case["ref_height"], MAIN_BYTE, CONTROL_POW)
    said = [[[r.height, r.address, r.operation, r.openfield, r.timestamp], ok] for r, ok in registry.taken]
    assert said == [[row["row"], row["ok"]] for row in case["rows"]]
    listed = [
        [one.collateral, one.ip, one.port, one.pos, one.reward, one.weight, one.timestamp]
        for one in registry.listed
    ]
    keys_ = ("ip", "port", "pos", "reward", "weight", "timestamp")
    assert listed == [[collateral, *(record[key] for key in keys_)] for collateral, record in case["regs"]]


def test_formats_of_pow_addresses() -> None:
    for case in load("registrations", "pow_address_format"):
        assert registering.is_pow_address(case["address"]) is case["valid"], case


def test_addresses() -> None:
    for case in load("addresses", "valid"):
        for net, name in ((0x19, "address_19"), (0x55, "address_55")):
            assert keys.address_of(bytes.fromhex(case["pubkey"]), net) == case[name]
            assert keys.is_address(case[name], net)


def test_signatures_of_64_bytes() -> None:
    cases = [case for case in load("signatures") if len(case["signature"]) == 128]
    assert len(cases) > 100
    # each note once is what python-ecdsa has time for
    for case in {case["note"]: case for case in cases}.values():
        fields = (bytes.fromhex(case[key]) for key in ("pubkey", "signature", "message"))
        assert keys.is_signed(*fields) is case["valid"], case["note"]


def test_messages() -> None:
    for case in load("messages", "tx"):
        (message,) = decode_command(bytes.fromhex(case["command"]))[2]
        assert messages.encode_signed(message).hex() == case["raw"]
        # own networks use another byte, so that M4 and M6 are left out
        assert not messages.breaks_of_message(MAIN, message, {message.sender}) & {"M1", "M2", "M3"}
    refused = 0
    for case in load("messages", "bad"):
        if not case.get("command"):
            continue
        (message,) = decode_command(bytes.fromhex(case["command"]))[2]
        found = messages.breaks_of_message(MAIN, message, {message.sender})
        # M4 is what refuses another cut of recipient, what and params
        differs = "ambiguous" in case["note"] or "65 byte" in case["note"]
        assert bool(found) is (case["check"] != "ok" or differs), case["note"]
        refused += bool(found)
    assert refused >= 10


def test_ages_in_a_mempool() -> None:
    now = read("mempool")["now"]
    for case in load("mempool", "age"):
        is_taken = messages.is_in_time(MAIN, int(now) + case["timestamp_minus_now"], now)
        assert is_taken is (case["digest_tx"] == "accepted")
