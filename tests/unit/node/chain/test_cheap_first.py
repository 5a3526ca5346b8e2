"""What is cheap to see is seen first: how much is parsed and verified of what nobody takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.block import compute_block_hash, count_sources, encode_raw_block
from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.signing import compute_twin, sign
from hypernode.core.types import Block, Endpoint, Message
from hypernode.mempool.screening import PROBE
from hypernode.net.client_session import encode_without_hello, send_without_hello
from hypernode.node.chain.block_validation import FIRST_PART_MESSAGES
from hypernode.node.owner.runtime import Node
from hypernode.node.rpc.refused_pushes import MAX_REFUSED
from hypernode.ports.signing import SignatureCheck
from hypernode.sim.cluster import PORT, make_privkey
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command
from tests.unit.node.beds import ROUND, SEED, Bed, Branch, play, store

MANY = 400
"""Messages of a batch: more than the quota of a sender, and than are verified to see that most are forged."""


class CountingVerifier(InlineVerifier):
    """Verifies, and counts the signatures."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        self.count += len(checks)
        return await super().verify(checks, allow_long_ids=allow_long_ids)


async def count_verified(bed: Bed, node: Node, messages: Sequence[Message]) -> int:
    verifier = node.ports.verifier
    assert isinstance(verifier, CountingVerifier)
    before = verifier.count
    verdicts = await node.intake.submit(messages)
    assert len(verdicts) == len(messages)
    return verifier.count - before


def make_many(bed: Bed, index: int = 1, **changes: object) -> list[Message]:
    """Messages of one hypernode that nobody signed, all unlike each other."""
    one = bed.message(index)
    return [
        replace(one, txid=number.to_bytes(64, "big"), value=number, **changes)  # type: ignore[arg-type]
        for number in range(1, MANY + 1)
    ]


Make = Callable[[Bed], list[Message]]
REFUSED_UNSEEN: dict[str, Make] = {
    "of nobody on the list": lambda bed: make_many(bed, sender="B" * 34),
    "too old": lambda bed: make_many(bed, timestamp=int(bed.clock.now()) - 100_000),
    "of the future": lambda bed: make_many(bed, timestamp=int(bed.clock.now()) + 1_000),
    "params that nobody takes": lambda bed: make_many(bed, params="'"),
    "a recipient that is none": lambda bed: make_many(bed, recipient="nobody", params="x"),
    "with another's key": lambda bed: make_many(bed, pubkey=bed.message(2).pubkey),
    "an id of another length": lambda bed: [replace(m, txid=m.txid[1:]) for m in make_many(bed)],
}


@pytest.mark.parametrize("make", REFUSED_UNSEEN.values(), ids=REFUSED_UNSEEN.keys())
def test_no_signature_is_verified_of_what_something_cheaper_keeps_out(make: Make) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        assert await count_verified(bed, node, make(bed)) == 0
        assert len(node.mempool) == 0

    play(scenario())


def test_nothing_is_looked_up_for_who_is_not_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        messages = make_many(bed, sender="B" * 34)
        with monkeypatch.context() as patch:
            for place in (
                "hypernode.mempool.screening.normalise_cut",
                "hypernode.mempool.pool.list_twin_ids",
            ):
                patch.setattr(place, None)
            verdicts = await node.intake.submit(messages)
        assert {str(verdict) for verdict in verdicts} == {
            str(Reject(Rule.M6, "the sender is not registered for this or the previous round"))
        }

    play(scenario())


def test_what_is_known_or_in_the_chain_is_not_verified_again() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        [block] = await store(bed, node.ports.ledger, (ROUND, 0))
        bed.go_to(ROUND, 1)
        held = bed.messages(bed.clock.now())
        assert await count_verified(bed, node, held) == len(held)
        twins = [replace(m, txid=compute_twin(m.txid)) for m in held]
        assert await count_verified(bed, node, [*held, *twins, *block.messages]) == 0
        assert len(node.mempool) == len(held)
        # one and the same, again and again
        assert await count_verified(bed, node, [bed.message(2)] * MANY) == 1

    play(scenario())


@pytest.mark.parametrize("is_own", [False, True])
def test_no_more_of_a_sender_is_verified_than_may_come_in(is_own: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.params = replace(bed.params, sender_quota=20)
        node = await bed.node(verifier=CountingVerifier())
        index = 0 if is_own else 1
        assert await count_verified(bed, node, [bed.message(index) for _ in range(30)]) == 20
        assert len(node.mempool) == 20
        left = 20 if is_own else 0
        assert await count_verified(bed, node, [bed.message(index) for _ in range(30)]) == left
        reasons = node.mempool.get_refusals()
        assert reasons["mempool: over the quota of its sender for the round"] == 30 - 20 + 30 - left

    play(scenario())


def test_where_most_signatures_are_forged_the_rest_is_not_verified() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        forged = [m for index in (1, 2) for m in make_many(bed, index)[: MANY // 2]]
        assert await count_verified(bed, node, forged) == PROBE
        # who sends some that are not good beside good ones is heard to the end
        few = [*(bed.message(1) for _ in range(PROBE)), *make_many(bed, 2)[: PROBE // 2], bed.message(3)]
        assert await count_verified(bed, node, few) == len(few)
        assert len(node.mempool) == PROBE + 1

    play(scenario())


# --- pushed blocks --------------------------------------------------------------------------------------

SIR = 1
"""The slot that blocks are pushed for, on an empty chain."""


class PushBed:
    """A node that listens, and what it parsed and verified of blocks that were pushed to it."""

    def __init__(self, bed: Bed, node: Node, block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bed = bed
        self.node = node
        self.block = block
        """By the juror of the slot, as it should be."""
        self.parsed = 0

        def count(payload: bytes, *rest: Any) -> Command:
            self.parsed += payload[1] == CommandId.BLOCK
            return decode_command(payload, *rest)

        monkeypatch.setattr("hypernode.net.stream.decode_command", count)

    @classmethod
    async def make(cls, monkeypatch: pytest.MonkeyPatch) -> PushBed:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        await node.listening.start(node.options.listen)
        bed.go_to(ROUND, SIR)
        return cls(bed, node, await (await Branch.on(bed, node.ports.ledger)).make(ROUND, SIR), monkeypatch)

    async def push(self, *blocks: Block, index: int = 2) -> tuple[int, int]:
        """Push from the IP of a hypernode; how many frames were parsed, and signatures of messages
        verified."""
        verifier = self.node.ports.verifier
        assert isinstance(verifier, CountingVerifier)
        parsed, verified = self.parsed, verifier.count
        await send_without_hello(
            self.bed.memory.get_connections(self.bed.ip(index)),
            Endpoint(self.bed.ip(0), PORT),
            encode_without_hello(Command(CommandId.BLOCK, blocks=blocks)),
            connect_timeout_s=5.0,
            timeout_s=5.0,
        )
        await asyncio.sleep(1.0)
        return self.parsed - parsed, verifier.count - verified

    def seal(self, block: Block, messages: Sequence[Message], **changes: Any) -> Block:
        """The same with other messages, hashed and signed as its forger does."""
        whole = replace(
            block,
            messages=tuple(messages),
            msg_count=len(messages),
            uniques_sources=count_sources(messages),
            **changes,
        )
        key = make_privkey(SEED, f"node {self.bed.index_of(block.forger)}")
        hashed = replace(whole, block_hash=compute_block_hash(whole))
        return replace(hashed, signature=sign(key, encode_raw_block(hashed)))

    def make_junk(self, count: int = 1_000) -> list[Message]:
        """In order, of who may send, with the right keys, and signed by nobody."""
        return [
            replace(
                self.block.messages[number % 4],
                txid=number.to_bytes(64, "big"),
                timestamp=self.block.messages[0].timestamp,
                value=number,
            )
            for number in range(1, count + 1)
        ]


def of_another(push: PushBed) -> Block:
    index = (push.bed.index_of(push.block.forger) + 1) % push.bed.size
    return push.seal(replace(push.block, forger=push.bed.address(index)), push.make_junk())


UNPARSED: dict[str, Callable[[PushBed], Block]] = {
    "by who does not hold the slot": of_another,
    "on another tip": lambda push: push.seal(push.block, push.make_junk(), previous_hash=b"x" * 20),
    "of a height to come": lambda push: push.seal(push.block, push.make_junk(), height=7),
    "of a round to come": lambda push: push.seal(push.block, push.make_junk(), round=ROUND + 1),
    "of a closing slot": lambda push: push.seal(
        push.block, push.make_junk(), sir=push.bed.params.slots_total - 1
    ),
}


@pytest.mark.parametrize("make", UNPARSED.values(), ids=UNPARSED.keys())
def test_what_the_head_of_a_block_shows_is_seen_before_it_is_parsed(
    make: Callable[[PushBed], Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        push = await PushBed.make(monkeypatch)
        for _ in range(2 * MAX_REFUSED):
            assert await push.push(make(push)) == (0, 0)
        assert push.node.chain.height.height == 0
        # and nobody is kept from pushing what is right
        assert await push.push(push.block) == (1, len(push.block.messages))
        assert push.node.chain.height.height == 1
        assert await push.push(push.block) == (0, 0)

    play(scenario())


UNVERIFIED: dict[str, Callable[[PushBed], Block]] = {
    "another hash": lambda push: replace(push.block, block_hash=b"x" * 20),
    "another signature": lambda push: replace(push.block, signature=bytes(63) + b"\1"),
    "not what was signed": lambda push: replace(
        push.block, messages=tuple(push.make_junk()), msg_count=1_000, uniques_sources=4
    ),
    "a wrong count": lambda push: replace(push.seal(push.block, push.make_junk()), msg_count=1_001),
    "a wrong number of senders": lambda push: replace(
        push.seal(push.block, push.make_junk()), uniques_sources=5
    ),
    "out of order": lambda push: push.seal(
        push.block, [*push.make_junk(), replace(push.make_junk(1)[0], txid=b"o" * 64, timestamp=5)]
    ),
    "a message twice": lambda push: push.seal(push.block, push.make_junk(500) * 2),
    "a time after its slot": lambda push: push.seal(
        push.block, push.make_junk(), timestamp=push.block.timestamp + 10_000
    ),
}


@pytest.mark.parametrize("make", UNVERIFIED.values(), ids=UNVERIFIED.keys())
def test_no_message_is_verified_of_a_block_refused_by_a_cheaper_check(
    make: Callable[[PushBed], Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        push = await PushBed.make(monkeypatch)
        assert await push.push(make(push)) == (1, 0)
        assert push.node.chain.height.height == 0
        assert await push.push(push.block) == (1, len(push.block.messages))
        assert push.node.chain.height.height == 1

    play(scenario())


def test_a_juror_that_seals_junk_has_few_tries_and_a_part_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        push = await PushBed.make(monkeypatch)
        for number in range(MAX_REFUSED):
            junk = push.seal(push.block, push.make_junk(1_000 + number))
            assert await push.push(junk) == (1, FIRST_PART_MESSAGES)
        junk = push.seal(push.block, push.make_junk(2_000))
        assert await push.push(junk) == (0, 0)
        # what others push is read, and what it pushes in a later slot
        assert await push.push(push.block, index=3) == (1, len(push.block.messages))
        assert push.node.chain.height.height == 1

    play(scenario())


def test_tries_are_counted_anew_in_each_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        push = await PushBed.make(monkeypatch)
        junk = push.seal(push.block, push.make_junk(1_000))
        for _ in range(MAX_REFUSED + 1):
            last = await push.push(junk)
        assert last == (0, 0)
        push.bed.go_to(ROUND, SIR + 1)
        assert await push.push(push.block) == (1, len(push.block.messages))

    play(scenario())


def test_one_bad_message_at_the_end_of_a_large_block_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        push = await PushBed.make(monkeypatch)
        start = push.block.messages[0].timestamp
        good = [push.bed.message(number % 4, start) for number in range(200)]
        block = push.seal(push.block, [*good, push.make_junk(1)[0]])
        assert await push.push(block) == (1, len(good) + 1)
        assert push.node.chain.height.height == 0
        assert any("the signature is invalid" in line for line in push.bed.log)

    play(scenario())
