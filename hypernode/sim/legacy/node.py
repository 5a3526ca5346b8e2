"""A legacy node for simulations: what spec 2, 6 and 8 say of the nodes that other software runs.

Written from those facts, for our nodes to live beside: legacy frames only, no features, few checks, and every
trap of spec 8.  It runs over the same ports as ours, with its chain in memory; what it shares with our node
is the core (addresses, signatures, jurors), which the vectors made with legacy software hold to.

A look every 10 s: a new round is derived (during which it answers nothing), a better chain followed, a block
forged where the slot is its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from hypernode.core.block import count_sources
from hypernode.core.forging import seal_block
from hypernode.core.kinds import NO_TEST, START_OR_TEST_OK, START_PARAMS, format_no_test
from hypernode.core.lottery import compute_connect_to, compute_round_plan
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Message, Registration, Round, RoundPlan, Slot
from hypernode.ports.connections import TransportClosed
from hypernode.ports.registrations import PowNotReady, PowSource
from hypernode.sim.legacy.chain import MIN_MESSAGES
from hypernode.sim.legacy.dialling import LegacyDialling
from hypernode.sim.legacy.serving import LegacyServing
from hypernode.sim.legacy.state import LegacyState
from hypernode.sim.legacy.sync import LegacySync
from hypernode.sim.legacy.tester import LegacyTester
from hypernode.sim.legacy.traps import LegacyStops, Trap
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

MIN_SOURCES = 3
"""To forge.  It accepts what has one fewer."""


class LegacyNode:
    """One life of a legacy node."""

    def __init__(self, state: LegacyState, pow_source: PowSource) -> None:
        self.state = state
        self._pow = pow_source
        self._serving = LegacyServing(state)
        self._dialling = LegacyDialling(state)
        self._sync = LegacySync(state)
        self._tester = LegacyTester(state)
        self._group: asyncio.TaskGroup | None = None
        self._has_said_start = False
        self._said_no_test: set[tuple[Round, int]] = set()
        self.forged: list[Block] = []

    async def run(self) -> None:
        """Live until ``state.stop`` is set, by others or by itself."""
        state = self.state
        listener = await state.connections.listen(state.own, self._serving.serve)
        async with asyncio.TaskGroup() as group:
            self._group = group
            tasks = [
                group.create_task(self._repeat(self._look, state.habits.look_s), name="legacy look"),
                group.create_task(self._repeat(self._tester.look, state.habits.look_s), name="legacy tests"),
            ]
            await state.stop.wait()
            for task in tasks:
                task.cancel()
            self._dialling.cancel_all()
            # Whoever waits for the round that it was deriving finds the connection closed.
            state.free.set()
            await listener.close()
            self._serving.close_all()

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        while not self.state.stop.is_set():
            try:
                await work()
            except LegacyStops as error:
                self.state.halt(str(error))
                return
            await asyncio.sleep(every_s)

    async def _look(self) -> None:
        state = self.state
        round_, sir = state.get_round_slot()
        if not self._is_in_round(round_):
            await self._enter_round(round_)
            if not self._is_in_round(round_):
                return
        if state.count_peers() < state.params.min_connections:
            return
        if not self._has_said_start:
            self._has_said_start = True
            state.publish(START_OR_TEST_OK, state.signer.address, START_PARAMS, round_)
        before = state.chain.get_before(round_).block_hash
        if await self._sync.follow() and state.chain.get_before(round_).block_hash != before:
            await self._enter_round(round_)
        self._say_no_test(sir)
        if self._may_forge():
            await self._forge()

    # --- the round ---------------------------------------------------------------------------------

    def _is_in_round(self, round_: Round) -> bool:
        return self.state.plan is not None and self.state.plan.round == round_

    async def _enter_round(self, round_: Round) -> None:
        """Derive the round.  It answers nothing meanwhile; while its companion is late it tries again at
        every look."""
        state = self.state
        state.free.clear()
        await asyncio.sleep(state.habits.derive_s)
        try:
            plan = await self._derive(round_)
        except PowNotReady as problem:
            state.note(f"no list for round {round_}: {problem}")
            state.free.set()
            return
        if state.plan is not None and state.plan.round != round_:
            state.previous_plan = state.plan
        state.plan = plan
        state.listed.clear()
        for entry in plan.registered:
            if not entry.port.isdecimal():
                state.traps.spring(Trap.REGISTERED_PORT, entry.ip, entry.port)
            state.listed.setdefault(entry.ip, []).append(entry)
        targets = compute_connect_to(
            state.params.default_tunables.max_connect_to, plan.registered, state.signer.address, round_
        )
        if self._group is not None:
            self._dialling.set_targets(targets, self._group)
        state.note(f"round {round_}")
        state.free.set()

    def draw_otherwise(self, sir: Slot) -> None:
        """Hold itself for the juror of a slot of the round, as one that was restarted may (spec 8)."""
        state = self.state
        if state.plan is not None:
            jurors = list(state.plan.jurors)
            jurors[sir] = replace(jurors[sir], address=state.signer.address)
            state.plan = replace(state.plan, jurors=tuple(jurors))

    async def _derive(self, round_: Round) -> RoundPlan:
        state = self.state
        registered = (await self._pow.get_registered(round_)).entries
        before = (await self._pow.get_registered(round_ - 1)).entries
        seen = state.chain.get_seen(round_ - 1)
        return compute_round_plan(
            state.params,
            state.params.default_tunables.tests_per_slot,
            round_,
            registered=registered,
            registered_before=before,
            seen_before=seen,
            reference_hash=state.chain.get_before(round_).block_hash,
        )

    def _say_no_test(self, sir: Slot) -> None:
        """Once at the round's start and once in its closing slot."""
        state = self.state
        plan = state.plan
        if plan is None or any(t.tester == state.signer.address for ts in plan.tests for t in ts):
            return
        which = 2 if sir >= state.params.slots else 1 if sir == 0 else None
        if which is not None and (plan.round, which) not in self._said_no_test:
            self._said_no_test.add((plan.round, which))
            state.publish(NO_TEST, state.signer.address, format_no_test(which), plan.round)

    # --- forging -----------------------------------------------------------------------------------

    def _may_forge(self) -> bool:
        state = self.state
        round_, sir = state.get_round_slot()
        tip = state.chain.tip
        if state.plan is None or state.plan.round != round_:
            return False
        if state.plan.juror_of(sir) != state.signer.address or (tip.round, tip.sir) >= (round_, sir):
            return False
        into = state.clock.now() - compute_slot_start(state.params, round_, sir)
        delays = state.params.delays
        if not delays.earliest_forging_s <= into <= state.params.slot_s - delays.latest_forging_s:
            return False
        return self._is_in_consensus() and self._has_enough(state.mempool.list_since(0))

    def _is_in_consensus(self) -> bool:
        """Over MIN_FORGE_CONSENSUS percent of the registered are on its tip; it never takes less."""
        state = self.state
        own = state.chain.height
        agree = sum(reported.height.block_hash == own.block_hash for reported in state.list_reported())
        registered = len(state.plan.registered) if state.plan else 0
        percent = round(100 * agree / registered) if registered else 0
        return percent > state.params.default_tunables.min_forge_consensus

    def _has_enough(self, messages: list[Message]) -> bool:
        return len(messages) >= MIN_MESSAGES and count_sources(messages) >= MIN_SOURCES

    async def _forge(self) -> None:
        """Seal all that the mempool has, which is empty then, and push to everybody."""
        state = self.state
        round_, sir = state.get_round_slot()
        messages = state.mempool.take_all()[: state.params.default_tunables.max_txs_per_block]
        block = seal_block(
            state.signer.sign,
            state.signer.address,
            state.chain.tip,
            round_,
            sir,
            int(state.clock.now()),
            messages,
        )
        if not state.chain.digest(block, state.own.ip):
            return
        self.forged.append(block)
        state.note(f"forged block {block.height} ({round_}, {sir}) with {len(messages)} messages")
        if self._group is not None:
            for entry in state.plan.registered if state.plan else ():
                if entry.pos != state.signer.address:
                    self._group.create_task(self._push(entry, block), name=f"legacy push {entry.ip}")

    async def _push(self, entry: Registration, block: Block) -> None:
        """It asks nobody for a height."""
        try:
            stream = await self.state.dial_alone(entry.ip, int(entry.port))
        except (TransportClosed, TimeoutError):
            return
        try:
            await stream.write(Command(CommandId.BLOCK, blocks=(block,)))
        except TransportClosed:
            pass
        finally:
            stream.close()
