"""How a simulated legacy node tests its peers (spec 6, testing peers): any answer is a pass."""

from __future__ import annotations

from typing import Final

from hypernode.core.kinds import START_OR_TEST_OK, TEST_KO, format_test
from hypernode.core.types import Message, PeerTest, Round, RoundPlan, Slot
from hypernode.ports.connections import TransportClosed
from hypernode.sim.legacy.state import LegacyState
from hypernode.sim.legacy.traps import LegacyCloses
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

TEST_TIMEOUT_S: Final = 30.0


class LegacyTester:
    """Runs the plan's tests that are its own, for one life of a node."""

    def __init__(self, state: LegacyState) -> None:
        self._state = state
        self._tested: tuple[Round, Slot] | None = None
        """The last slot whose tests were run."""

    async def look(self) -> None:
        """Run the tests of the slot at hand, each once."""
        state = self._state
        round_, sir = state.get_round_slot()
        plan = state.plan
        if plan is None or plan.round != round_ or self._tested == (round_, sir) or not state.free.is_set():
            return
        self._tested = (round_, sir)
        for test in plan.tests[sir] if sir < len(plan.tests) else ():
            if test.tester == state.signer.address:
                await self._test(test, plan)

    async def _test(self, test: PeerTest, plan: RoundPlan) -> None:
        """One test, and what it says of it: the value that came back, or the time where none did."""
        state = self._state
        entry = next(e for e in plan.registered if e.pos == test.tested)
        now = int(state.clock.now())
        params = format_test(test.kind)
        asked = Message(b"", 0, now, test.tester, test.tested, START_OR_TEST_OK, params, 0, b"")
        value = await self._ask(entry.ip, int(entry.port), asked)
        if value is None:
            state.publish(TEST_KO, test.tested, params, now)
        else:
            state.publish(START_OR_TEST_OK, test.tested, params, value)

    async def _ask(self, ip: str, port: int, asked: Message) -> int | None:
        """The value in the answer, None without one."""
        try:
            stream = await self._state.dial_alone(ip, port)
        except (TransportClosed, TimeoutError):
            return None
        try:
            await stream.write(Command(CommandId.TEST, messages=(asked,)))
            answer = await stream.read(TEST_TIMEOUT_S)
        except (TransportClosed, TimeoutError, LegacyCloses):
            return None
        finally:
            stream.close()
        is_test = answer.id is CommandId.TEST and bool(answer.messages)
        return answer.messages[0].value if is_test else None
