"""Chains of vector files: the shipped ones agree, and what does not fit is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hypernode.core.address import compute_address
from hypernode.core.block import create_genesis
from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Rule
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Message
from hypernode.vectors import chain, realchain
from hypernode.vectors.outcome import Agree, Differs, DiffersAsDocumented, Json, Outcome
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command

VECTORS = Path(__file__).parents[2] / "vectors"
CHAIN: Json = json.loads((VECTORS / "chain.json").read_text())
REALCHAIN: Json = json.loads((VECTORS / "realchain.json").read_text())
KEYS = [bytes([n]) * 32 for n in range(1, 5)]


def test_chain_agrees_and_digests_agree_or_differ_as_documented() -> None:
    outcomes = [chain.run_case(CHAIN, case) for case in CHAIN["cases"]]
    assert isinstance(outcomes[0], Agree)
    for case, outcome in zip(CHAIN["cases"], outcomes, strict=True):
        if isinstance(outcome, DiffersAsDocumented):
            assert case["digest_block"]
            assert outcome.rule.label in {f"rule {n}" for n in (2, 3, 4, 5, 7, 8, 11)}
        else:
            assert isinstance(outcome, Agree), case.get("note")


def _change_status(case: Json) -> None:
    case["blocks"][3]["height_status_after"]["uniques"] += 1


def _change_blockinfo(case: Json) -> None:
    case["blockinfo"][4]["forgers"] += 1


def _change_kpis(case: Json) -> None:
    next(iter(case["rounds"][1]["active_hns_details"].values()))["forged"] += 1


def _change_hash(case: Json) -> None:
    case["blocksync_5_sha256"] = "00" * 32


def _change_headers(case: Json) -> None:
    case["getheaders"]["5,2"] = [5]


def _change_check(case: Json) -> None:
    case["rounds"][1]["check_round"]["uniques_round"] += 1


def _change_seen(case: Json) -> None:
    case["rounds"][1]["active_hns"].pop()


@pytest.mark.parametrize(
    "change",
    [
        _change_status,
        _change_blockinfo,
        _change_kpis,
        _change_hash,
        _change_headers,
        _change_check,
        _change_seen,
    ],
)
def test_chain_with_another_record_differs(change: Callable[[Json], None]) -> None:
    case = copy.deepcopy(CHAIN["cases"][0])
    change(case)
    assert isinstance(chain.run_case({"cases": [case]}, case), Differs)


def test_stale_count_of_a_legacy_check_is_documented() -> None:
    case = copy.deepcopy(CHAIN["cases"][0])
    case["rounds"][1]["check_round"]["uniques"] += 1
    outcome = chain.run_case({"cases": [case]}, case)
    assert isinstance(outcome, DiffersAsDocumented)
    assert outcome.rule is Rule.STORED


def _digest(params: str, **recorded: Any) -> Outcome:
    """A well-formed block of ours with ``params`` in its last message, on genesis."""
    network = mainnet()
    start = int(compute_slot_start(network, 3, 0))
    messages: list[Message] = []
    for n, key in enumerate(KEYS):
        pubkey = compute_pubkey(key)
        address = compute_address(pubkey, network.address_byte)
        messages.append(
            create_message(
                lambda buffer, key=key: sign(key, buffer),  # type: ignore[misc]
                pubkey,
                timestamp=start + n,
                sender=address,
                recipient=address,
                what=202,
                params=params if n == 3 else "START",
                value=3,
            )
        )
    genesis = create_genesis(network)
    made = seal_block(lambda raw: sign(KEYS[0], raw), messages[0].sender, genesis, 3, 0, start + 20, messages)
    payload = encode_command(Command(CommandId.BLOCK, blocks=(made,))).hex()
    case = {"kind": "digest", "command": payload, **recorded}
    document: Json = {"cases": [{"kind": "chain", "blocks": []}, case]}
    return chain.run_case(document, case)


def test_block_that_both_take_agrees() -> None:
    taken = {"digest_block": True, "last_height_after": 1, "then_blocksync": [4], "height_after_rollback": 0}
    assert isinstance(_digest("TEST:1", **taken), Agree)


def test_block_that_only_ours_takes_differs() -> None:
    assert isinstance(_digest("TEST:1", digest_block=False, last_height_after=0), Differs)


def test_block_that_stops_legacy_by_its_params_differs_as_documented() -> None:
    outcome = _digest("it's", digest_block=False, node_stop_called=True, last_height_after=0)
    assert isinstance(outcome, DiffersAsDocumented)
    assert outcome.rule == Rule.LEGACY


def test_digest_without_a_chain_before_it_is_an_error() -> None:
    case = CHAIN["cases"][1]
    with pytest.raises(ValueError, match="no case of kind chain"):
        chain.run_case({"cases": [case]}, case)


def test_realchain_agrees_in_blocks_rounds_and_end() -> None:
    cases = [*REALCHAIN["cases"], *realchain.extra_cases(REALCHAIN)]
    assert len(cases) == len(REALCHAIN["cases"]) + len(REALCHAIN["rounds"]) + 1
    for case in cases:
        assert realchain.run_case(REALCHAIN, case) == Agree()


def test_realchain_with_other_parameters_or_records_differs() -> None:
    document = copy.deepcopy(REALCHAIN)
    document["config"]["POS_SLOT_TIME_SEC"] += 1
    assert isinstance(realchain.run_case(document, document["cases"][3]), Differs)
    document = copy.deepcopy(REALCHAIN)
    document["hns"].reverse()
    assert any(isinstance(realchain.run_case(document, case), Differs) for case in document["cases"][:5])
    document = copy.deepcopy(REALCHAIN)
    document["final_height_status"]["uniques_round"] += 1
    document["rounds"][1]["test_slots"][0][0][2] ^= 1
    outcomes = [realchain.run_case(document, case) for case in realchain.extra_cases(document)]
    assert [isinstance(outcome, Differs) for outcome in outcomes] == [False, True, False, False, False, True]
