"""A network in two: what the node tells of it, the operator's word, and what is taken by it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import Ignore, Reject
from hypernode.core.types import Block
from hypernode.machine.peers import ForkOverride, Support
from hypernode.machine.sync_memory import Aside
from hypernode.node.base.json_shapes import block_to_object
from hypernode.node.owner.runtime import Node
from hypernode.node.sync.partitions import (
    MAX_TIPS,
    ORDER_NAME,
    SEEN_NAME,
    SHOWN_S,
    OtherTip,
    UnknownTip,
    load_order,
    load_tips,
    resolve_order,
    save_order,
    save_tips,
)
from hypernode.ports.storage_faults import StorageFault
from hypernode.sim.memory.adapters import MemoryFiles
from hypernode.storage.ledger import SqliteLedger
from tests.unit.node.beds import ROUND, Bed, Branch, make_reported, play, reported_by, store
from tests.unit.node.sync.serving import list_published, serve_blocks

TIPS = [OtherTip(9, bytes([0xAB, n]) + bytes(18), 4, 1_000 + n) for n in (1, 2)]
hashes = st.binary(min_size=20, max_size=20)
heights = st.integers(0, 2**31)

# --- the files ------------------------------------------------------------------------------------------


@given(st.lists(st.builds(OtherTip, heights, hashes, heights, heights), max_size=5))
def test_tips_come_back_as_they_were_saved(tips: list[OtherTip]) -> None:
    files = MemoryFiles()
    save_tips(files, tips)
    assert load_tips(files) == tuple(tips)


@given(st.builds(ForkOverride, heights, hashes))
def test_a_word_comes_back_as_it_was_saved(order: ForkOverride) -> None:
    files = MemoryFiles()
    assert load_order(files) is None
    save_order(files, order)
    assert load_order(files) == order


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"null",
        b'{"height": 1, "block_hash": "00"}',
        b"\xff",
        b"[[]]",
        b"[" * 90_000,
        b'{"height": 1e999, "block_hash": "00"}',
        b'[{"height": 1e999}]',
        b"1" * 5_000,
    ],
)
def test_damaged_files_name_themselves_or_are_told_again(content: bytes) -> None:
    files = MemoryFiles()
    files.write(ORDER_NAME, content)
    files.write(SEEN_NAME, content)
    assert load_tips(files) == ()
    with pytest.raises(UnknownTip, match=r"follow\.json is damaged .*--cancel"):
        load_order(files)


# --- which block is meant -------------------------------------------------------------------------------


def test_the_beginning_of_a_hash_is_enough_where_it_begins_one_tip_only() -> None:
    assert resolve_order(TIPS, "AB01") == ForkOverride(9, TIPS[0].block_hash)
    assert resolve_order(TIPS, f" {TIPS[1].block_hash.hex()} ") == ForkOverride(9, TIPS[1].block_hash)
    # Any block can be named by the whole of its hash and its height.
    assert resolve_order((), "cd" * 20, 7) == ForkOverride(7, b"\xcd" * 20)


@pytest.mark.parametrize(
    ("text", "height", "words"),
    [
        ("ab", None, "begins 2 of the tips"),
        ("ac", None, "begins no tip .*--height"),
        ("cd" * 20, None, "begins no tip .*--height"),
        ("cd" * 19, 7, "begins no tip .*all 40 digits"),
        ("", None, "no hash"),
        ("ab" * 21, None, "no hash"),
        ("tip", None, "no hash"),
    ],
)
def test_what_names_no_block_or_several_is_refused_and_says_why(
    text: str, height: int | None, words: str
) -> None:
    with pytest.raises(UnknownTip, match=words):
        resolve_order(TIPS, text, height)


# --- what the node tells --------------------------------------------------------------------------------


def test_a_split_is_logged_once_a_minute_and_kept_over_a_restart() -> None:
    async def scenario() -> None:
        bed = Bed()
        files = MemoryFiles()
        node = await bed.node(files=files)
        own = node.chain.height
        for n in range(MAX_TIPS + 3):
            node.partitions.note(own, replace(own, height=5, block_hash=bytes([n]) * 20), 0, "old")
        lines = [line for line in bed.log if line.startswith("SPLIT: old; ours 0 ")]
        assert len(lines) == 1
        assert "ledger follow 000000000000" in lines[0]
        assert node.partitions.words.endswith(f"ledger follow {bytes([n]).hex() * 6}")
        again = await bed.node(files=files)
        assert load_tips(files)[-1].block_hash == bytes([n]) * 20
        assert len(load_tips(files)) == MAX_TIPS
        again.follow(f"{n:02x}{n:02x}")
        assert load_order(files) == ForkOverride(5, bytes([n]) * 20)
        await asyncio.sleep(SHOWN_S + 1)
        assert node.partitions.words == ""
        node.partitions.look()
        assert any(line.startswith("SPLIT: over after") for line in bed.log)

    play(scenario())


def test_a_word_is_read_withdrawn_and_done() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        files, splits = node.ports.files, node.partitions
        [block] = await store(bed, node.ports.ledger, (ROUND, 0))
        node.follow("cd" * 20, 1)
        await node.sync.look_at_order()
        assert splits.describe() == {"height": 1, "block_hash": "cd" * 20}
        files.remove(ORDER_NAME)
        await node.sync.look_at_order()
        assert splits.describe() is None
        assert "withdrawn" in bed.log[-1]
        files.write(ORDER_NAME, b"?")
        await node.sync.look_at_order()
        assert "damaged" in bed.log[-1]
        # What our chain has is done, and said once.
        node.follow(block.block_hash.hex(), 1)
        await node.sync.look_at_order()
        assert splits.order is None
        assert files.read(ORDER_NAME) is None
        await node.sync.look_at_order()
        assert sum("is in our chain" in line for line in bed.log) == 1

    play(scenario())


def test_a_word_whose_file_cannot_be_removed_is_done_all_the_same() -> None:
    class Stubborn(MemoryFiles):
        def remove(self, name: str) -> None:
            raise OSError(30, "Read-only file system")

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(files=Stubborn())
        [block] = await store(bed, node.ports.ledger, (ROUND, 0))
        node.follow(block.block_hash.hex(), 1)
        for _ in range(3):
            await node.sync.look_at_order()
            assert node.partitions.order is None
        assert sum("is in our chain" in line for line in bed.log) == 1
        assert sum("Read-only" in line for line in bed.log) == 1

    play(scenario())


# --- chains that are no better --------------------------------------------------------------------------


# --- what is taken by an operator's word ----------------------------------------------------------------


def ordered(blocks: list[Block]) -> Support:
    """As nobody's branch, but with an operator's word for its tip."""
    return Support(0, 5, ForkOverride(blocks[-1].height, blocks[-1].block_hash))


async def _old_chain_and_a_worse_one(bed: Bed, node: Node) -> list[Block]:
    """Our node has two blocks that are too old to go by themselves; returns another chain, of one block."""
    bed.go_to(ROUND + 3, 0)
    await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1))
    return await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 2))


def test_an_override_takes_an_old_worse_chain_and_keeps_what_goes() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        worse = await _old_chain_and_a_worse_one(bed, node)
        ours = await node.ports.ledger.get_blocks(1, 9)
        with pytest.raises(Ignore, match="operator"):
            await node.chain.adopt(0, worse, None, Support(5, 5))
        with pytest.raises(Reject, match="lacks block 2 of the order"):
            await node.chain.adopt(0, worse, None, ordered(ours))
        reported = await reported_by(bed, *worse)
        assert (await node.chain.adopt(0, worse, reported, ordered(worse))).adopted
        assert node.chain.height == reported
        [name] = list_files(node)
        assert name == f"cut-1-2-{int(bed.clock.now())}.json.gz"
        kept = gzip.decompress(node.ports.files.read(name) or b"").splitlines()
        assert [json.loads(line) for line in kept] == [block_to_object(block) for block in ours]
        assert name in bed.warnings[-1]
        assert "blocks 1 to 2" in bed.warnings[-1]

    play(scenario())


def test_what_an_operator_ordered_is_judged_like_any_other() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        before = (await _old_chain_and_a_worse_one(bed, node)) and node.chain.height
        branch = await Branch.on(bed, node.ports.ledger, 0)
        juror = (await branch.plan(ROUND)).juror_of(2)
        stranger = next(n for n in range(bed.size) if bed.address(n) != juror)
        wrong = await branch.make(ROUND, 2, forger=stranger)
        with pytest.raises(Reject, match="rule 6"):
            await node.chain.adopt(0, [wrong], None, ordered([wrong]))
        assert node.chain.height == before
        assert list_files(node) == []

    play(scenario())


def test_nothing_is_cut_when_it_cannot_be_kept_or_is_pruned() -> None:
    class FullDisk(MemoryFiles):
        async def write_parts(self, name: str, parts: AsyncIterator[bytes]) -> None:
            raise OSError(28, "No space left on device")

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(files=FullDisk())
        worse = await _old_chain_and_a_worse_one(bed, node)
        before = node.chain.height
        with pytest.raises(StorageFault, match=r"nothing is cut: .*No space"):
            await node.chain.adopt(0, worse, None, ordered(worse))
        bed = Bed(keep_rounds=1, message_age_s=10)
        pruned = await bed.node()
        worse = await _old_chain_and_a_worse_one(bed, pruned)
        bed.go_to(ROUND + 9, 0)
        await store(bed, pruned.ports.ledger, (ROUND + 3, 0), (ROUND + 8, 0))
        assert isinstance(pruned.ports.ledger, SqliteLedger)
        assert await pruned.ports.ledger.prune(2)
        with pytest.raises(Ignore, match="pruned"):
            await pruned.chain.adopt(0, worse, None, ordered(worse))
        # Nor on a block so near to what is pruned that its messages could come again.
        for common, slot, is_far in ((1, (ROUND, 3), False), (3, (ROUND + 8, 1), True)):
            other = await (await Branch.on(bed, pruned.ports.ledger, common)).grow(slot)
            if is_far:
                assert (await pruned.chain.adopt(common, other, None, ordered(other))).adopted
                continue
            with pytest.raises(Ignore, match="pruned"):
                await pruned.chain.adopt(common, other, None, ordered(other))
        assert node.chain.height == before

    play(scenario())


def list_files(node: Node) -> list[str]:
    assert isinstance(node.ports.files, MemoryFiles)
    return node.ports.files.list_names()


async def follow(
    bed: Bed, node: Node, theirs: list[Block], *holders: int, named: Block | None = None
) -> bool:
    """Give the word for a block of theirs (the tip), and carry it out as the owner does."""
    block = named or theirs[-1]
    node.follow(block.block_hash.hex(), block.height)
    await node.sync.look_at_order()
    assert node.partitions.order is not None
    reported = make_reported(bed, await reported_by(bed, *theirs), *holders)
    return await node.sync.follow(node.partitions.order, [reported], reported.holders)


def test_a_chain_is_followed_by_any_block_of_it_and_the_word_ends() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await _old_chain_and_a_worse_one(bed, node)
        theirs = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 2), (ROUND, 3))
        await bed.script(2, serve_blocks(theirs))
        assert await follow(bed, node, theirs, 2, named=theirs[0])
        assert node.chain.height.block_hash == theirs[-1].block_hash
        assert node.partitions.order is None
        assert len(list_files(node)) == 1

    play(scenario())


def test_an_override_passes_over_chains_without_its_block_or_with_faults() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        theirs = await _old_chain_and_a_worse_one(bed, node)
        before = node.chain.height
        named = replace(theirs[-1], block_hash=b"n" * 20)
        await bed.script(2, serve_blocks(theirs))
        assert not await follow(bed, node, theirs, 2, named=named)
        assert node.sync.list_aside(Aside.LACKS_ORDER) == {theirs[-1].block_hash}
        assert len(node.mempool) == 0
        branch = await Branch.on(bed, node.ports.ledger, 0)
        juror = (await branch.plan(ROUND)).juror_of(3)
        wrong = await branch.make(ROUND, 3, forger=next(n for n in range(6) if bed.address(n) != juror))
        await bed.script(3, serve_blocks([wrong]))
        assert not await follow(bed, node, [wrong], 3)
        assert [recipient for recipient, _ in list_published(node, 101)] == [bed.address(3)]
        assert wrong.block_hash in node.sync.list_aside(Aside.IGNORED)
        # The word stays: another holder may give what this one cannot.
        assert node.partitions.order == ForkOverride(1, wrong.block_hash)
        assert (node.chain.height, list_files(node)) == (before, [ORDER_NAME])
        status: Any = await node.views.get_status()
        assert status["extra"]["follow"] == {"height": 1, "block_hash": wrong.block_hash.hex()}

    play(scenario())


def test_a_new_order_is_worth_a_new_try_of_what_was_put_aside_before_it() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        tip, now = b"t" * 20, node.ports.clock.monotonic()
        for reason in Aside:
            node.sync.memory.put_aside(tip, reason, now)
        await node.sync.look_at_order()
        assert tip in node.sync.list_aside(Aside.IGNORED)
        node.follow("cd" * 20, 1)
        await node.sync.look_at_order()
        forgotten = {reason for reason in Aside if not node.sync.list_aside(reason)}
        assert forgotten == {Aside.IGNORED, Aside.LACKS_ORDER}

    play(scenario())
