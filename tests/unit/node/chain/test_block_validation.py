"""What judging remembers and prepares: forgers' keys, lists of rounds, lookups, and the chunks of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from hypernode.app.verifier import CHUNK, ThreadVerifier
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Violation
from hypernode.core.signing import compute_pubkey
from hypernode.core.types import Message
from hypernode.core.validate_block import Origin
from hypernode.machine.peers import Support
from hypernode.node.chain import block_validation as judging
from hypernode.node.chain.block_validation import BlockValidator, ForgerKeys, prepare
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.sim.cluster import make_privkey
from hypernode.sim.memory.adapters import InlineVerifier
from tests.unit.node.beds import ROUND, SEED, Bed, Branch, play

MOST = Support(3, 5)
T = TypeVar("T")


@dataclass
class CountingVerifier(InlineVerifier):
    """Verifies, and notes how many messages it was given at once."""

    calls: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def find_core_violations(
        self, params: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        self.calls.append(len(messages))
        return await super().find_core_violations(params, messages)


def count_calls(patch: pytest.MonkeyPatch, owner: Any, name: str) -> list[tuple[Any, ...]]:
    """Note the arguments of every call of a function from now on."""
    calls: list[tuple[Any, ...]] = []
    whole: Callable[..., Any] = getattr(owner, name)

    def noting(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return whole(*args, **options)

    patch.setattr(owner, name, noting)
    return calls


# --- keys of forgers ----------------------------------------------------------------------------------


def test_a_forgers_key_is_recovered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        bed = Bed()
        branch = await Branch.on(bed, (await bed.node()).ports.ledger)
        blocks = await branch.grow(*[(ROUND, sir) for sir in range(10)])
        recoveries = count_calls(monkeypatch, judging, "find_forger_key")
        keys = ForgerKeys(bed.params)
        for block in blocks:
            number = bed.index_of(block.forger)
            assert keys.find(block) == compute_pubkey(make_privkey(SEED, f"node {number}"))
        assert len(recoveries) == len({block.forger for block in blocks}) == len(keys)

    play(scenario())


def test_a_block_that_its_forger_did_not_sign_gives_no_key() -> None:
    async def scenario() -> None:
        bed = Bed()
        branch = await Branch.on(bed, (await bed.node()).ports.ledger)
        block = await branch.make(ROUND, 0)
        other = next(bed.address(n) for n in range(bed.size) if bed.address(n) != block.forger)
        keys = ForgerKeys(bed.params)
        assert keys.find(replace(block, forger=other)) is None
        assert keys.find(replace(block, timestamp=-1)) is None
        assert len(keys) == 0

    play(scenario())


def test_keys_are_kept_for_those_that_forged_last() -> None:
    async def scenario() -> None:
        bed = Bed()
        branch = await Branch.on(bed, (await bed.node()).ports.ledger)
        blocks = await branch.grow(*[(ROUND, sir) for sir in range(10)])
        keys = ForgerKeys(bed.params, limit=2)
        for block in blocks:
            assert keys.find(block) is not None
            assert len(keys) <= 2

    play(scenario())


def test_a_known_key_does_not_make_a_bad_signature_good() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 2)
        branch = await Branch.on(bed, node.ports.ledger)
        first, second = await branch.grow((ROUND, 0), (ROUND, 1))
        outcome = await node.chain.adopt(0, [first], None, MOST)
        assert outcome.adopted
        forged = replace(second, signature=bytes(63) + b"\1")
        for _ in range(2):
            with pytest.raises(Exception, match="rule 5"):
                await node.chain.accept_pushed(forged)
        await node.chain.accept_pushed(second)

    play(scenario())


# --- a batch of blocks --------------------------------------------------------------------------------


class CountingLedger:
    """A ledger that notes what it is asked."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._ledger, name)


def test_a_batch_asks_the_ledger_as_often_as_a_block() -> None:
    async def count_questions(length: int) -> list[str]:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 15)
        blocks = await (await Branch.on(bed, node.ports.ledger)).grow(*[(ROUND, n) for n in range(length)])
        ledger = CountingLedger(node.ports.ledger)
        node = await bed.node(2, ledger=ledger)
        ledger.asked.clear()
        assert (await node.chain.adopt(0, blocks, None, MOST)).adopted
        return sorted(ledger.asked)

    async def scenario() -> None:
        assert await count_questions(1) == await count_questions(12)

    play(scenario())


def test_messages_of_a_batch_not_in_the_mempool_are_verified_together() -> None:
    async def scenario() -> None:
        bed = Bed()
        verifier = CountingVerifier()
        node = await bed.node(verifier=verifier)
        blocks = await (await Branch.on(bed, node.ports.ledger)).grow(*[(ROUND, n) for n in range(5)])
        for message in blocks[0].messages:
            node.mempool.add(replace(message, block_height=0))
        await prepare(bed.params, node.ports.verifier, node.mempool, blocks)
        assert verifier.calls == [16]

    play(scenario())


def test_faults_go_to_the_block_that_has_them() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        good, bad = await (await Branch.on(bed, node.ports.ledger)).grow((ROUND, 0), (ROUND, 1))
        # the same id, with other words
        lie = replace(good.messages[0], value=77)
        prepared = await prepare(
            bed.params, node.ports.verifier, node.mempool, [good, replace(bad, messages=(*bad.messages, lie))]
        )
        assert prepared[0].bad_messages == {}
        assert prepared[1].bad_messages == {lie.txid: Violation(Rule.M3, "the signature is invalid")}

    play(scenario())


def test_lists_of_a_later_round_follow_from_the_blocks_pushed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND + 1, 5)
        branch = await Branch.on(bed, node.ports.ledger)
        blocks = await branch.grow((ROUND, 0), (ROUND, 1), (ROUND + 1, 0), (ROUND + 1, 1))
        derived = count_calls(monkeypatch, Rounds, "derive")
        keys = ForgerKeys(bed.params)
        judge = await BlockValidator.at(
            *(bed.params, bed.clock, node.ports.verifier, node.ports.ledger),
            *(node.rounds, keys, 0, Origin.FETCHED),
        )
        for prepared in await prepare(bed.params, node.ports.verifier, node.mempool, blocks):
            assert await judge.judge(prepared) == ()
            judge.push(prepared.block)
        assert [round_ for _, round_, _ in derived] == [ROUND, ROUND + 1]
        # a block of an earlier round on top changes what a later round follows from
        judge.push(replace(blocks[1], height=5, sir=7))
        await judge._get_lists(ROUND + 1)
        assert [round_ for _, round_, _ in derived] == [ROUND, ROUND + 1, ROUND + 1]

    play(scenario())


def test_what_was_not_looked_up_is_asked_for() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        blocks = await (await Branch.on(bed, node.ports.ledger)).grow((ROUND, 0), (ROUND, 1))
        await node.ports.ledger.append_many(blocks)
        txids = [message.txid for block in blocks for message in block.messages]
        for height, known in ((0, set()), (1, set(txids[:4])), (2, set(txids))):
            plain, looked = (
                await History.at(node.ports.ledger, height),
                await History.at(node.ports.ledger, height),
            )
            await looked.look_up(blocks)
            for history in (plain, looked):
                assert await history.get_known_ids(txids) == known
                assert (await history.get_stored(ROUND, 1)) == replace(blocks[1], messages=())
                assert await history.get_stored(ROUND, 2) is None
                assert await history.is_slot_taken(ROUND, 1) is (height == 2)

    play(scenario())


# --- threads ------------------------------------------------------------------------------------------


class NotingVerifier(ThreadVerifier):
    """Notes the size of each piece of work that is handed to the threads."""

    def __init__(self) -> None:
        super().__init__(2)
        self.sizes: list[int] = []

    def _map_chunk(self, work: Callable[[Sequence[Any]], T], chunk: Sequence[Any]) -> T:
        self.sizes.append(len(chunk))
        return super()._map_chunk(work, chunk)


def test_a_large_block_is_verified_in_threads_piece_by_piece() -> None:
    async def scenario() -> None:
        bed = Bed()
        good = [bed.message(n % bed.size) for n in range(300)]
        bad = replace(good[150], value=99)
        messages = [*good[:150], bad, *good[151:]]
        verifier = NotingVerifier()
        turns = 0
        asked = asyncio.ensure_future(verifier.find_core_violations(bed.params, messages))
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        verifier.close()
        faults = await asked
        assert [place for place, fault in enumerate(faults) if fault] == [150]
        assert faults[150] == Violation(Rule.M3, "the signature is invalid")
        # the loop had its turns meanwhile, and no piece is longer than a chunk
        assert turns > 1
        assert sorted(verifier.sizes, reverse=True) == [*[CHUNK] * (300 // CHUNK), 300 % CHUNK]

    asyncio.run(scenario())


def test_work_runs_in_a_thread_and_raises_what_it_raises() -> None:
    async def scenario() -> None:
        verifier = ThreadVerifier(1)
        try:
            assert await verifier.run(lambda: 6 * 7) == 42
            with pytest.raises(ZeroDivisionError):
                await verifier.run(lambda: 1 // 0)
        finally:
            verifier.close()

    asyncio.run(scenario())
