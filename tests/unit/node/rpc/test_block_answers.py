"""Answers with blocks end by bytes; to a legacy node a round is whole, and made while it is written."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hypernode.core.encoded_size import compute_payload_size
from hypernode.core.errors import Ignore
from hypernode.core.types import Block
from hypernode.net.answer import Encoded, InTurn, read_answer
from hypernode.net.standing import Standing
from hypernode.node.rpc import block_answers
from hypernode.node.rpc.block_answers import BlockAnswers
from hypernode.ports.chain import Lane
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.compression import PLAIN
from tests.unit.node.beds import STRANGER, FakeCaller, play
from tests.unit.storage.chains import GENESIS, NETWORK, block, message

FEATURES, LEGACY = 15, 0
SMALL = replace(
    LIMITS, answer_of_blocks_bytes=30_000, answer_to_stranger_bytes=15_000, whole_round_bytes=500_000
)


def make_chain(*sizes: int) -> list[Block]:
    """Blocks of round 1 with so many bytes of params each, about."""
    blocks = [GENESIS]
    for sir, size in enumerate(sizes):
        texts = [message((sir, n), params="p" * min(1_000, size)) for n in range(max(size // 1_000, 1))]
        blocks.append(block(blocks[-1], 1, sir, messages=texts))
    return blocks[1:]


class Served:
    """A ledger with a chain, and who asks."""

    def __init__(self, ledger: SqliteLedger, features: int, limits: Limits) -> None:
        self.ledger = ledger
        self.caller = FakeCaller(STRANGER, features, standing=Standing.COUNTED)
        self.limits = limits

    @classmethod
    async def on(cls, blocks: list[Block], features: int, limits: Limits = SMALL) -> Served:
        ledger = await open_ledger(InlineDatabase(), NETWORK)
        await ledger.append_many(blocks)
        return cls(ledger, features, limits)

    async def ask(self, command_id: CommandId, first: int = 1) -> Encoded | InTurn | Command:
        reader = self.ledger.get_reader(Lane.STRANGERS)
        sizes = await reader.get_block_sizes(first, 20)
        answers = BlockAnswers(self.limits, reader, self.caller)  # type: ignore[arg-type]
        return await answers.answer(command_id, sizes)


async def read_bytes(answer: Encoded | InTurn | Command) -> bytes:
    if isinstance(answer, InTurn):
        return b"".join([piece async for piece in answer.pieces])
    assert isinstance(answer, Encoded)
    return answer.payload


@pytest.mark.parametrize("features", [FEATURES, LEGACY])
def test_an_answer_ends_before_its_bytes_are_too_many(features: int) -> None:
    async def scenario() -> None:
        blocks = make_chain(10_000, 10_000, 10_000, 10_000)
        served = await Served.on(blocks, features)
        answer = await served.ask(CommandId.BLOCKSYNC)
        expected = encode_command(Command(CommandId.BLOCKSYNC, blocks=tuple(blocks[:2])))
        assert isinstance(answer, Encoded)
        assert answer.payload == expected
        assert answer.rows == 2 + sum(len(each.messages) for each in blocks[:2])
        assert served.caller.expected == [len(expected)]

    play(scenario())


def test_to_a_stranger_it_ends_sooner() -> None:
    async def scenario() -> None:
        served = await Served.on(make_chain(10_000, 10_000, 10_000), FEATURES)
        served.caller = FakeCaller(STRANGER, FEATURES)
        assert len((await read_answer(await served.ask(CommandId.BLOCKSYNC))).blocks) == 1

    play(scenario())


def test_a_short_answer_is_whole_and_an_empty_one_is_empty() -> None:
    async def scenario() -> None:
        blocks = make_chain(100, 200)
        served = await Served.on(blocks, LEGACY)
        answer = await served.ask(CommandId.BLOCKSYNC)
        assert (await read_answer(answer)).blocks == tuple(blocks)
        assert await served.ask(CommandId.BLOCKSYNC, 3) == Command(CommandId.BLOCKSYNC)
        single = await read_bytes(await served.ask(CommandId.GETBLOCK, 2))
        assert single == encode_command(Command(CommandId.GETBLOCK, blocks=(blocks[1],)))

    play(scenario())


@pytest.mark.parametrize("features", [FEATURES, LEGACY])
def test_a_first_block_that_is_over_it_goes_alone(features: int) -> None:
    async def scenario() -> None:
        blocks = make_chain(100_000, 10_000)
        served = await Served.on(blocks, features)
        answer = await served.ask(CommandId.BLOCKSYNC)
        expected = encode_command(Command(CommandId.BLOCKSYNC, blocks=(blocks[0],)))
        assert isinstance(answer, Encoded if features else InTurn)
        assert await read_bytes(answer) == expected
        # room for what is made of the pieces too, where they have to be put together
        assert served.caller.expected == ([2 * len(expected)] if features else [])

    play(scenario())


def test_a_giant_is_read_twice_where_it_needs_a_checksum_and_never_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_answers, "JOINED_BYTES", 50_000)

    async def scenario() -> None:
        blocks = make_chain(600_000, 10_000)
        served = await Served.on(blocks, FEATURES)
        answer = await served.ask(CommandId.GETBLOCK)
        expected = encode_command(Command(CommandId.GETBLOCK, blocks=(blocks[0],)))
        assert isinstance(answer, InTurn)
        assert answer.checksums is not None
        assert answer.checksums.alone == zlib.crc32(expected)
        assert answer.checksums.behind_plain == zlib.crc32(bytes((PLAIN,)) + expected)
        pieces = [piece async for piece in answer.pieces]
        assert b"".join(pieces) == expected
        assert max(map(len, pieces)) < len(expected) / 1.5
        assert served.caller.expected == []

    play(scenario())


def test_a_round_is_whole_for_a_legacy_node_and_in_pieces() -> None:
    async def scenario() -> None:
        blocks = make_chain(10_000, 40_000, 10_000, 10_000)
        served = await Served.on(blocks, LEGACY)
        answer = await served.ask(CommandId.ROUNDBLOCKS)
        expected = encode_command(Command(CommandId.ROUNDBLOCKS, blocks=tuple(blocks)))
        assert isinstance(answer, InTurn)
        assert answer.size == len(expected)
        pieces = [piece async for piece in answer.pieces]
        assert b"".join(pieces) == expected
        assert max(map(len, pieces)) < len(expected) / 1.5

    play(scenario())


def test_a_round_ends_by_bytes_for_who_asks_on() -> None:
    async def scenario() -> None:
        blocks = make_chain(10_000, 40_000, 10_000, 10_000)
        answer = await (await Served.on(blocks, FEATURES)).ask(CommandId.ROUNDBLOCKS)
        assert (await read_answer(answer)).blocks == tuple(blocks[:1])

    play(scenario())


def test_a_round_that_nobody_takes_closes() -> None:
    async def scenario() -> None:
        blocks = make_chain(300_000, 300_000)
        with pytest.raises(Ignore, match="a round of"):
            await (await Served.on(blocks, LEGACY)).ask(CommandId.ROUNDBLOCKS)

    play(scenario())


def test_a_round_of_19_largest_blocks_is_within_what_legacy_nodes_get() -> None:
    largest = 3 * 1024 * 1024
    assert compute_payload_size((largest,) * 19) <= LIMITS.whole_round_bytes


def test_an_answer_whose_chain_changes_while_it_is_written_is_not_ended() -> None:
    async def scenario() -> None:
        blocks = make_chain(40_000, 40_000)
        served = await Served.on(blocks, LEGACY)
        answer = await served.ask(CommandId.ROUNDBLOCKS)
        assert isinstance(answer, InTurn)
        got = 0
        pieces: AsyncIterator[bytes] = answer.pieces
        got += len(await anext(pieces))
        await served.ledger.rollback(1)
        async for piece in pieces:
            got += len(piece)
        assert got < answer.size

    play(scenario())
