"""Blocks into the chain: pushed, forged by us, and as a fetched branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.block import encode_raw_block
from hypernode.core.errors import Ignore, Reject
from hypernode.core.hashing import h20
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import BLOCK_RULES, RuleClass, Violation
from hypernode.core.signing import compute_twin, sign
from hypernode.core.types import Block, Equivocation, Message
from hypernode.machine.peers import ForkOverride, Support
from hypernode.node.chain.chain import EVIDENCE_ROUNDS
from hypernode.node.owner.runtime import Node
from hypernode.sim.cluster import make_privkey
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.storage.database import InlineDatabase
from tests.unit.node.beds import ROUND, SEED, Bed, Branch, enter_round, list_heard, play, reported_by, store

NOBODY = Support(0, 5)
MOST = Support(3, 5)
HALF = Support(2, 4)


def reseal(bed: Bed, block: Block, forger: int | None = None, **fields: Any) -> Block:
    """The block with other fields, hashed and signed again."""
    changed = replace(block, signature=b"", block_hash=b"", **fields)
    number = bed.index_of(changed.forger) if forger is None else forger
    raw = encode_raw_block(changed)
    return replace(changed, signature=sign(make_privkey(SEED, f"node {number}"), raw), block_hash=h20(raw))


# --- pushed -------------------------------------------------------------------------------------------


def test_a_pushed_block_of_the_slots_juror_is_accepted() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        block = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        for message in block.messages:
            node.mempool.add(replace(message, block_height=0))
        height = await node.chain.accept_pushed(block)
        assert (height.height, height.block_hash) == (1, block.block_hash)
        assert len(list_heard(node, "tip")) == 1
        assert len(node.mempool) == 0
        assert await node.ports.ledger.get_block(1) == block

    play(scenario())


def _change(**fields: Any) -> Callable[[Bed, Block], Block]:
    return lambda bed, block: replace(block, **fields)


def _reseal(**fields: Any) -> Callable[[Bed, Block], Block]:
    return lambda bed, block: reseal(bed, block, **fields)


def _by_another(bed: Bed, block: Block) -> Block:
    other = (bed.index_of(block.forger) + 1) % bed.size
    return reseal(bed, block, forger=other)


def _by_wrong_juror(bed: Bed, block: Block) -> Block:
    other = (bed.index_of(block.forger) + 1) % bed.size
    return reseal(bed, replace(block, forger=bed.address(other)))


def _bad_message(bed: Bed, block: Block) -> Block:
    first = block.messages[0]
    return reseal(bed, block, messages=(replace(first, txid=first.txid[::-1]), *block.messages[1:]))


def _message_of_stranger(bed: Bed, block: Block) -> Block:
    stranger = bed.message(0, block.messages[0].timestamp, recipient="nowhere")
    return reseal(bed, block, messages=(stranger, *block.messages[1:]))


def _same_message_twice(bed: Bed, block: Block) -> Block:
    return reseal(bed, block, messages=(block.messages[0], *block.messages), msg_count=5)


REFUSED: list[tuple[str, Callable[[Bed, Block], Block]]] = [
    ("rule 2", lambda bed, b: reseal(bed, b, sir=19)),
    ("rule 3", lambda bed, b: reseal(bed, b, timestamp=b.timestamp + 180)),
    ("rule 3", lambda bed, b: reseal(bed, b, round=ROUND + 1)),
    ("rule 3", lambda bed, b: reseal(bed, b, round=2**32 - 1)),
    ("rule 4", _change(block_hash=b"x" * 20)),
    ("rule 4", _change(block_hash=b"")),
    ("rule 4", _change(block_hash=b"x" * 200)),
    ("rule 5", _by_another),
    ("rule 5", _change(signature=b"")),
    ("rule 5", _change(signature=bytes(64))),
    ("rule 5", _change(forger="")),
    ("rule 5", _change(forger="\0é" * 17)),
    ("rule 6", _by_wrong_juror),
    ("rule 7", _reseal(msg_count=3)),
    ("rule 7", _reseal(messages=(), msg_count=0, uniques_sources=0)),
    ("rule 8", _reseal(uniques_sources=2**32 - 1)),
    ("rule 9", lambda bed, b: reseal(bed, b, messages=(*b.messages[:3], bed.message(3, 0.0)))),
    ("rule 10", _same_message_twice),
    ("rule 11", _bad_message),
    ("rule 13", _message_of_stranger),
]
OF_THE_FUTURE = [spoil for rule, spoil in REFUSED if rule == "rule 3"][1:]
"""Blocks of rounds to come."""
each_refused = pytest.mark.parametrize(
    ("rule", "spoil"), REFUSED, ids=[f"{i}-{r}" for i, (r, _) in enumerate(REFUSED)]
)


@each_refused
def test_a_pushed_block_that_breaks_a_rule_is_rejected(
    rule: str, spoil: Callable[[Bed, Block], Block]
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        good = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        with pytest.raises(Reject) as refusal:
            await node.chain.accept_pushed(spoil(bed, good))
        assert refusal.value.rule.label == rule
        assert node.chain.height.height == 0
        await node.chain.accept_pushed(good)

    play(scenario())


async def _offer(
    bed: Bed, params: ChainParams, spoil: Callable[[Bed, Block], Block], support: Support | None
) -> tuple[str, Node]:
    """A spoilt block as the first one: pushed, or fetched where somebody is behind it; the rule that it is
    refused by."""
    node = await bed.node(params=params)
    block = spoil(bed, await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0))
    try:
        if support is None:
            await node.chain.accept_pushed(block)
        else:
            assert (await node.chain.adopt(0, [block], None, support)).adopted
    except Reject as refusal:
        assert node.chain.height.height == 0
        return refusal.rule.label, node
    assert node.chain.height.block_hash == block.block_hash
    return "", node


@each_refused
@pytest.mark.parametrize("mixed", [False, True])
def test_where_a_break_is_a_reason_to_refuse(
    rule: str, spoil: Callable[[Bed, Block], Block], mixed: bool
) -> None:
    """Class A everywhere; B but in a fetched branch that most hold, and C not, where legacy nodes forge."""

    async def scenario() -> None:
        bed = Bed(mixed=mixed)
        number = rule.removeprefix("rule ")
        for support in (None, HALF, MOST):
            refused_by, node = await _offer(bed, bed.params, spoil, support)
            cls = BLOCK_RULES[number].cls
            is_merciful = cls is RuleClass.C or (cls is RuleClass.B and support is MOST)
            if mixed and is_merciful and refused_by == "":
                assert number in await node.ports.ledger.count_findings()
            else:
                assert refused_by == rule
                # There is no list yet to judge it by.
                is_of_the_future = rule == "rule 3" and spoil in OF_THE_FUTURE
                assert not (mixed and is_merciful) or is_of_the_future

    play(scenario())


@each_refused
def test_an_operators_exception_takes_a_block_by_height_and_hash(
    rule: str, spoil: Callable[[Bed, Block], Block]
) -> None:
    async def scenario() -> None:
        bed = Bed()
        good = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
        spoilt = spoil(bed, good)
        is_forgiven = rule != "rule 10" and spoil not in OF_THE_FUTURE
        for height, block_hash in ((1, good.block_hash), (2, spoilt.block_hash), (1, spoilt.block_hash)):
            params = replace(bed.params, exceptions=((height, block_hash),))
            is_meant = (height, block_hash) == (1, spoilt.block_hash)
            for support in (None, MOST):
                refused_by, _ = await _offer(bed, params, lambda *_: spoilt, support)
                assert refused_by == ("" if is_meant and is_forgiven else rule)

    play(scenario())


class _Counting(InlineVerifier):
    """Counts the messages that were verified."""

    count = 0

    async def find_core_violations(
        self, params: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        self.count += len(messages)
        return await super().find_core_violations(params, messages)


@pytest.mark.parametrize(
    ("rule", "spoil"), [(rule, spoil) for rule, spoil in REFUSED if rule in ("rule 4", "rule 5", "rule 6")]
)
@pytest.mark.parametrize("mixed", [False, True])
def test_messages_of_a_block_its_juror_did_not_sign_are_not_verified(
    rule: str, spoil: Callable[[Bed, Block], Block], mixed: bool
) -> None:
    """Or whoever is registered could keep all cores busy with blocks full of messages."""

    async def scenario() -> None:
        bed, verifier = Bed(mixed=mixed), _Counting()
        node = await bed.node(verifier=verifier)
        good = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        with pytest.raises(Reject, match=rule):
            await node.chain.accept_pushed(spoil(bed, good))
        assert verifier.count == 0
        await node.chain.accept_pushed(good)
        assert verifier.count == len(good.messages)

    play(scenario())


def test_a_block_of_the_next_slot_is_in_the_future() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        branch = await Branch.on(bed, node.ports.ledger)
        early = await branch.make(ROUND, 1)
        with pytest.raises(Reject, match="rule 3"):
            await node.chain.accept_pushed(early)
        bed.go_to(ROUND, 1)
        await node.chain.accept_pushed(early)

    play(scenario())


def test_a_block_of_a_slot_that_is_taken_is_rejected() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        first = (await store(bed, node.ports.ledger, (ROUND, 0)))[0]
        branch = await Branch.on(bed, node.ports.ledger)
        again = await branch.make(ROUND, 0, forger=bed.index_of(first.forger), after_s=17)
        with pytest.raises(Reject, match="rule 2"):
            await node.chain.accept_pushed(again)

    play(scenario())


def test_a_block_that_is_known_or_follows_another_is_nobodys_fault() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        first, second = await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1))
        stray = replace(second, previous_hash=b"q" * 20, height=3)
        for block in (first, second, stray, replace(second, height=2**32 - 1), replace(second, height=0)):
            with pytest.raises(Ignore, match="rule 1"):
                await node.chain.accept_pushed(block)
        assert node.node_state.evidence == []

    play(scenario())


def test_an_empty_chain_of_main_takes_no_pushed_history() -> None:
    """Below ``lenient_below`` no rule would keep a stranger's block out."""

    async def scenario() -> None:
        bed = Bed(mixed=True, lenient_below=100)
        node = await bed.node()
        block = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        with pytest.raises(Ignore, match="fetched, not pushed"):
            await node.chain.accept_pushed(_by_wrong_juror(bed, block))

    play(scenario())


def test_a_message_that_lies_elsewhere_is_cut_before_it_is_judged() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        good = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        first = good.messages[0]
        moved = replace(first, recipient=first.recipient[:30], params="", block_height=77)
        sent = replace(good, messages=(replace(moved, what=0), *good.messages[1:]))
        same = replace(good, messages=(replace(first, block_height=77), *good.messages[1:]))
        with pytest.raises(Reject, match="rule 11"):
            await node.chain.accept_pushed(sent)
        await node.chain.accept_pushed(same)
        assert await node.ports.ledger.get_block(1) == good

    play(scenario())


# --- our own ------------------------------------------------------------------------------------------


def test_our_own_block_is_judged_like_any_other() -> None:
    async def scenario() -> None:
        bed = Bed()
        branch = await Branch.on(bed, (await bed.node()).ports.ledger)
        block = await branch.make(ROUND, 0)
        node = await bed.node(bed.index_of(block.forger))
        await node.ports.journal.record(ROUND, 0, block.block_hash)
        with pytest.raises(Reject, match="rule 8"):
            await node.chain.append_own(reseal(bed, block, uniques_sources=1))
        assert (await node.chain.append_own(block)).block_hash == block.block_hash
        assert node.node_state.halted == ""
        with pytest.raises(Ignore, match="the tip moved"):
            await node.chain.append_own(block)

    play(scenario())


def test_a_valid_block_of_ours_that_the_journal_does_not_know_halts() -> None:
    async def scenario() -> None:
        bed = Bed()
        block = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
        node = await bed.node(bed.index_of(block.forger))
        with pytest.raises(Reject):
            await node.chain.accept_pushed(_by_another(bed, block))
        assert node.node_state.halted == ""
        node.node_state.start_time = bed.clock.now() - 1000
        await node.chain.accept_pushed(block)
        assert "signed block 1 elsewhere" in node.node_state.halted

    play(scenario())


def test_a_block_of_ours_from_before_our_start_only_delays_forging() -> None:
    async def scenario() -> None:
        bed = Bed()
        block = await (await Branch.on(bed, (await bed.node()).ports.ledger)).make(ROUND, 0)
        node = await bed.node(bed.index_of(block.forger))
        await node.chain.adopt(0, [block], None, NOBODY)
        assert node.node_state.halted == ""
        assert node.node_state.forge_from_round == ROUND + 1

    play(scenario())


# --- equivocation -------------------------------------------------------------------------------------


async def _two_blocks(bed: Bed) -> tuple[Block, Block]:
    """Two blocks of one juror for one slot."""
    branch = await Branch.on(bed, (await bed.node()).ports.ledger)
    return await branch.make(ROUND, 0), await branch.make(ROUND, 0, after_s=18)


async def _bystander(bed: Bed, block: Block, **options: Any) -> Node:
    node = await bed.node((bed.index_of(block.forger) + 1) % bed.size, **options)
    await node.chain.accept_pushed(block)
    return node


def test_evidence_of_a_double_sign_is_told_once_and_kept_over_a_restart() -> None:
    async def scenario() -> None:
        bed = Bed()
        first, second = await _two_blocks(bed)
        database = InlineDatabase()
        node = await _bystander(bed, first, ledger_db=database)
        for _ in range(3):
            with pytest.raises(Ignore, match="rule 1"):
                await node.chain.accept_pushed(second)
        assert list_heard(node, "evidence") == [Equivocation(first, second)]
        again = await bed.node(bed.index_of(node.ports.signer.address), ledger_db=database)
        with pytest.raises(Ignore, match="rule 1"):
            await again.chain.accept_pushed(second)
        assert list_heard(again, "evidence") == []
        assert await again.ports.ledger.get_evidence() == [Equivocation(first, second)]

    play(scenario())


def test_a_block_under_a_made_up_hash_is_no_second_block() -> None:
    """The hash is not part of what is signed: anybody can send a juror's block under another one."""

    async def scenario() -> None:
        bed = Bed()
        first, _ = await _two_blocks(bed)
        node = await _bystander(bed, first)
        own = await bed.node(bed.index_of(first.forger))
        await own.ports.journal.record(ROUND, 0, first.block_hash)
        await own.chain.append_own(first)
        for made_up in (b"x" * 20, b"", b"y" * 200):
            for victim in (node, own):
                with pytest.raises(Ignore, match="rule 1"):
                    await victim.chain.accept_pushed(replace(first, block_hash=made_up))
        assert await node.ports.ledger.get_evidence() == []
        assert own.node_state.halted == ""

    play(scenario())


def test_a_second_block_on_top_of_the_first_is_evidence_too() -> None:
    async def scenario() -> None:
        bed = Bed()
        first, _ = await _two_blocks(bed)
        node = await _bystander(bed, first)
        branch = await Branch.on(bed, node.ports.ledger)
        second = await branch.make(ROUND, 0, forger=bed.index_of(first.forger), after_s=17)
        with pytest.raises(Reject, match="rule 2"):
            await node.chain.accept_pushed(second)
        assert await node.ports.ledger.get_evidence() == [Equivocation(first, second)]

    play(scenario())


def test_a_second_block_in_a_fetched_branch_is_evidence() -> None:
    async def scenario() -> None:
        bed = Bed()
        first, second = await _two_blocks(bed)
        node = await _bystander(bed, first)
        await node.chain.adopt(0, [second], None, NOBODY)
        assert await node.ports.ledger.get_evidence() == [Equivocation(first, second)]

    play(scenario())


@pytest.mark.parametrize(("rounds", "cases"), [(2, 1), (3, 0)])
def test_a_pushed_second_block_of_long_ago_is_not_kept(rounds: int, cases: int) -> None:
    """Or who forged for years could have us store and report a case for each block of theirs."""

    async def scenario() -> None:
        bed = Bed()
        first, second = await _two_blocks(bed)
        node = await _bystander(bed, first)
        own = await bed.node(bed.index_of(first.forger))
        own.node_state.start_time = bed.clock.now() - 1000
        await own.ports.journal.record(ROUND, 0, first.block_hash)
        await own.chain.append_own(first)
        bed.go_to(ROUND + rounds, 3)
        for each in (node, own):
            with pytest.raises(Ignore, match="rule 1"):
                await each.chain.accept_pushed(second)
            assert len(await each.ports.ledger.get_evidence()) == cases
        # What was signed with our key elsewhere halts us, however old it is.
        assert "elsewhere" in own.node_state.halted

    play(scenario())


@pytest.mark.parametrize(("rounds", "cases"), [(EVIDENCE_ROUNDS, 1), (EVIDENCE_ROUNDS + 1, 0)])
def test_a_fetched_second_block_of_long_ago_is_not_kept(rounds: int, cases: int) -> None:
    """Or the old keys of all who ever forged would fill the disk with a case for each slot of the history."""

    async def scenario() -> None:
        bed = Bed()
        first, second = await _two_blocks(bed)
        node = await _bystander(bed, first)
        bed.go_to(ROUND + rounds, 3)
        order = ForkOverride(second.height, second.block_hash)
        await node.chain.adopt(0, [second], None, Support(6, 6, order))
        assert len(await node.ports.ledger.get_evidence()) == cases

    play(scenario())


def test_many_blocks_signed_for_one_slot_are_one_case() -> None:
    async def scenario() -> None:
        bed = Bed()
        branch = await Branch.on(bed, (await bed.node()).ports.ledger)
        first, *others = [await branch.make(ROUND, 0, after_s=16 + n) for n in range(40)]
        database = InlineDatabase()
        node = await _bystander(bed, first, ledger_db=database)
        pages = []
        for block in others:
            with pytest.raises(Ignore, match="rule 1"):
                await node.chain.accept_pushed(block)
            pages.append((await database.fetch_all("PRAGMA page_count"))[0][0])
        assert len(list_heard(node, "evidence")) == 1
        assert len(set(pages)) == 1
        assert len(await node.ports.ledger.get_evidence()) == 1

    play(scenario())


def test_a_second_block_with_our_signature_halts() -> None:
    async def scenario() -> None:
        bed = Bed()
        first, second = await _two_blocks(bed)
        node = await bed.node(bed.index_of(first.forger))
        node.node_state.start_time = bed.clock.now() - 1000
        await node.ports.journal.record(ROUND, 0, first.block_hash)
        await node.chain.append_own(first)
        with pytest.raises(Ignore):
            await node.chain.accept_pushed(second)
        assert "elsewhere" in node.node_state.halted

    play(scenario())


# --- branches -----------------------------------------------------------------------------------------


def test_a_better_branch_replaces_ours_and_gives_its_messages_back() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 2)
        node = await bed.node()
        (ours,) = await store(bed, node.ports.ledger, (ROUND, 0))
        branch = await Branch.on(bed, node.ports.ledger, 0)
        shared, *dropped = ours.messages
        twin = replace(dropped[0], txid=compute_twin(dropped[0].txid))
        more = bed.messages(ours.messages[0].timestamp)
        blocks = [await branch.add(ROUND, 0, messages=[shared, twin, *more], after_s=20)]
        blocks += await branch.grow((ROUND, 1))
        reported = await reported_by(bed, *blocks)
        outcome = await node.chain.adopt(0, blocks, reported, NOBODY)
        assert outcome.adopted
        assert node.chain.height == reported
        returned = {m.txid for m in node.mempool.get_all()}
        assert returned == {m.txid for m in dropped[1:]}
        assert {m.block_height for m in node.mempool.get_all()} == {0}

    play(scenario())


def test_a_worse_branch_is_measured_and_left() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 2)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1))
        before = node.chain.height
        changes = len(list_heard(node, "tip"))
        worse = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 1))
        outcome = await node.chain.adopt(0, worse, await reported_by(bed, *worse), NOBODY)
        assert not outcome.adopted
        assert node.chain.height == before
        assert len(list_heard(node, "tip")) == changes

    play(scenario())


@pytest.mark.parametrize(
    ("field", "is_kept"),
    [("uniques", True), ("forgers", True), ("uniques_round", False), ("forgers_round", False)],
)
def test_a_promise_is_measured(field: str, is_kept: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        blocks = await (await Branch.on(bed, node.ports.ledger)).grow((ROUND, 0))
        changed: dict[str, Any] = {field: 40}
        reported = replace(await reported_by(bed, *blocks), **changed)
        if is_kept:
            assert (await node.chain.adopt(0, blocks, reported, NOBODY)).adopted
        else:
            with pytest.raises(Reject, match="promise not kept"):
                await node.chain.adopt(0, blocks, reported, NOBODY)

    play(scenario())


def test_blocks_of_a_past_round_go_only_for_what_most_hold() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 0)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0))
        better = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 1), (ROUND, 2))
        reported = await reported_by(bed, *better)
        with pytest.raises(Ignore, match="only 2 of 4"):
            await node.chain.adopt(0, better, reported, Support(2, 4))
        assert (await node.chain.adopt(0, better, reported, MOST)).adopted

    play(scenario())


def test_blocks_older_than_two_rounds_never_go_by_themselves() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 3, 0)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0))
        better = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 1), (ROUND, 2))
        with pytest.raises(Ignore, match="operator"):
            await node.chain.adopt(0, better, await reported_by(bed, *better), Support(5, 5))
        dropped = await node.chain.rollback(0)
        assert [block.height for block in dropped] == [1]
        assert (await node.chain.adopt(0, better, None, NOBODY)).adopted

    play(scenario())


def test_a_clock_set_back_drops_only_blocks_of_future_slots() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 4)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1), (ROUND + 1, 0), (ROUND + 1, 1))
        bed.go_to(ROUND, 1)
        dropped = await node.chain.drop_premature()
        assert [block.height for block in dropped] == [4, 3]
        assert (node.chain.height.round, node.chain.height.sir) == (ROUND, 1)
        [(first, last, name, why)] = list_heard(node, "cut")
        assert (first, last, why) == (3, 4, "as their slots have not begun")
        assert node.ports.files.read(name)
        assert await node.chain.drop_premature() == ()
        assert len(list_heard(node, "cut")) == 1

    play(scenario())


def test_a_branch_is_judged_by_its_own_history() -> None:
    """The jurors of a round follow from the last block of the round before: of the branch, not of ours."""

    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 4)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0), (ROUND + 1, 0))
        branch = await Branch.on(bed, node.ports.ledger, 0)
        await branch.grow((ROUND, 1))
        ours = await Branch.on(bed, node.ports.ledger)
        theirs_plan, our_plan = await branch.plan(ROUND + 1), await ours.plan(ROUND + 1)
        assert theirs_plan.jurors != our_plan.jurors
        sirs = [s for s in range(4) if theirs_plan.juror_of(s) != our_plan.juror_of(s)]
        await branch.grow(*[(ROUND + 1, sir) for sir in sirs])
        assert len(branch.blocks) > 2
        reported = await reported_by(bed, *branch.blocks)
        assert (await node.chain.adopt(0, branch.blocks, reported, MOST)).adopted
        plan = await node.chain.derive_plan(ROUND + 1)
        assert plan.jurors == theirs_plan.jurors

    play(scenario())


def test_a_branch_by_the_jurors_of_our_history_is_rejected() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 4)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND, 0))
        our_plan = await (await Branch.on(bed, node.ports.ledger)).plan(ROUND + 1)
        branch = await Branch.on(bed, node.ports.ledger, 0)
        await branch.grow((ROUND, 1))
        their_plan = await branch.plan(ROUND + 1)
        sir = next(s for s in range(4) if their_plan.juror_of(s) != our_plan.juror_of(s))
        await branch.add(ROUND + 1, sir, forger=bed.index_of(our_plan.juror_of(sir) or ""))
        with pytest.raises(Reject, match="rule 6"):
            await node.chain.adopt(0, branch.blocks, None, MOST)

    play(scenario())


@pytest.mark.parametrize("mixed", [False, True])
def test_another_jurors_fetched_block_needs_a_mixed_majority(mixed: bool) -> None:
    async def scenario() -> None:
        bed = Bed(mixed=mixed)
        node = await bed.node()
        branch = await Branch.on(bed, node.ports.ledger)
        good = await branch.make(ROUND, 0)
        wrong = _by_wrong_juror(bed, good)
        with pytest.raises(Reject, match="rule 6"):
            await node.chain.accept_pushed(wrong)
        with pytest.raises(Reject, match="rule 6"):
            await node.chain.adopt(0, [wrong], None, Support(2, 4))
        if not mixed:
            with pytest.raises(Reject, match="rule 6"):
                await node.chain.adopt(0, [wrong], None, MOST)
            return
        assert (await node.chain.adopt(0, [wrong], None, MOST)).adopted
        assert await node.ports.ledger.count_findings() == {"6": 1}
        status: Any = await node.views.get_status()
        assert status["extra"]["findings"] == {"6": 1}

    play(scenario())


@pytest.mark.parametrize("round_", [ROUND + 1, 2**32 - 1])
def test_a_future_branch_is_rejected_before_its_list_is_asked_for(round_: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(pow_source=bed.scripted_pow())
        good = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        with pytest.raises(Reject, match="rule 3"):
            await node.chain.adopt(0, [reseal(bed, good, round=round_)], None, MOST)
        assert (await node.chain.adopt(0, [good], None, MOST)).adopted

    play(scenario())


def test_a_branch_with_a_gap_or_from_elsewhere_is_rejected() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 3)
        node = await bed.node()
        first, _, third = await (await Branch.on(bed, node.ports.ledger)).grow(
            (ROUND, 0), (ROUND, 1), (ROUND, 2)
        )
        with pytest.raises(Reject, match="rule 1"):
            await node.chain.adopt(0, [first, third], None, MOST)
        with pytest.raises(Reject, match="rule 1"):
            await node.chain.adopt(0, [third], None, MOST)
        assert node.chain.height.height == 0

    play(scenario())


def test_a_block_of_an_earlier_round_than_its_parent_is_rejected() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 1)
        node = await bed.node()
        await store(bed, node.ports.ledger, (ROUND + 1, 0))
        back = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 5)
        for round_ in (ROUND, 0):
            with pytest.raises(Reject, match="rule 2"):
                await node.chain.accept_pushed(reseal(bed, back, round=round_))

    play(scenario())


def test_a_plan_is_derived_again_when_its_reference_block_changes() -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND + 1, 0)
        node = await bed.node()
        before = node.node_state.plan
        await store(bed, node.ports.ledger, (ROUND, 0))
        plan = await enter_round(node)
        assert before is not None
        assert plan.reference_hash == node.chain.height.block_hash != before.reference_hash
        assert await node.ports.ledger.get_plan(ROUND + 1) == plan

    play(scenario())
