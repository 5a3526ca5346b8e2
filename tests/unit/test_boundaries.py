"""The table of numbers: each at its limit and on either side, with its name and where it comes from.

``NUMBERS`` are those of pure functions, tried right here.  ``HELD_BY`` names the test that tries a number
which needs a session, a pool of readers or a clock that goes.  Rules of blocks have their own table,
``core/test_boundaries.py``; what a decision hangs on is in ``machine/test_boundaries.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

import pytest

from hypernode.core.address import encode_address
from hypernode.core.counting import find_uncounted, is_collateral_kept
from hypernode.core.fillers import FIRST_PART, LAST_PART, STEP_PART, compute_fillers
from hypernode.core.forging import find_forging_violation, select_messages
from hypernode.core.fork_choice import find_replacement_violation
from hypernode.core.kpis import compute_score
from hypernode.core.lottery import (
    compute_connect_to,
    compute_jurors,
    compute_silent,
    compute_tests,
    compute_tickets,
)
from hypernode.core.params.chain_params import ChainParams, Delays
from hypernode.core.params.networks import mainnet
from hypernode.core.peer_tests import (
    COMPANION,
    MAX_COMPANION_AGE_S,
    MAX_DRIFT_MS,
    PING,
    compute_ping_value,
    draw_pow_heights,
    find_answer_violation,
)
from hypernode.core.registrations.registry import COIN, compute_weight
from hypernode.core.rewards import compute_last_week, compute_week_end
from hypernode.core.rules import UNCHECKED
from hypernode.core.timeline import compute_round_slot, compute_round_start, compute_slot_start, has_begun
from hypernode.core.types import (
    ID_BYTES,
    MAX_ID_BYTES,
    PUBKEY_BYTES,
    UINT32_MAX,
    Juror,
    Kpis,
    PeerTest,
    Registration,
)
from hypernode.core.validate_message import find_core_violation, find_message_violation, find_time_violation
from hypernode.machine.clock_offset import MIN_PEERS, SPAN_S, ClockOffsets
from hypernode.machine.peers import compute_freshness_s
from hypernode.mempool.pool import Mempool
from hypernode.net.admission import Admission
from hypernode.wire.catalogue import Limits
from tests.unit.core import test_boundaries as of_blocks
from tests.unit.core.builders import OWN, make_message, make_messages, make_registration
from tests.unit.mempool import samples as mempool_samples

MAIN: Final = mainnet()
ROOT: Final = Path(__file__).resolve().parents[2]
PARTS: Final = Delays()


@dataclass(frozen=True)
class Number:
    """``holds`` tells of a number whether what is asked for holds; it does for all of ``inside`` and for none
    of ``outside``.  ``name``: the parameter or the rule; ``source``: where it comes from."""

    name: str
    source: str
    holds: Callable[[float], bool]
    inside: tuple[float, ...]
    outside: tuple[float, ...]


def list_weighed(*weights: int) -> list[Registration]:
    return [make_registration(OWN, number, weight) for number, weight in enumerate(weights)]


def fits_message(field: str, size: float) -> bool:
    message = make_message(OWN)
    if field == "value":
        changed = replace(message, value=int(size))
    elif field == "txid":
        changed = replace(message, txid=b"\1" * int(size))
    else:
        changed = replace(message, pubkey=b"\1" * int(size))
    broken = find_core_violation(OWN, changed, sealed=True, signature_ok=True)
    return broken is None or broken.rule.number != "M1"


def is_replaced(params: ChainParams, age: float, behind: float = 9, connected: int = 10) -> bool:
    return find_replacement_violation(params, 100 - int(age), 100, int(behind), connected) is None


def takes_of_sender(params: ChainParams, count: float) -> bool:
    """Whether a mempool takes so many messages of one sender."""
    pool = Mempool(params)
    messages = [mempool_samples.make_message(value=n) for n in range(int(count))]
    return all(pool.admit(message, mempool_samples.NOW) is None for message in messages)


def score(**counts: int) -> float:
    return compute_score(Kpis(**counts), 1)


def has_offset(peers: float = MIN_PEERS, age_s: float = 0.0) -> bool:
    offsets = ClockOffsets()
    for number in range(int(peers)):
        offsets.note(f"peer {number}", 0.5, 100.0)
    return offsets.get_offset(100.0 + age_s) is not UNCHECKED


def is_on_hold(after_s: float) -> bool:
    admission = Admission()
    admission.hold("10.0.0.1", 0.0)
    return admission.is_on_hold("10.0.0.1", after_s)


def is_second_offence(after_s: float) -> bool:
    """Whether an offence so long after the first is held against it for longer."""
    admission = Admission()
    admission.hold("10.0.0.1", 0.0)
    return admission.hold("10.0.0.1", after_s) > Limits().hold_first_s


def draw_tests(candidates: int) -> tuple[PeerTest, ...]:
    """Eight a slot, of this many, for one slot whose juror is among them."""
    names = [str(n) for n in range(candidates)]
    return compute_tests(OWN.test_kinds, 8, names, [Juror("0", 0)], REFERENCE)[0]


def count_selected(params: ChainParams, count: float) -> int:
    messages = make_messages(OWN, [n % 3 for n in range(8)])
    return len(select_messages(params, messages, int(count)))


AGED: Final = make_message(OWN, timestamp=10_000)
QUARTET: Final = make_messages(OWN, (0, 1, 2, 0))
COUNTED: Final = [encode_address(bytes([n]) * 20, OWN.address_byte) for n in range(200)]
START: Final = compute_slot_start(MAIN, 7, 3)
REFERENCE: Final = b"r" * 20
FRESH_S: Final = 3 * PARTS.height_exchange_in_consensus_s

NUMBERS: Final = (
    # messages
    Number(
        "M1 id",
        "spec 1, message",
        lambda n: fits_message("txid", n),
        (ID_BYTES,),
        (ID_BYTES - 1, ID_BYTES + 1),
    ),
    Number(
        "M1 key",
        "spec 1",
        lambda n: fits_message("pubkey", n),
        (PUBKEY_BYTES,),
        (PUBKEY_BYTES - 1, PUBKEY_BYTES + 1),
    ),
    Number("M1 number", "spec 1", lambda n: fits_message("value", n), (0, UINT32_MAX), (-1, UINT32_MAX + 1)),
    Number(
        "M5",
        "spec 4",
        lambda n: (
            find_message_violation(
                OWN,
                make_message(OWN, params="x" * int(n)),
                sealed=False,
                registered=UNCHECKED,
                signature_ok=True,
            )
            is None
        ),
        (0, 255, 256),
        (257,),
    ),
    Number(
        "future_allowed_s",
        "spec 4",
        lambda ahead: find_time_violation(OWN, AGED, AGED.timestamp - ahead) is None,
        (OWN.future_allowed_s - 0.01, OWN.future_allowed_s),
        (OWN.future_allowed_s + 0.01,),
    ),
    Number(
        "message_age_s",
        "spec 4",
        lambda age: find_time_violation(OWN, AGED, AGED.timestamp + age) is None,
        (OWN.message_age_s - 0.01, OWN.message_age_s),
        (OWN.message_age_s + 0.01,),
    ),
    Number(
        "sender_quota",
        "spec 6, mempool",
        lambda n: takes_of_sender(mempool_samples.make_network(sender_quota=3), n),
        (2, 3),
        (4,),
    ),
    # forging
    Number(
        "min_block_messages",
        "spec 6, forging",
        lambda n: find_forging_violation(replace(OWN, min_block_messages=int(n)), QUARTET) is None,
        (3, 4),
        (5,),
    ),
    Number(
        "min_forge_sources",
        "spec 6, forging",
        lambda n: find_forging_violation(replace(OWN, min_forge_sources=int(n)), QUARTET) is None,
        (2, 3),
        (4,),
    ),
    Number("max_txs_per_block", "spec 6, forging", lambda n: count_selected(OWN, n) == n, (0, 1, 7, 8), (9,)),
    # fork choice
    Number(
        "keep_rounds",
        "spec 4, which chain is better",
        lambda age: is_replaced(OWN, age),
        (0, 1, OWN.keep_rounds),
        (OWN.keep_rounds + 1,),
    ),
    Number("majority", "spec 4", lambda behind: is_replaced(OWN, 1, behind, 10), (6, 10), (4, 5)),
    # the timeline
    Number(
        "slot_s",
        "spec 3, time",
        lambda t: compute_round_slot(MAIN, START + t) == (7, 3),
        (0, 179.9),
        (-0.1, 180),
    ),
    Number(
        "slots",
        "spec 3, time",
        lambda sir: compute_round_slot(MAIN, compute_round_start(MAIN, 7) + 180 * sir)[0] == 7,
        (0, 19, 19.99),
        (-0.01, 20),
    ),
    Number(
        "has_begun",
        "spec 4, rule 3",
        lambda early: has_begun(MAIN, 7, 3, START - early),
        (0, MAIN.future_allowed_s),
        (MAIN.future_allowed_s + 0.01,),
    ),
    # the lottery
    Number(
        "min_active",
        "spec 3",
        lambda n: bool(compute_silent(MAIN, list_weighed(1, 1), {str(i) for i in range(int(n))})),
        (10, 11),
        (9,),
    ),
    Number(
        "tests_per_slot",
        "spec 3, tests",
        lambda others: len(draw_tests(int(others) + 1)) == 8,
        (2, 3),
        (0, 1),
    ),
    Number(
        "jurors",
        "spec 3",
        lambda n: len(compute_jurors(compute_tickets([("a", int(n))], 19), REFERENCE, 19)) == 19,
        (1, 19, 20),
        (0, -1),
    ),
    Number(
        "max_connect_to",
        "spec 6, connecting",
        lambda n: len(compute_connect_to(int(n), list_weighed(*[1] * 5), "x", 1)) == n,
        (0, 4, 5),
        (6,),
    ),
    # who counts, and weights
    Number(
        "least weight",
        "spec 3, who counts",
        lambda w: not find_uncounted(list_weighed(int(w)), UNCHECKED),
        (1, 2, 3),
        (0, -1),
    ),
    Number(
        "collateral_from_round",
        "spec 3, who counts",
        lambda r: is_collateral_kept(replace(OWN, collateral_from_round=50), int(r)),
        (50, 51),
        (49,),
    ),
    Number(
        "collateral_unit",
        "spec 5",
        lambda b: compute_weight(MAIN, int(b)) >= 1,
        (10_000 * COIN,),
        (10_000 * COIN - 1, 0),
    ),
    Number(
        "max_weight",
        "spec 5",
        lambda b: compute_weight(MAIN, int(b)) == 3,
        (30_000 * COIN, 99_000 * COIN),
        (30_000 * COIN - 1,),
    ),
    # fillers
    Number(
        "FIRST_PART",
        "core.fillers",
        lambda part: bool(compute_fillers(OWN, COUNTED, 1, 1, part)),
        (FIRST_PART,),
        (FIRST_PART - 1e-9,),
    ),
    Number(
        "STEP_PART",
        "core.fillers",
        lambda part: len(compute_fillers(OWN, COUNTED, 1, 1, part)) == 2 * OWN.min_block_messages,
        (FIRST_PART, FIRST_PART + STEP_PART - 1e-9),
        (FIRST_PART + STEP_PART,),
    ),
    Number(
        "LAST_PART",
        "core.fillers",
        lambda part: len(compute_fillers(OWN, COUNTED, 1, 1, part)) == len(COUNTED),
        (LAST_PART, 1.0),
        (LAST_PART - 1e-9,),
    ),
    # scores
    Number("fewest counted", "spec 7", lambda n: score(sources=int(n)) > 0, (3, 4), (0, 2)),
    Number("most counted", "spec 7", lambda n: score(sources=int(n)) == 3.0, (9, 10, 80), (8, 81)),
    Number("too many", "spec 7", lambda n: score(sources=int(n)) == 2.0, (81, 82), (80,)),
    Number("tests sent", "spec 7", lambda n: score(sources=9, ok_tests_sent=int(n)) == 4.0, (10, 11), (9,)),
    Number(
        "WEEK_S",
        "spec 7, weekly rewards",
        lambda t: compute_last_week(compute_week_end(290) + t) == 290,
        (0, 604_799),
        (-1, 604_800),
    ),
    # tests of peers
    Number(
        "MAX_DRIFT_MS",
        "spec 6, testing peers",
        lambda ms: (
            find_answer_violation(
                PING, None, compute_ping_value(1_000.0) + int(ms), 1_000.0, 0.0, from_feature_peer=True
            )
            is None
        ),
        (-MAX_DRIFT_MS, MAX_DRIFT_MS),
        (-MAX_DRIFT_MS - 1, MAX_DRIFT_MS + 1),
    ),
    Number(
        "MAX_COMPANION_AGE_S",
        "spec 6, testing peers",
        lambda s: find_answer_violation(COMPANION, None, int(s), 0.0, 0.0, from_feature_peer=True) is None,
        (0, MAX_COMPANION_AGE_S),
        (MAX_COMPANION_AGE_S + 1,),
    ),
    Number(
        "POW heights",
        "spec 6, testing peers",
        lambda h: len(draw_pow_heights(REFERENCE, 3, int(h))) == 10,
        (21, 22),
        (20, 0),
    ),
    # what a decision hangs on
    Number(
        "MIN_PEERS", "spec 6, time", lambda n: has_offset(n), (MIN_PEERS, MIN_PEERS + 1), (MIN_PEERS - 1,)
    ),
    Number("SPAN_S", "spec 6, time", lambda s: has_offset(age_s=s), (0, SPAN_S), (SPAN_S + 0.1,)),
    Number(
        "freshness",
        "spec 6, consensus",
        lambda s: s < compute_freshness_s(PARTS),
        (FRESH_S - 0.1,),
        (FRESH_S,),
    ),
    # the wire's holds
    Number("hold_first_s", "spec 2, limits", is_on_hold, (0.0, 3.9), (4.0,)),
    Number("hold_forget_s", "spec 2, limits", is_second_offence, (7_199.9,), (7_200.0,)),
)


def name(value: object) -> str:
    """For the ids of parametrized tests."""
    return value.name if isinstance(value, Number) else str(value)


@pytest.mark.parametrize(("row", "number"), [(row, n) for row in NUMBERS for n in row.inside], ids=name)
def test_it_holds_up_to_its_limit(row: Number, number: float) -> None:
    assert row.holds(number), f"{row.name} ({row.source})"


@pytest.mark.parametrize(("row", "number"), [(row, n) for row in NUMBERS for n in row.outside], ids=name)
def test_it_ends_right_beyond_its_limit(row: Number, number: float) -> None:
    assert not row.holds(number), f"{row.name} ({row.source})"


def test_long_ids_of_legacy_nodes_are_sealed_on_mixed_networks() -> None:
    message = make_message(OWN)
    for size, is_good in ((ID_BYTES, True), (MAX_ID_BYTES, True), (MAX_ID_BYTES + 1, False)):
        found = find_core_violation(MAIN, replace(message, txid=b"\1" * size), sealed=True, signature_ok=True)
        assert (found is None or "the id" not in found.reason) is is_good


_SESSION: Final = "net/test_server_session.py::"
_SIZES: Final = f"{_SESSION}test_size_is_bound_before_it_is_held"
_ASKS: Final = f"{_SESSION}test_who_asks_much_is_answered_later"
_GIANT: Final = "node/sync/test_giant_blocks.py::test_an_empty_node_syncs_giant_blocks_and_blames_nobody"
_LARGER: Final = "net/test_long_answers.py::test_a_block_known_to_be_larger_may_be_larger_in_every_way"
_TURNS: Final = "net/test_turns.py::test_a_key_has_one_turn_at_a_time_and_all_have_no_more_than_there_are"
_SHARE: Final = "net/test_turns.py::test_all_together_cost_no_more_than_their_share"
HELD_BY: Final = {
    "first_frame_s": f"{_SESSION}test_a_connection_that_says_nothing_ends_after_ten_seconds",
    "first_frame_bytes": _SIZES,
    "first_frame_registered_bytes": _SIZES,
    "frame_s": f"{_SESSION}test_a_frame_that_has_begun_must_end_in_time",
    "pushed_block_frame_s": f"{_SESSION}test_a_frame_that_has_begun_must_end_in_time",
    "write_s": f"{_SESSION}test_who_does_not_read_its_answers_is_let_go",
    "pushed_block_bytes": _SIZES,
    "one_block_bytes": "net/test_client_session.py::test_an_answer_may_be_as_large_as_what_was_asked",
    "giant_block_bytes": _LARGER,
    "mixed_block_bytes": _GIANT,
    "giant_block_s": "net/test_client_session.py::test_a_giant_block_has_its_time_to_come",
    "giant_block_messages": _LARGER,
    "giant_block_fields": _LARGER,
    "many_blocks_bytes": "net/test_client_session.py::test_an_answer_may_be_as_large_as_what_was_asked",
    "block_messages": "wire/test_tags.py::test_more_messages_than_a_block_may_hold_are_refused",
    "frame_fields": "wire/test_tags.py::test_tags_are_counted_to_the_last",
    "many_blocks_fields": "wire/test_tags.py::test_tags_are_counted_to_the_last",
    "mempool_bytes": _SIZES,
    "mempool_messages": "wire/test_tags.py::test_more_messages_than_an_exchange_may_hold_are_refused",
    "request_bytes": _SIZES,
    "test_bytes": _SIZES,
    "answer_bytes": "net/test_client_session.py::test_an_answer_may_be_as_large_as_what_was_asked",
    "silence_s": f"{_SESSION}test_silence_after_hello_ends_the_session_after_ninety_seconds",
    "faults": f"{_SESSION}test_three_damaged_frames_in_a_minute_end_a_checked_session",
    "fault_span_s": f"{_SESSION}test_a_damaged_frame_now_and_then_is_lived_with",
    "sessions": "net/test_places.py::test_who_counts_never_finds_strangers_on_all_places",
    "sessions_per_ip": f"{_SESSION}test_sessions_of_an_ip_are_counted",
    "sessions_per_registered_ip": f"{_SESSION}test_sessions_of_an_ip_are_counted",
    "sessions_kept": "net/test_places.py::test_a_third_is_kept_for_who_counts",
    "sessions_per_site": "net/test_places.py::test_strangers_of_one_24_share_a_few_places",
    "sessions_of_operator": "net/test_places.py::test_more_busy_sessions_of_the_operator_are_strangers",
    "readers_of_peers": _TURNS,
    "readers_of_strangers": _TURNS,
    "share_of_strangers": _SHARE,
    "share_of_peers": _SHARE,
    "question_wait_s": "net/test_turns.py::test_a_stranger_that_waited_as_long_as_it_may_is_told_busy",
    "round_wait_s": "net/test_budgets.py::test_a_whole_round_has_a_wait_of_its_own",
    "answer_of_blocks_bytes": "node/rpc/test_block_answers.py::",
    "answer_to_stranger_bytes": "node/rpc/test_block_answers.py::",
    "whole_round_bytes": "node/rpc/test_block_answers.py::",
    "waiting_bytes": "net/test_waiting.py::test_the_slowest_stranger_goes_when_there_is_no_room",
    "receiving_bytes": "net/test_receiving.py::test_the_budget_has_room_for_ten_of_the_largest_blocks",
    "receiving_stranger_bytes": "net/test_receiving.py::test_strangers_never_take_the_room_of_hypernodes",
    "least_rate": "net/test_waiting.py::test_who_does_not_count_goes_when_it_reads_below_the_least_rate",
    "stall_s": "net/test_answering.py::test_who_takes_no_byte_of_an_answer_is_ended",
    "hold_max_s": "net/test_admission.py::test_a_hold_doubles_with_each_offence_up_to_an_hour",
    "known_ips": "net/test_admission.py::test_only_so_many_holds_are_remembered",
    "session_burst": _ASKS,
    "session_rate": _ASKS,
    "registered_ease": _ASKS,
    "ip_burst": f"{_SESSION}test_sessions_of_an_ip_share_their_tokens",
    "ip_rate": f"{_SESSION}test_sessions_of_an_ip_share_their_tokens",
}
"""Limits of the wire, and the test below ``tests/unit`` that tries each at its edge."""


def test_every_limit_of_the_wire_is_in_the_table() -> None:
    tried = {row.name for row in NUMBERS}
    assert [field.name for field in fields(Limits) if field.name not in tried | HELD_BY.keys()] == []
    assert sorted(HELD_BY.keys() & tried) == []
    assert sorted(HELD_BY.keys() - {field.name for field in fields(Limits)}) == []


@pytest.mark.parametrize("place", sorted(set(HELD_BY.values())))
def test_every_test_that_the_table_names_exists(place: str) -> None:
    file, test = place.split("::")
    source = (ROOT / "tests" / "unit" / file).read_text(encoding="utf-8")
    assert f"def {test or 'test_'}" in source


def test_every_rule_with_a_number_is_in_a_table() -> None:
    """A rule whose line in the documentation has a figure or a parameter of the network."""
    page = (ROOT / "docs" / "rules.rst").read_text(encoding="utf-8")
    rows = re.findall(
        r"^   \* - (M?\d+)\n     - [ABC]\n     - (.+?)\n     - ", page, re.MULTILINE | re.DOTALL
    )
    assert len(rows) == 21
    figures = re.compile(r"\b\d[\d,]*\b|``\w+_\w+``")
    numbered = {rule for rule, words in rows if figures.search(re.sub(r"\bM\d\b", "", words))}
    tried = {row.rule for row in of_blocks.ROWS} | {row.name.split()[0] for row in NUMBERS}
    assert {"3", "7", "8", "9", "14", "15", "M5"} <= numbered
    assert sorted(numbered - tried) == []
