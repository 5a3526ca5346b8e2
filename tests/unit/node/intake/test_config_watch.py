"""Whose parameters differ from ours, by what they say once a round."""

from __future__ import annotations

from hypernode.core import kinds
from hypernode.core.params.tunables import list_values
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Message
from hypernode.machine.peers import Support
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.storage.database import InlineDatabase
from tests.unit.node.beds import ROUND, Bed, Branch, play

OTHER = kinds.format_config({"PING_DELAY": 1})


def say(bed: Bed, index: int, params: str, round_: int, at: float | None = None) -> Message:
    return bed.message(index, at, what=120, recipient=bed.address(index), params=params, value=round_)


def test_peers_whose_parameters_differ_are_counted() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        own = node.tunables.format_config()
        said = [(0, own, ROUND), (1, own, ROUND), (2, OTHER, ROUND), (3, OTHER, ROUND - 1), (4, own, ROUND)]
        messages = [say(bed, *words) for words in said]
        assert await node.intake.submit(messages) == [None] * 5
        peers = node.configs.describe(bed.address(0), own)
        differing = sorted((bed.address(2), bed.address(3)))
        assert peers == {
            "own": own,
            "heard": 4,
            "differ": 2,
            "differing": dict.fromkeys(differing, OTHER),
        }
        node.configs.enter_round(ROUND + 1, {bed.address(n) for n in (0, 1, 2, 3)})
        peers = node.configs.describe(bed.address(0), own)
        assert (peers["heard"], peers["differ"]) == (2, 1)

    play(scenario())


def test_parameters_published_in_blocks_are_known_after_a_restart() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger_db = InlineDatabase()
        node = await bed.node(ledger_db=ledger_db)
        bed.go_to(ROUND, 12)
        start = compute_slot_start(bed.params, ROUND, 3)
        words = [say(bed, 1, node.tunables.format_config(), ROUND, start), say(bed, 2, OTHER, ROUND, start)]
        branch = await Branch.on(bed, node.ports.ledger)
        block = await branch.add(ROUND, 3, messages=[*words, *bed.messages(start)])
        assert (await node.chain.adopt(0, [block], None, Support(3, 5))).adopted
        heard = node.configs.describe(bed.address(0), node.tunables.format_config())
        assert (heard["heard"], heard["differing"]) == (2, {bed.address(2): OTHER})
        again = await bed.node(ledger_db=ledger_db)
        await again.entry.enter(ROUND)
        assert again.configs.describe(bed.address(0), node.tunables.format_config()) == heard
        bed.go_to(ROUND + 2, 0)
        later = await bed.node(ledger_db=ledger_db)
        await later.entry.enter(ROUND + 2)
        assert later.configs.describe(bed.address(0), "")["heard"] == 0

    play(scenario())


def test_the_last_word_counts_and_none_about_other_rounds_or_by_others() -> None:
    async def scenario() -> None:
        bed = Bed()
        own, now = kinds.format_config(list_values(bed.params.default_tunables)), bed.clock.now()
        watch = ConfigWatch()
        watch.enter_round(ROUND, {bed.address(n) for n in (0, 1, 2)})
        watch.note([say(bed, 1, own, ROUND, now), say(bed, 1, OTHER, ROUND, now - 9)])
        watch.note(
            [say(bed, 2, OTHER, ROUND + 10**9), say(bed, 2, OTHER, ROUND - 2), say(bed, 3, OTHER, ROUND)]
        )
        assert watch.describe(bed.address(0), own) == {"own": own, "heard": 1, "differ": 0, "differing": {}}

    play(scenario())


def test_words_of_the_last_round_are_compared_with_what_ours_was_then() -> None:
    async def scenario() -> None:
        bed = Bed()
        before, now = OTHER, kinds.format_config(list_values(bed.params.default_tunables))
        watch = ConfigWatch()
        watch.enter_round(ROUND, {bed.address(n) for n in range(4)})
        watch.note([say(bed, n, before, ROUND - 1) for n in (0, 1, 2)])
        watch.note([say(bed, 3, now, ROUND - 1), say(bed, 2, before, ROUND)])
        reported = watch.describe(bed.address(0), now)
        assert (reported["heard"], reported["differ"]) == (3, 2)
        assert reported["differing"] == {bed.address(3): now, bed.address(2): before}

    play(scenario())
