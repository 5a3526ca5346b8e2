"""Whole sessions within the budgets of the node, on virtual time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hypernode.core.types import Message
from hypernode.net.answer import Encoded, InTurn
from hypernode.net.caller import Caller
from hypernode.sim.memory.loop import run
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command
from tests.unit.net.harness import REGISTERED, STRANGER, RawPeer, SessionHarness
from tests.unit.storage.chains import message

MIB = 1024 * 1024
QUESTION = Command(CommandId.BLOCKSYNC, int32=1)
HELLO = Command(CommandId.HELLO, string="posnet000200101bTim2ThKqZ5dPFeU3HSC7RzRGSo7hNzXpw")


def make_text(size: int) -> Encoded:
    """An answer of some length."""
    return Encoded(encode_command(Command(CommandId.BLOCKSYNC, string="x" * size)), rows=size // 240)


class Node:
    """A node whose answers have a length, and that may be slow to make them."""

    def __init__(self, size: int = 10, *, limits: Limits = LIMITS, takes_s: float = 0.0) -> None:
        self.size = size
        self.takes_s = takes_s
        self.most_waiting = 0
        self.ports = SessionHarness(limits, self.answer, 0, ())

    async def answer(self, caller: Caller, command: Command) -> Encoded | InTurn | Command | None:
        await caller.expect(self.size)
        await asyncio.sleep(self.takes_s)
        self.most_waiting = max(self.most_waiting, self.ports.budgets.answers.total)
        return make_text(self.size) if command.id in (QUESTION.id, CommandId.TX) else command

    async def dial(self, ip: str) -> RawPeer:
        """A peer after its hello."""
        self.ports.memory.get_connections(ip)
        peer = await self.ports.dial(ip)
        await peer.say(HELLO)
        assert await peer.hear() is not None
        return peer


def get_ip(number: int) -> str:
    """A stranger of a /24 of its own."""
    return f"10.50.{number}.1"


async def spend_share(node: Node, seconds: float) -> None:
    """Strangers have had what is theirs for so long."""
    turns = node.ports.budgets.strangers
    turns.give_back("others", (2.0 + seconds) * node.ports.limits.share_of_strangers)


def test_a_question_whose_session_is_gone_is_never_read() -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peer = await node.dial(STRANGER)
        await spend_share(node, 10.0)
        await peer.say(QUESTION)
        await asyncio.sleep(1.0)
        peer.transport.close()
        await asyncio.sleep(60.0)
        assert node.ports.handled == []
        assert node.ports.admission.count == 0

    run(scenario())


def test_messages_of_who_left_are_dealt_with_all_the_same() -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peer = await node.dial(STRANGER)
        await spend_share(node, 10.0)
        await peer.say(Command(CommandId.TX, messages=(message("m"),)))
        await asyncio.sleep(1.0)
        peer.transport.close()
        await asyncio.sleep(60.0)
        assert [command.id for command in node.ports.handled] == [CommandId.TX]

    run(scenario())


def count_message_objects() -> int:
    return sum(isinstance(thing, Message) for thing in gc.get_objects())


@pytest.mark.parametrize("count", [100, 1_000])
def test_a_long_question_is_not_decoded_before_its_turn(count: int) -> None:
    """Decoded it takes three times its bytes, in small pieces among which others stay for good."""

    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peers = [await node.dial(get_ip(number)) for number in range(3)]
        await spend_share(node, 10.0)
        long = Command(CommandId.TX, messages=(message("m"),) * count)
        before = count_message_objects()
        for peer in peers:
            await peer.say(long)
        await asyncio.sleep(1.0)
        assert node.ports.budgets.strangers.count_waiting == 3
        assert count_message_objects() == before
        await asyncio.sleep(60.0)
        assert node.ports.handled == [long] * 3

    run(scenario())


def test_a_long_question_is_held_no_more_while_its_answer_is_read() -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peer = await node.dial(STRANGER)
        before = count_message_objects()
        node.size = 3 * MIB
        await peer.say(Command(CommandId.TX, messages=(message("m"),) * 1_000))
        await asyncio.sleep(2.0)
        assert len(node.ports.handled) == 1
        node.ports.handled.clear()
        assert node.ports.budgets.answers.total > 0
        assert count_message_objects() < before + 1_000

    run(scenario())


def test_a_long_question_that_cannot_be_parsed_is_an_offence_in_its_turn() -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peer = await node.dial(STRANGER)
        await spend_share(node, 10.0)
        payload = encode_command(Command(CommandId.TX, messages=(message("m"),) * 1_000))
        await peer.write(peer.framing.encode_frame(payload[:-1]))
        await asyncio.sleep(60.0)
        assert node.ports.handled == []
        [end] = node.ports.ends
        assert end.is_offence
        assert node.ports.budgets.strangers.count_at_work == 0
        assert node.ports.budgets.questions.total == 0

    run(scenario())


def test_messages_of_who_had_to_give_way_wait_no_longer() -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peers = [await node.dial(STRANGER) for _ in range(LIMITS.sessions_per_ip)]
        await spend_share(node, 1_000.0)
        for peer in peers:
            await peer.say(Command(CommandId.TX, messages=(message("m"),)))
            await asyncio.sleep(0.1)
            peer.transport.close()
        await asyncio.sleep(0.1)
        assert node.ports.budgets.strangers.count_waiting == 3
        await node.dial(STRANGER)
        await asyncio.sleep(0.1)
        assert node.ports.budgets.strangers.count_waiting == 2

    run(scenario())


def test_what_it_waits_for_its_tokens_is_part_of_what_a_hypernode_waits() -> None:
    async def scenario() -> None:
        node = Node(limits=replace(LIMITS, session_burst=50.0, session_rate=0.001, registered_ease=0.1))
        await node.ports.start()
        node.ports.budgets.peers.give_back("others", 1_000.0)
        peer = await node.dial(REGISTERED)
        start = node.ports.clock.monotonic()
        for _ in range(2):
            await peer.say(Command(CommandId.ROUNDBLOCKS, int32=1))
        for answers in range(1, 3):
            assert await peer.hear() is not None
            assert node.ports.clock.monotonic() - start == pytest.approx(50.0 * answers, abs=0.1)

    run(scenario())


def test_a_stranger_over_budget_waits_and_is_then_told_no() -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        peer = await node.dial(STRANGER)
        await spend_share(node, 1_000.0)
        await peer.say(QUESTION)
        start = node.ports.clock.monotonic()
        assert await peer.hear() is None
        assert node.ports.clock.monotonic() - start == pytest.approx(85.0, abs=1.0)
        assert node.ports.ends[0].reason == "busy"
        assert not node.ports.ends[0].is_offence

    run(scenario())


def test_what_strangers_ask_keeps_no_hypernode_waiting() -> None:
    async def scenario() -> None:
        node = Node(takes_s=5.0)
        await node.ports.start()
        strangers = [await node.dial(get_ip(number)) for number in range(20)]
        for peer in strangers:
            await peer.say(QUESTION)
        await asyncio.sleep(0.1)
        peer = await node.dial(REGISTERED)
        await peer.say(QUESTION)
        start = node.ports.clock.monotonic()
        assert await peer.hear() is not None
        assert node.ports.clock.monotonic() - start == pytest.approx(5.0, abs=0.1)
        # two of the strangers' at a time, and one of the hypernode's
        assert 3 <= len(node.ports.handled) <= 5

    run(scenario())


@pytest.mark.parametrize(
    ("command_id", "most_s"), [(CommandId.ROUNDBLOCKS, 50.0), (CommandId.BLOCKSYNC, 85.0)]
)
def test_a_legacy_hypernode_over_budget_waits_and_is_answered(command_id: CommandId, most_s: float) -> None:
    async def scenario() -> None:
        node = Node()
        await node.ports.start()
        node.ports.budgets.peers.give_back("others", 1_000.0)
        peer = await node.dial(REGISTERED)
        await peer.say(Command(command_id, int32=1))
        start = node.ports.clock.monotonic()
        assert await peer.hear() is not None
        assert node.ports.clock.monotonic() - start == pytest.approx(most_s, abs=0.1)
        assert node.ports.ends == []

    run(scenario())


def test_unread_answers_stay_in_budget_and_go_with_their_sessions() -> None:
    async def scenario() -> None:
        limits = replace(LIMITS, waiting_bytes=8 * MIB, share_of_strangers=100.0)
        node = Node(2 * MIB, limits=limits)
        await node.ports.start()
        peers = [await node.dial(get_ip(number)) for number in range(30)]
        for peer in peers:
            await peer.say(QUESTION)
        await asyncio.sleep(20.0)
        assert 6 * MIB <= node.most_waiting <= 8 * MIB
        await asyncio.sleep(200.0)
        assert node.ports.budgets.answers.total == 0
        assert node.ports.admission.count == 0
        assert not any(end.is_offence for end in node.ports.ends)

    run(scenario())


@pytest.mark.parametrize(("ip", "most_s"), [(STRANGER, 30.0), (REGISTERED, 90.0)])
def test_who_takes_no_byte_of_an_answer_is_ended(ip: str, most_s: float) -> None:
    async def scenario() -> None:
        node = Node(MIB)
        await node.ports.start()
        peer = await node.dial(ip)
        await peer.say(QUESTION)
        await asyncio.sleep(most_s - 1.0)
        assert node.ports.ends == []
        await asyncio.sleep(2.0)
        assert [end.reason for end in node.ports.ends] == ["silent or slow"]

    run(scenario())


def test_who_reads_slower_than_the_least_rate_is_ended_in_the_end() -> None:
    async def scenario() -> None:
        node = Node(4 * MIB)
        await node.ports.start()
        peer = await node.dial(STRANGER)
        await peer.say(QUESTION)
        start = node.ports.clock.monotonic()
        while not node.ports.ends:
            await asyncio.sleep(1.0)
            await peer.transport.read_some(16 * 1024)
        # four megabytes at 32 KiB/s, and what a pause may take
        assert node.ports.clock.monotonic() - start == pytest.approx(
            30 + 4 * MIB / LIMITS.least_rate, abs=3.0
        )

    run(scenario())


def test_unfinished_questions_of_strangers_stay_within_their_budget() -> None:
    async def scenario() -> None:
        node = Node(limits=replace(LIMITS, receiving_stranger_bytes=3 * MIB))
        await node.ports.start()
        payload = encode_command(Command(CommandId.TX, messages=(message("m"),)))
        begun = (2 * MIB).to_bytes(4, "big") + payload + bytes(MIB - len(payload))
        peers = [await node.dial(get_ip(number)) for number in range(10)]
        for peer in peers:
            await peer.write(begun)
            await asyncio.sleep(0.1)
        assert node.ports.budgets.questions.total <= 3 * MIB
        assert [end.reason for end in node.ports.ends] == ["gave way"] * 8
        await asyncio.sleep(60.0)
        assert node.ports.budgets.questions.total == 0

    run(scenario())


def make_pieces(count: int, size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    payload = encode_command(Command(CommandId.ROUNDBLOCKS, string="x" * (count * size)))

    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(payload), size):
            yield payload[start : start + size]

    return payload, read()


def test_an_answer_in_pieces_arrives_whole_and_is_never_held_whole() -> None:
    async def scenario() -> None:
        payload, pieces = make_pieces(20, 100_000)

        async def answer(caller: Caller, command: Command) -> InTurn:
            return InTurn(len(payload), pieces)

        ports = SessionHarness(LIMITS, answer, 0, ())
        node = Node()
        node.ports = ports
        await ports.start()
        peer = await node.dial(REGISTERED)
        await peer.say(Command(CommandId.ROUNDBLOCKS, int32=1))
        heard = await peer.hear()
        assert heard == decode_command(payload, replace(LIMITS, answer_bytes=10 * MIB))
        assert ports.budgets.answers.total == 0

    run(scenario())


@pytest.mark.parametrize("difference", [-1, 1])
def test_an_answer_of_another_length_than_announced_ends_the_session(difference: int) -> None:
    async def scenario() -> None:
        payload, pieces = make_pieces(3, 1_000)

        async def answer(caller: Caller, command: Command) -> InTurn:
            return InTurn(len(payload) + difference, pieces)

        node = Node()
        node.ports = SessionHarness(LIMITS, answer, 0, ())
        await node.ports.start()
        peer = await node.dial(REGISTERED)
        await peer.say(Command(CommandId.ROUNDBLOCKS, int32=1))
        assert await peer.hear() is None
        assert node.ports.ends[0].reason == "an answer that is not as long as it was said to be"

    run(scenario())


def test_one_whole_round_goes_at_a_time_and_who_is_due_goes_beside_it() -> None:
    async def scenario() -> None:
        async def answer(caller: Caller, command: Command) -> InTurn:
            payload, pieces = make_pieces(20, 100_000)
            return InTurn(len(payload), pieces)

        node = Node()
        node.ports = SessionHarness(LIMITS, answer, 0, ())
        await node.ports.start()
        slow, other = await node.dial(REGISTERED), await node.dial(REGISTERED)
        await slow.say(Command(CommandId.ROUNDBLOCKS, int32=1))
        await asyncio.sleep(1.0)
        await other.say(Command(CommandId.ROUNDBLOCKS, int32=1))
        start = node.ports.clock.monotonic()
        assert await other.hear() is not None
        assert node.ports.clock.monotonic() - start == pytest.approx(50.0, abs=1.0)
        assert node.ports.ends == []

    run(scenario())
