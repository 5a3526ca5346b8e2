"""What a node says of itself and of others: the kinds of messages of spec 6, each when it is due.

``200`` and ``101`` are said at most once per peer and round; the rest once a round or once per event.
"""

from __future__ import annotations

from collections import Counter

from hypernode.core import kinds
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import list_values
from hypernode.core.types import Equivocation, PeerTest, Round, RoundPlan, Slot
from hypernode.node.intake.intake import Intake
from hypernode.ports.clock import Clock
from hypernode.ports.tunables import CurrentTunables


class Reporter:
    """Publishes what is due, and remembers what was published in this round."""

    def __init__(
        self, params: ChainParams, tunables: CurrentTunables, clock: Clock, own_address: str, intake: Intake
    ) -> None:
        self.params, self._tunables = params, tunables
        """With the tunable parameters in force."""
        self._clock = clock
        self.own_address = own_address
        self._intake = intake
        self._round: Round = -1
        self._said: set[tuple[object, ...]] = set()
        self._late: Counter[str] = Counter()
        self._started = False

    def enter_round(self, round_: Round) -> None:
        """Forget what was published in the round before."""
        if round_ != self._round:
            self._round = round_
            self._said.clear()
            self._late.clear()

    async def publish_start(self) -> None:
        """202 START: once in the life of the process, when peers can hear it."""
        if not self._started:
            own = self.own_address
            said = await self._intake.publish(kinds.START_OR_TEST_OK, own, kinds.START_PARAMS, self._round)
            self._started = said is not None

    async def publish_no_test(self, plan: RoundPlan, sir: Slot) -> None:
        """201: no test for us to do in this round, published at its start and in its closing slot."""
        own = self.own_address
        if any(test.tester == own for tests in plan.tests for test in tests):
            return
        which = kinds.IN_CLOSING_SLOT if sir >= self.params.slots else kinds.AT_ROUND_START
        if which == kinds.IN_CLOSING_SLOT or sir == 0:
            await self._once(kinds.NO_TEST, own, kinds.format_no_test(which), plan.round)

    def _format_config(self) -> str:
        return kinds.format_config(list_values(self._tunables.current()))

    async def publish_config(self) -> None:
        """120: the hash of the tunable parameters, once a round."""
        own = self.own_address
        await self._once(kinds.CONFIG, own, self._format_config(), self._round)

    async def publish_config_again(self, sir: Slot) -> None:
        """120 once more, for a slot that lacks messages (``core.fillers``)."""
        own = self.own_address
        params = self._format_config()
        await self._once(kinds.CONFIG, own, params, self._round, key=(kinds.CONFIG, sir))

    async def publish_tested(self, test: PeerTest, value: int, *, is_good: bool) -> None:
        """202 or 204: the result of a test that we ran."""
        what = kinds.START_OR_TEST_OK if is_good else kinds.TEST_KO
        await self._intake.publish(what, test.tested, kinds.format_test(test.kind), value)

    async def publish_was_tested(self, test: PeerTest, round_: Round, sir: Slot) -> None:
        """203: we were tested; once for each test of the plan, however often it is asked."""
        now = int(self._clock.now())
        key = (kinds.WAS_TESTED, round_, sir, test)
        await self._once(kinds.WAS_TESTED, test.tester, kinds.format_test(test.kind), now, key)

    async def publish_synced(self, address: str, peer: str, *, catching_up: bool) -> None:
        """200: synced from a peer."""
        params = kinds.format_synced(peer, catching_up=catching_up)
        await self._once(kinds.OK_ACTION, address, params, self._round, key=(kinds.OK_ACTION, address))

    async def publish_failed(self, address: str, peer: str, *, catching_up: bool) -> None:
        """101: a peer did not keep its promise, or failed us."""
        params = kinds.format_failed(peer, catching_up=catching_up)
        await self._once(kinds.KO_ACTION, address, params, self._round, key=(kinds.KO_ACTION, address))

    async def publish_equivocation(self, evidence: Equivocation) -> None:
        """111: two blocks of one forger for one slot."""
        first, second = evidence.first, evidence.second
        params = kinds.format_equivocation(first.round, first.sir, first.block_hash, second.block_hash)
        await self._once(kinds.EQUIVOCATION, first.forger, params, first.height)

    def note_late(self, address: str) -> None:
        """A peer told a height that is over one round late."""
        self._late[address] += 1

    async def publish_late(self) -> None:
        """110: at the end of a round, for each peer that was late in it."""
        for address in sorted(self._late):
            params = kinds.format_late(self._late[address])
            await self._once(kinds.LATE, address, params, self._round, key=(kinds.LATE, address))

    async def _once(
        self, what: int, recipient: str, params: str, value: int, key: tuple[object, ...] | None = None
    ) -> None:
        key = key or (what, recipient, params)
        if key not in self._said and await self._intake.publish(what, recipient, params, value) is not None:
            self._said.add(key)
