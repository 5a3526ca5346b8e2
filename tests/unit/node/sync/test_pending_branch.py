"""What waits for the rest of a branch: how much of it, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hypernode.core.long_messages import LongMessages
from hypernode.machine.peers import ForkOverride
from hypernode.node.chain.block_validation import Prepared
from hypernode.node.sync import pending_branch
from hypernode.node.sync.pending_branch import PendingBranch
from hypernode.ports.storage_faults import StorageFault
from tests.unit.node.beds import ROUND, Bed, play, store

COUNT = 3


async def make_pending(bed: Bed) -> PendingBranch:
    """Three blocks of four messages each."""
    node = await bed.node()
    blocks = await store(bed, node.ports.ledger, *((ROUND, sir) for sir in range(COUNT)))
    pending = PendingBranch(node.ports.files, node.ports.verifier.run)
    pending.extend([Prepared(block, {}) for block in blocks])
    return pending


def test_blocks_are_found_cut_and_forgotten() -> None:
    async def scenario() -> None:
        pending = await make_pending(Bed())
        hashes = [each.block.block_hash for each in pending.blocks]
        assert [pending.find_hash(height) for height in range(1, 5)] == [*hashes, None]
        assert pending.last == 3
        pending.cut(2)
        assert [each.block.block_hash for each in pending.blocks] == hashes[:1]
        pending.clear()
        assert pending.blocks == []

    play(scenario())


@pytest.mark.parametrize(("name", "held"), [("BLOCKS", COUNT), ("MESSAGES", 4 * COUNT)])
def test_it_is_much_from_its_bound_on_unless_an_order_needs_more(
    name: str, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        pending = await make_pending(Bed())
        monkeypatch.setattr(pending_branch, f"MAX_BRANCH_{name}", held + 1)
        assert not pending.is_much(None)
        monkeypatch.setattr(pending_branch, f"MAX_BRANCH_{name}", held)
        assert pending.is_much(None)
        assert not pending.is_much(ForkOverride(pending.last + 1, b""))
        assert pending.is_much(ForkOverride(pending.last, b""))

    play(scenario())


def test_put_away_its_messages_are_in_files_and_count_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        pending = await make_pending(Bed())
        kept = [tuple(each.block.messages) for each in pending.blocks]
        await pending.put_away()
        long = [each.block.messages for each in pending.blocks]
        assert all(isinstance(messages, LongMessages) for messages in long)
        assert [tuple(messages) for messages in long] == kept
        size = sum(messages.encoded_bytes for messages in long if isinstance(messages, LongMessages))
        monkeypatch.setattr(pending_branch, "MAX_BRANCH_BYTES", size + 1)
        assert not pending.is_much(None)
        monkeypatch.setattr(pending_branch, "MAX_BRANCH_BYTES", size)
        assert pending.is_much(None)

    play(scenario())


def test_a_disk_that_refuses_is_said_and_nothing_is_lost() -> None:
    async def refuse(work: Callable[[], Any], /) -> Any:
        raise OSError("no space left")

    async def scenario() -> None:
        good = await make_pending(Bed())
        pending = PendingBranch(good._files, refuse)
        pending.extend(good.blocks)
        with pytest.raises(StorageFault, match="a branch cannot be put away: no space left"):
            await pending.put_away()
        assert list(pending.blocks) == list(good.blocks)

    play(scenario())
