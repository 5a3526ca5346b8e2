"""Whatever comes and goes, the ledger's measures are those of a recount over all its blocks."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.fork_choice import is_better
from hypernode.core.kpis import compute_kpis
from hypernode.core.types import Block
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.storage.chains import GENESIS, NETWORK, block, message, recount

NAMES = st.sampled_from([f"n{i}" for i in range(6)])
MESSAGES = st.lists(st.tuples(NAMES, NAMES, st.sampled_from([101, 200, 201, 202, 203, 204])), max_size=4)
BLOCKS = st.lists(st.tuples(st.integers(0, 2), NAMES, MESSAGES), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.just(0), BLOCKS),
        st.tuples(st.just("rollback"), st.integers(0, 3), st.just([])),
        st.tuples(st.just("replace"), st.integers(0, 3), BLOCKS),
    ),
    max_size=12,
)


def _build(
    parent: Block, drafts: list[tuple[int, str, list[tuple[str, str, int]]]], salt: int
) -> list[Block]:
    blocks = [parent]
    for step, forger, drawn in drafts:
        below = blocks[-1]
        round_, sir = (below.round, below.sir + 1) if step == 0 else (below.round + step, 0)
        messages = [message((salt, len(blocks), i), *m, "START" if i else "") for i, m in enumerate(drawn)]
        blocks.append(block(below, round_, sir, forger, messages, salt))
    return blocks[1:]


async def _check(ledger: SqliteLedger, blocks: list[Block]) -> None:
    assert ledger.get_height() == recount(blocks)
    assert await ledger.get_blocks(0, len(blocks) + 1) == blocks
    assert await ledger.get_kpis(0, 99) == compute_kpis(blocks[1:])
    last = blocks[-1].round
    present = [b for b in blocks[1:] if b.round == last]
    assert await ledger.get_seen(last) == {
        *(b.forger for b in present),
        *(m.sender for b in present for m in b.messages),
    }


async def _play(steps: list[tuple[str, int, list[tuple[int, str, list[tuple[str, str, int]]]]]]) -> None:
    ledger, blocks = await open_ledger(InlineDatabase(), NETWORK), [GENESIS]
    for salt, (verb, back, drafts) in enumerate(steps):
        common = max(0, len(blocks) - 1 - back)
        if verb == "append":
            made = _build(blocks[-1], drafts, salt)
            await ledger.append_many(made)
            blocks = [*blocks, *made]
        elif verb == "rollback":
            assert list(await ledger.rollback(common)) == blocks[:common:-1]
            blocks = blocks[: common + 1]
        else:
            branch = [*blocks[: common + 1], *_build(blocks[common], drafts, salt)]
            outcome = await ledger.replace(common, branch[common + 1 :], is_better)
            assert outcome.measured == recount(branch)
            assert outcome.adopted == is_better(recount(branch), recount(blocks))
            blocks = branch if outcome.adopted else blocks
        await _check(ledger, blocks)
    await ledger.close()


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_measures_kpis_and_blocks_are_exact_after_any_changes(
    steps: list[tuple[str, int, list[tuple[int, str, list[tuple[str, str, int]]]]]],
) -> None:
    asyncio.run(_play(steps))
