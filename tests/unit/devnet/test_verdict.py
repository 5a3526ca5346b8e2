"""When a run of a devnet counts as good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.params.networks import devnet
from hypernode.core.timeline import compute_round_start, compute_slot_start
from hypernode.devnet.verdict import Course, Downtime, NodeEnd, SlotKey, judge

NETWORK = devnet(1_700_000_000, 6, "c" * 56, "b" * 34)
NODES = [NodeEnd(f"node{n}", f"address{n}", 30, "aa" * 20, "SYNCING") for n in range(1, 4)]
START = float(compute_round_start(NETWORK, 1))
END = float(compute_round_start(NETWORK, 2))
ALL_SLOTS: list[SlotKey] = [(1, sir) for sir in range(NETWORK.slots)]
JURORS = {1: tuple(f"address{1 + sir % 3}" for sir in range(NETWORK.slots))}
GOOD = Course(NODES, START, END, ALL_SLOTS, JURORS)


def test_one_chain_with_a_block_in_every_slot_is_good() -> None:
    verdict = judge(NETWORK, GOOD)
    assert verdict.is_good
    assert (verdict.slots, verdict.sealed, verdict.missing, verdict.down) == (19, 19, (), ())


def test_closing_slot_does_not_count() -> None:
    two_rounds = replace(GOOD, ended=END + NETWORK.round_s)
    assert judge(NETWORK, two_rounds).slots == 38


@pytest.mark.parametrize(("missing", "is_good"), [(3, True), (4, False)])
def test_four_fifths_of_the_slots_need_a_block(missing: int, is_good: bool) -> None:
    verdict = judge(NETWORK, replace(GOOD, blocks=ALL_SLOTS[missing:]))
    assert verdict.is_good == is_good
    assert verdict.missing == tuple(ALL_SLOTS[:missing])


def test_missing_blocks_are_named_with_their_jurors() -> None:
    (problem,) = judge(NETWORK, replace(GOOD, blocks=ALL_SLOTS[4:])).problems
    assert "15 of 19" in problem
    assert "1/0 (node1), 1/1 (node2)" in problem


def test_many_missing_blocks_are_not_all_named() -> None:
    course = replace(GOOD, ended=END + 2 * NETWORK.round_s, blocks=(), jurors={})
    (problem,) = judge(NETWORK, course).problems
    assert "and 37 more" in problem
    assert "juror unknown" in problem


@pytest.mark.parametrize(("offset", "slots"), [(0.0, 19), (0.1, 18), (6.0, 18), (6.1, 17)])
def test_slots_count_from_the_first_whole_one_after_all_left_start(offset: float, slots: int) -> None:
    assert judge(NETWORK, replace(GOOD, started=START + offset)).slots == slots


def test_slot_that_has_not_ended_does_not_count() -> None:
    assert judge(NETWORK, replace(GOOD, ended=compute_slot_start(NETWORK, 1, 5) + 5.9)).slots == 5


def test_nodes_that_never_left_start_are_named() -> None:
    nodes = [replace(NODES[0], state="START"), *NODES[1:]]
    verdict = judge(NETWORK, replace(GOOD, nodes=nodes, started=None))
    assert any("START: node1" in problem for problem in verdict.problems)


def test_no_whole_slot_is_no_success() -> None:
    assert judge(NETWORK, replace(GOOD, started=END)).problems == ("no whole slot to judge",)


def test_two_chains_are_a_problem_that_says_who_is_where() -> None:
    nodes = [replace(NODES[0], block_hash="bb" * 20), *NODES[1:]]
    (problem,) = judge(NETWORK, replace(GOOD, nodes=nodes)).problems
    assert "2 chains" in problem
    assert "node1 (SYNCING)" in problem
    assert "node2 (SYNCING), node3 (SYNCING)" in problem


def test_node_that_does_not_answer_is_a_problem() -> None:
    nodes = [replace(NODES[0], block_hash=""), *NODES[1:]]
    assert judge(NETWORK, replace(GOOD, nodes=nodes)).problems == ("node1: does not answer",)


def test_node_that_died_by_itself_is_a_problem() -> None:
    nodes = [replace(NODES[0], block_hash="", fault="ended with exit status 1"), *NODES[1:]]
    assert judge(NETWORK, replace(GOOD, nodes=nodes)).problems == ("node1: ended with exit status 1",)


def test_fault_of_the_companion_is_a_problem() -> None:
    assert judge(NETWORK, replace(GOOD, faults=["companion: gone"])).problems == ("companion: gone",)


def test_killed_node_is_named_and_its_slots_are_left_out() -> None:
    nodes = [replace(NODES[0], block_hash="", is_down=True), *NODES[1:]]
    blocks = [slot for slot in ALL_SLOTS if JURORS[1][slot[1]] != "address1"]
    course = replace(GOOD, nodes=nodes, blocks=blocks, downtimes=[Downtime("address1", START + 1)])
    verdict = judge(NETWORK, course)
    assert verdict.is_good
    assert verdict.down == ("node1",)
    assert (verdict.slots, verdict.sealed) == (12, 12)


def test_only_the_slots_while_it_was_down_are_left_out() -> None:
    down = Downtime("address1", compute_slot_start(NETWORK, 1, 3) + 5, compute_slot_start(NETWORK, 1, 6))
    verdict = judge(NETWORK, replace(GOOD, blocks=ALL_SLOTS[:3] + ALL_SLOTS[4:], downtimes=[down]))
    assert (verdict.slots, verdict.sealed) == (18, 18)


def test_all_down_is_no_success() -> None:
    nodes = [replace(node, is_down=True, block_hash="") for node in NODES]
    assert "no node answers" in judge(NETWORK, replace(GOOD, nodes=nodes)).problems
