"""The oracle takes the vectors of whole chains, and judges their blocks by all rules."""

from __future__ import annotations

from dataclasses import replace

from tests.oracle import blocks, counting, rounds
from tests.oracle.encoding import encode_block, encode_field
from tests.oracle.vector_cases import GENESIS, MAIN, decode, load, read, to_text


def test_measures_and_kpis_of_a_chain() -> None:
    case = load("chain", "chain")[0]
    chain = [GENESIS]
    assert to_text(counting.measure(chain)) == case["genesis_status"]
    for told in case["blocks"]:
        chain.append(decode(told["command"]))
        assert to_text(counting.measure(chain)) == told["height_status_after"]
    for info, upto in zip(case["blockinfo"], range(len(chain)), strict=False):
        measured = to_text(counting.measure(chain[: upto + 1]))
        assert {key: measured[key] for key in info} == info
    for round_ in case["rounds"]:
        found = counting.count_kpis([b for b in chain[1:] if b.round == round_["round"]])
        shown = {
            who: {key: n for key, n in kpis.items() if n or key in ("sources", "forged")}
            for who, kpis in found.items()
        }
        assert shown == round_["active_hns_details"]
        seen = rounds.find_seen(chain[1:], round_["round"])
        assert sorted(seen) == sorted(round_["active_hns"])


SWALLOWED = {
    "wrong signature": "5",
    "empty signature": "5",
    "wrong block_hash": "4",
    "forger is not who signed": "5",
    "forger text garbage": "5",
    "wrong previous_hash": "1",
    "height + 1": "1",
    "height too low": "1",
    "msg_count does not match": "7",
    "sources says 1": "8",
    "sources says 2 (really 3): not recounted": "8",
    "sources says 99": "8",
    "timestamp 0": "3",
    "timestamp in far future": "3",
    "round lower than previous block": "2",
    "sir 500": "2",
    "same round and sir as the last block": "12",
    "3 txs": "7",
    "4 txs, 1 sender": "8",
    "0 txs: accepted": "7",
    "tx with a wrong signature: not checked": "11",
    "same tx twice in the block": "10",
    "tx already in an older block": "10",
    "txs not sorted by timestamp: accepted, served back sorted so block_hash does not fit": "9",
    "QUIRK tx with numeric looking params: stored as integer, block can not be served any more": "13",
    "QUIRK tx with params ' 1e3'": "13",
    "QUIRK tx with a quote in params: SQL syntax error, node stops": "13",
    "QUIRK tx with a quote in recipient": "13",
    "non ascii params": "11",
}
"""The rule that single bad blocks break."""


def test_single_bad_blocks() -> None:
    chain = [GENESIS, *(decode(told["command"]) for told in load("chain", "chain")[0]["blocks"])]
    known = {m.txid for b in chain for m in b.messages}
    slots = {(b.round, b.sir) for b in chain}
    met = set()
    for case in load("chain", "digest"):
        block = decode(case["command"])
        is_taken = (block.round, block.sir) in slots
        senders = {m.sender for m in block.messages}
        given = blocks.Given(chain[-1], block.forger, senders, known, is_taken, None)
        found = blocks.breaks_of_block(MAIN, block, given)
        if case["note"] in SWALLOWED:
            met.add(case["note"])
            assert SWALLOWED[case["note"]] in found, case["note"]
        else:
            assert not found, case["note"]
        if not case["digest_block"] and not case["node_stop_called"]:
            # what legacy nodes refuse, we refuse
            refused = [blocks.is_refused(MAIN, block, rule, fetched=True, most_hold=True) for rule in found]
            assert any(refused), case["note"]
    assert met == set(SWALLOWED)


def test_a_chain_of_legacy_nodes_by_all_rules() -> None:
    vectors = read("realchain")
    config = vectors["config"]
    p = replace(
        MAIN,
        origin=config["ORIGIN_OF_TIME"],
        slot_s=config["POS_SLOT_TIME_SEC"],
        slots=config["MAX_ROUND_SLOTS"],
        closing_slots=config["END_ROUND_SLOTS"],
        min_active=config["MIN_ACTIVE_HNS"],
        tests_per_slot=config["TESTS_PER_SLOT"],
    )
    listed = [(one["pos"], one["weight"]) for one in vectors["hns"]]
    chain = [GENESIS]
    for case in vectors["cases"]:
        block = decode(case["command"])
        plan = rounds.derive_round(p, block.round, listed, listed, chain)
        given = blocks.Given(
            parent=chain[-1],
            juror=plan.jurors[block.sir][0],
            senders={address for address, _ in listed},
            known_ids={m.txid for b in chain for m in b.messages},
            is_slot_taken=False,
            now=None,
        )
        assert blocks.breaks_of_block(p, block, given) == ({"13"} if block.height == 14 else set())
        written = encode_field(1, 6) + encode_field(5, encode_block(block))
        assert written.hex() == case["command"]
        chain.append(block)
    assert to_text(counting.measure(chain)) == vectors["final_height_status"]
    for told in vectors["rounds"]:
        plan = rounds.derive_round(p, told["round"], listed, listed, chain)
        assert plan.reference.hex() == told["reference_hash"]
        assert [list(juror) for juror in plan.jurors] == told["slots"]
        assert [[list(test) for test in slot] for slot in plan.tests] == told["test_slots"]
