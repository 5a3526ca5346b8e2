"""Peer tests (spec 6, testing peers): both sides.

As tester we run the plan's tests of the slot one at a time, each over a connection of its own, and say
how it went.  As tested we answer only who is in the plan, and say so in our own words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from hypernode.core import peer_tests
from hypernode.core.errors import Ignore, Reject
from hypernode.core.kinds import START_OR_TEST_OK, format_test
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Message, PeerTest, RoundPlan, Slot
from hypernode.machine.clock_offset import ClockOffsets, compute_offset
from hypernode.node.duty.reporter import Reporter
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.peer_table import Peers
from hypernode.ports.chain import BlockReader, RoundReader
from hypernode.ports.clock import Clock, Entropy
from hypernode.ports.connections import TransportClosed
from hypernode.ports.registrations import PowNotReady, PowSource
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

PADDING_BYTES = 256 * 1024
"""What a bandwidth test carries (spec 6, type 3)."""
PADDING_PIECE_BYTES = 16 * 1024


class TestedChain(BlockReader, RoundReader, Protocol):
    """What tests ask of the chain."""


@dataclass(slots=True)
class Tester:
    """Runs and answers the peer tests of the plan."""

    params: ChainParams
    clock: Clock
    entropy: Entropy
    own_address: str
    pow_source: PowSource
    ledger: TestedChain
    peers: Peers
    dialler: Dialler
    reporter: Reporter
    offsets: ClockOffsets

    def list_own(self, plan: RoundPlan, sir: Slot) -> list[PeerTest]:
        """The tests that we have to run in a slot, in order."""
        tests = plan.tests[sir] if sir < len(plan.tests) else ()
        return [test for test in tests if test.tester == self.own_address]

    async def run(self, test: PeerTest, plan: RoundPlan, sir: Slot) -> None:
        """Run one test and publish its result.  A test that we cannot judge ourselves is not reported."""
        entry = next((e for e in plan.registered if e.pos == test.tested), None)
        if entry is None:
            return
        expected = await self._compute_value(test.kind, plan, sir)
        started = self.clock.monotonic()
        try:
            answer = await self.dialler.ask_alone(entry, self._make_request(test))
        except (TransportClosed, TimeoutError, Reject, Ignore):
            await self.reporter.publish_tested(test, int(self.clock.now()), is_good=False)
            return
        elapsed = self.clock.monotonic() - started
        value = answer.messages[0].value if answer.id is CommandId.TEST and answer.messages else None
        if value is None:
            await self.reporter.publish_tested(test, int(self.clock.now()), is_good=False)
            return
        if test.kind == peer_tests.BANDWIDTH:
            value = compute_bandwidth(len(b"".join(answer.hashes)), elapsed)
        is_feature_peer = self.peers.has_features(entry.pos)
        # who does not count must not move our clock: half of a long list may be 0.01 BIS each
        if test.kind == peer_tests.PING and is_feature_peer and self.peers.counts(test.tested):
            offset_s = compute_offset(value, self.clock.now(), elapsed)
            self.offsets.note(test.tested, offset_s, self.clock.monotonic())
        refusal = peer_tests.find_answer_violation(
            test.kind,
            expected=expected,
            value=value,
            now=self.clock.now(),
            rtt_s=elapsed,
            from_feature_peer=is_feature_peer,
        )
        reported = value if refusal is None else int(self.clock.now())
        await self.reporter.publish_tested(test, reported, is_good=refusal is None)

    async def answer(self, ip: str, command: Command, plans: list[tuple[RoundPlan, Slot]]) -> Command:
        """Answer a test.  ``plans``: the slot at hand and the one before it.  Raises Reject for a frame
        that is no test, Ignore for one that is not in the plan."""
        if len(command.messages) != 1:
            raise Reject(Rule.DUTY, "a test frame carries one message")
        asked = command.messages[0]
        kind = next((k for k in self.params.test_kinds if format_test(k) == asked.params), None)
        found = self._find_test(ip, asked, kind, plans)
        if found is None:
            raise Ignore(Rule.DUTY, "this test is not in the plan")
        test, plan, sir = found
        await self.reporter.publish_was_tested(test, plan.round, sir)
        value = await self._compute_value(test.kind, plan, sir)
        return Command(
            CommandId.TEST,
            messages=(replace(asked, value=value or 0),),
            hashes=command.hashes if test.kind == peer_tests.BANDWIDTH else (),
        )

    def _find_test(
        self, ip: str, asked: Message, kind: int | None, plans: list[tuple[RoundPlan, Slot]]
    ) -> tuple[PeerTest, RoundPlan, Slot] | None:
        own = self.own_address
        testers = {entry.pos for entry in self.peers.list_registrations(ip)}
        for plan, sir in plans:
            for test in plan.tests[sir] if sir < len(plan.tests) else ():
                is_asked = (test.tester, test.tested, test.kind) == (asked.sender, own, kind)
                if is_asked and test.tester in testers:
                    return test, plan, sir
        return None

    def _make_request(self, test: PeerTest) -> Command:
        message = Message(
            txid=b"",
            block_height=0,
            timestamp=int(self.clock.now()),
            sender=test.tester,
            recipient=test.tested,
            what=START_OR_TEST_OK,
            params=format_test(test.kind),
            value=0,
            pubkey=b"",
        )
        is_padded = test.kind == peer_tests.BANDWIDTH and self.peers.has_features(test.tested)
        pieces = PADDING_BYTES // PADDING_PIECE_BYTES if is_padded else 0
        padding = tuple(self.entropy.token(PADDING_PIECE_BYTES) for _ in range(pieces))
        return Command(CommandId.TEST, messages=(message,), hashes=padding)

    async def _compute_value(self, kind: int, plan: RoundPlan, sir: Slot) -> int | None:
        """The right answer to a test; None if we cannot compute it (the companion is late)."""
        try:
            if kind == peer_tests.PING:
                return peer_tests.compute_ping_value(self.clock.now())
            if kind == peer_tests.CHAIN:
                return peer_tests.compute_chain_value(await self._list_chain_hashes(plan.round))
            if kind == peer_tests.POW:
                heights = peer_tests.draw_pow_heights(
                    plan.reference_hash, sir, plan.pow_height, self.params.first_pow_height
                )
                return peer_tests.compute_pow_value(await self.pow_source.get_block_hashes(heights))
            if kind == peer_tests.COMPANION:
                status = await self.pow_source.get_status(self.clock.now())
                return max(0, int(self.clock.now() - status.timestamp))
        except PowNotReady:
            return None
        return None

    async def _list_chain_hashes(self, round_: int) -> list[bytes]:
        """Raw hashes of the last 10 blocks of rounds before the previous one, ascending."""
        height, _ = await self.ledger.get_reference(round_ - 1)
        first = max(0, height - peer_tests.CHAIN_BLOCKS + 1)
        headers = await self.ledger.get_headers(first, height - first + 1)
        return [header.block_hash for header in headers]


def list_slots_at_hand(
    params: ChainParams, now: float, plan: RoundPlan, previous: RoundPlan | None
) -> list[tuple[RoundPlan, Slot]]:
    """The slot at hand and the one before it, with their plans: what a test may belong to."""
    round_, sir = compute_round_slot(params, now)
    known = {p.round: p for p in (plan, previous) if p is not None}
    slots: list[tuple[RoundPlan, Slot]] = []
    before = (round_, sir - 1) if sir else (round_ - 1, params.slots_total - 1)
    for slot_round, slot in ((round_, sir), before):
        if slot_round in known:
            slots.append((known[slot_round], slot))
    return slots


def compute_bandwidth(answered_bytes: int, elapsed_s: float) -> int:
    """Kilobytes per second of an exchange that carried the padding there and back."""
    return int(2 * answered_bytes / 1000 / max(elapsed_s, 1e-3))
