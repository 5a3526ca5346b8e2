"""What whole nodes say and do over some rounds, read from the chain that they made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from hypernode.core import kinds
from hypernode.core.params.chain_params import replace_fields
from hypernode.core.types import Block, Message
from hypernode.machine.state import State
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run

SIZE = 4
FIRST = 3
"""The first whole round."""


@dataclass(frozen=True)
class Story:
    """The chain that the nodes made, and who is who."""

    blocks: tuple[Block, ...]
    addresses: tuple[str, ...]
    logs: tuple[tuple[str, ...], ...]

    def list_published(self, what: int, params: str = "") -> list[Message]:
        messages = (m for block in self.blocks for m in block.messages)
        return [m for m in messages if m.what == what and m.params.startswith(params)]

    def count_by_sender_and_round(self, what: int, params: str = "") -> Counter[tuple[int, int]]:
        said = self.list_published(what, params)
        return Counter((self.addresses.index(m.sender), m.value) for m in said)


async def _tell(cluster: Cluster) -> Story:
    node = cluster.hosts[0].node
    assert node is not None
    blocks = await node.ports.ledger.get_blocks(1, 10_000)
    await cluster.stop_all()
    return Story(
        tuple(blocks),
        tuple(host.signer.address for host in cluster.hosts),
        tuple(tuple(host.log) for host in cluster.hosts),
    )


async def _play_with_one_that_is_away() -> Story:
    """Node 3 crashes in round 3 and comes back in round 5."""
    cluster = Cluster(SIZE, 21)
    await cluster.start_all()
    await cluster.run_until(FIRST, 2)
    await cluster.crash(3)
    await cluster.run_until(FIRST + 2, 1)
    await cluster.start(3)
    await cluster.run_until(FIRST + 3, 2)
    assert cluster.is_agreed()
    return await _tell(cluster)


async def _play_without_tests() -> Story:
    cluster = Cluster(SIZE, 22)
    cluster.params = replace_fields(cluster.params, tests_per_slot=0)
    await cluster.start_all()
    await cluster.run_until(FIRST + 2, 2)
    return await _tell(cluster)


@pytest.fixture(scope="module")
def story() -> Story:
    return run(_play_with_one_that_is_away())


@pytest.fixture(scope="module")
def quiet_story() -> Story:
    return run(_play_without_tests())


def test_each_process_says_start_once(story: Story) -> None:
    starts = story.count_by_sender_and_round(kinds.START_OR_TEST_OK, "START")
    assert starts == {(0, 2): 1, (1, 2): 1, (2, 2): 1, (3, 2): 1, (3, FIRST + 2): 1}


def test_each_node_says_its_configuration_once_a_round(story: Story) -> None:
    said = story.count_by_sender_and_round(kinds.CONFIG, "CONFIG:")
    assert set(said.values()) <= {1}
    assert {(node, FIRST) for node in range(SIZE)} <= set(said)
    assert (3, FIRST + 1) not in said
    assert len({m.params for m in story.list_published(kinds.CONFIG)}) == 1


def test_who_was_away_is_called_late_by_all_others_and_nobody_else_is(story: Story) -> None:
    late = story.list_published(kinds.LATE)
    index = story.addresses.index
    assert {(index(m.sender), index(m.recipient)) for m in late} == {(n, 3) for n in range(3)}
    assert {m.value for m in late} == {FIRST + 2}
    assert Counter(m.sender for m in late).most_common(1)[0][1] == 1


def test_tests_are_said_by_both_sides(story: Story) -> None:
    good = {(m.sender, m.recipient) for m in story.list_published(kinds.START_OR_TEST_OK, "TEST:")}
    was = {(m.recipient, m.sender) for m in story.list_published(kinds.WAS_TESTED, "TEST:")}
    assert good
    assert good == was


def test_who_is_away_fails_its_tests(story: Story) -> None:
    bad = story.list_published(kinds.TEST_KO)
    assert {m.recipient for m in bad} == {story.addresses[3]}


def test_who_comes_back_says_from_whom_it_caught_up(story: Story) -> None:
    synced = [m for m in story.list_published(kinds.OK_ACTION, "C.SYNC:") if m.sender == story.addresses[3]]
    assert synced
    assert all(m.params.endswith(":06969") for m in synced)


def test_nobody_is_blamed_without_need(story: Story) -> None:
    assert story.list_published(kinds.KO_ACTION) == []
    assert story.list_published(kinds.EQUIVOCATION) == []


def test_every_value_of_the_past_is_said_within_its_round(story: Story, quiet_story: Story) -> None:
    of_the_past = {kinds.CONFIG, kinds.NO_TEST, kinds.LATE}
    said = [
        (block.round, message)
        for block in (*story.blocks, *quiet_story.blocks)
        for message in block.messages
        if message.what in of_the_past
    ]
    assert {message.what for _, message in said} == of_the_past
    assert all(round_ - 1 <= message.value <= round_ for round_, message in said)


def test_without_a_test_to_do_no_test_is_said_twice_a_round(quiet_story: Story) -> None:
    first = quiet_story.count_by_sender_and_round(kinds.NO_TEST, "NO_TEST:1")
    last = quiet_story.count_by_sender_and_round(kinds.NO_TEST, "NO_TEST:2")
    for said in (first, last):
        assert {(node, FIRST) for node in range(SIZE)} <= set(said)
        assert set(said.values()) == {1}


def test_a_network_with_a_block_a_round_calls_nobody_late(quiet_story: Story) -> None:
    assert quiet_story.list_published(kinds.LATE) == []


def test_every_state_of_an_ordinary_round_is_shown(story: Story) -> None:
    lines = "\n".join(story.logs[0])
    for state in (State.NEWROUND, State.SYNCING, State.FORGING, State.SENDING):
        assert f"state {state.value}" in lines, state
    assert "of FORGING" in lines


# --- single facts -----------------------------------------------------------------------------------------


def play(scenario: Coroutine[Any, Any, None]) -> None:
    run(scenario)


def test_a_stop_takes_less_than_ten_seconds_also_while_peers_are_deaf() -> None:
    async def scenario() -> None:
        cluster = Cluster(SIZE, 26)
        await cluster.start_all()
        await cluster.run_until(FIRST, 1)
        ips = [host.ip for host in cluster.hosts]
        cluster.network.partition([ips[:1], ips[1:]])
        await asyncio.sleep(30)
        before = asyncio.get_running_loop().time()
        await cluster.stop(0)
        assert asyncio.get_running_loop().time() - before < 10
        await cluster.stop_all()

    play(scenario())


def test_every_slot_of_ours_has_one_line_and_it_says_what_the_chain_has(story: Story) -> None:
    for index in range(SIZE - 1):
        said = [line.partition(" ")[2] for line in story.logs[index]]
        lines = [line for line in said if line.startswith("our slot ")]
        slots = [line.split(":")[0] for line in lines]
        assert len(slots) == len(set(slots))
        forged = {line.split(":")[0] for line in lines if "forged, block" in line}
        own = [block for block in story.blocks if block.forger == story.addresses[index]]
        last = story.blocks[-1]
        ended = [block for block in own if (block.round, block.sir) < (last.round, last.sir)]
        assert ended
        assert {f"our slot {block.sir} of round {block.round}" for block in ended} <= forged
