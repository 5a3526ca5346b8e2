"""The lists of a round follow the companion and the chain: a plan is kept while both say the same."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.types import Registration, RoundPlan
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.ports.registrations import RegisteredList
from hypernode.pow.fixed_source import FixedPowSource
from tests.unit.node.beds import ROUND, Bed, play, store


class Changing(FixedPowSource):
    """A companion that corrects itself: ``change`` is done to the list of the round."""

    entries: tuple[Registration, ...] = ()
    voided: tuple[str, ...] = ()

    async def get_registered(self, round_: int) -> RegisteredList:
        listed = await super().get_registered(round_)
        is_changed = round_ == ROUND and self.entries
        return replace(listed, entries=self.entries if is_changed else listed.entries, voided=self.voided)


def test_a_plan_is_derived_anew_when_the_list_or_the_chain_changed() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        source = Changing(bed.params)
        rounds = Rounds(bed.params, source)

        async def derive() -> RoundPlan:
            return await rounds.derive(ROUND, await History.at(node.ports.ledger, node.chain.height.height))

        first = await derive()
        assert await derive() is first
        listed = (await source.get_registered(ROUND)).entries
        source.entries = listed[:-1]
        shorter = await derive()
        assert [e.pos for e in shorter.registered] == [e.pos for e in listed[:-1]]
        source.entries = listed[::-1]
        assert (await derive()).registered == listed[::-1]
        source.entries = (replace(listed[0], weight=3), *listed[1:])
        assert (await derive()).registered[0].weight == 3
        source.entries, source.voided = (), (listed[1].pos,)
        assert (await derive()).voided == (listed[1].pos,)
        source.voided = ()
        assert await derive() == first
        await store(bed, node.ports.ledger, (ROUND - 1, 3))
        assert (await derive()).reference_hash == node.chain.height.block_hash

    play(scenario())
