"""Runs a devnet: the companion and the nodes as processes, watched until a signal or the last round.

Nothing outlives it: children are told to stop and killed if need be, and should the launcher itself be
killed, they notice that their parent is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.timeline import compute_round_slot, compute_round_start
from hypernode.core.types import Endpoint, Round
from hypernode.devnet.children import Child, stop_all
from hypernode.devnet.companion_ledger import prepare_ledger
from hypernode.devnet.display import Display
from hypernode.devnet.node_watch import NodeWatch
from hypernode.devnet.observer import TROUBLE, Observer
from hypernode.devnet.plan import FIRST_ROUND, DevnetPlan, make_companion_command, make_node_command
from hypernode.devnet.verdict import Course, DevnetResult, SlotKey, judge
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.clock import Clock
from hypernode.storage.journal import open_journal
from hypernode.wire.catalogue import Limits

LOOK_S: Final = 1.0
"""Between two looks at a node; on networks with quick slots, several in one."""
LOOKS_A_SLOT: Final = 4
SETTLE_S: Final = 6.0
"""At the end of the last round the nodes get this long, or a slot, to show one tip."""
SETTLE_LOOK_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class RunOptions:
    """``rounds``: end after so many whole ones and judge, None for ever; ``rollback``: blocks that the
    companion takes back once, in the middle of the first whole round; ``restart``: start killed nodes
    again."""

    rounds: int | None = None
    rollback: int | None = None
    restart: bool = False


class Launcher:
    """One run of one devnet."""

    def __init__(self, plan: DevnetPlan, options: RunOptions, display: Display, clock: Clock) -> None:
        self._plan = plan
        self._params = plan.params
        self._options = options
        self._display = display
        self._clock = clock
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_over = False
        """The last round ended by itself."""
        self._started: float | None = None
        self._jurors: dict[Round, tuple[str, ...]] = {}
        self._companion_fault = ""
        command = make_companion_command(plan, sys.executable, os.getpid(), options.rollback)
        self._companion = Child("companion", command, plan.companion_log_path, os.environ)
        connections = TornadoConnections()
        self._nodes = [
            NodeWatch(
                node,
                Child(
                    node.name,
                    make_node_command(plan, node, sys.executable),
                    node.home / "output.log",
                    os.environ,
                ),
                Observer(self._params, Endpoint(node.ip, node.port), connections, clock, Limits()),
                clock,
                on_jurors=self._jurors.__setitem__,
                say=display.say,
            )
            for node in plan.nodes
        ]

    async def run(self) -> DevnetResult | None:
        """Until a signal, or to the end of the last round; returns the verdict there.  Raises OSError when
        something cannot be started."""
        self._hook_signals()
        try:
            await self._start()
            await self._watch()
            if self._is_over:
                return await self._judge()
            return None
        finally:
            await self._end()

    # --- start and end ------------------------------------------------------------------------------

    def _hook_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        """The first stops in order, the second at once."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _start(self) -> None:
        plan = self._plan
        await asyncio.to_thread(
            prepare_ledger,
            plan.ledger_path,
            plan.params,
            plan.list_hypernodes(),
            plan.control_key,
            self._clock.now(),
        )
        for planned in plan.nodes:
            # begun with the wallet: a node that finds a wallet and no journal must fear a restored backup,
            # and forges nothing in its first round (spec 4)
            journal = await open_journal(planned.journal_path, int(self._clock.now()))
            await journal.close()
        if self._stop.is_set():
            return
        await self._companion.start()
        for node in self._nodes:
            await node.child.start()
        self._display.show_start(
            {node.plan.name: node.child.pid or 0 for node in self._nodes}, self._companion.pid or 0
        )

    async def _end(self) -> None:
        self._stop.set()
        for node in self._nodes:
            node.observer.close()
        children = [*(node.child for node in self._nodes), self._companion]
        if killed := await stop_all(children, self._hurry):
            self._display.say(f"had to be killed: {', '.join(killed)}")

    # --- while it runs ------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Everything that goes on side by side, until ``_stop``."""
        tasks = [asyncio.create_task(self._look_at(node), name=node.plan.name) for node in self._nodes]
        tasks += [
            asyncio.create_task(
                node.watch_process(self._stop.is_set, restart=self._options.restart),
                name=f"{node.plan.name} process",
            )
            for node in self._nodes
        ]
        tasks.append(asyncio.create_task(self._watch_companion(), name="companion process"))
        tasks.append(asyncio.create_task(self._show(), name="display"))
        if self._options.rounds is not None:
            tasks.append(asyncio.create_task(self._wait_for_last_round(self._options.rounds), name="rounds"))
        if self._options.rollback is not None:
            tasks.append(asyncio.create_task(self._roll_back(), name="rollback"))
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await _wait_first_failure(stopping, tasks)
        finally:
            for task in [*tasks, stopping]:
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _look_at(self, node: NodeWatch) -> None:
        pause_s = min(LOOK_S, self._params.slot_s / LOOKS_A_SLOT)
        while True:
            await node.look()
            if self._started is None and all(n.has_started or n.was_killed for n in self._nodes):
                self._started = self._clock.now()
                self._display.say("all nodes have left START")
            await asyncio.sleep(pause_s)

    async def _watch_companion(self) -> None:
        await self._companion.wait()
        if not self._stop.is_set():
            words = self._companion.describe_end()
            self._companion_fault = "" if self._companion.was_killed else f"companion: {words}"
            self._display.say(f"companion: {words}; the end of its log:\n{self._companion.read_tail()}")

    async def _show(self) -> None:
        with self._display.live() as draw:
            while True:
                now = self._clock.now()
                round_, sir = compute_round_slot(self._params, now)
                jurors = self._jurors.get(round_, ())
                rows = [node.make_row() for node in self._nodes]
                draw(now, rows, jurors[sir] if sir < len(jurors) else "")
                await asyncio.sleep(self._display.pause_s)

    async def _wait_for_last_round(self, rounds: int) -> None:
        await self._sleep_until(compute_round_start(self._params, FIRST_ROUND + rounds))
        self._is_over = True
        self._stop.set()

    async def _roll_back(self) -> None:
        """Once, half way through the first whole round."""
        middle = compute_round_start(self._params, FIRST_ROUND) + self._params.round_s / 2
        await self._sleep_until(middle)
        self._display.say(f"the companion takes back its last {self._options.rollback} blocks")
        self._companion.send(signal.SIGUSR1)

    async def _sleep_until(self, time_s: float) -> None:
        await asyncio.sleep(max(0.0, time_s - self._clock.now()))

    # --- the verdict --------------------------------------------------------------------------------

    async def _judge(self) -> DevnetResult:
        ended = compute_round_start(self._params, FIRST_ROUND + (self._options.rounds or 0))
        await self._settle()
        course = Course(
            nodes=[node.make_end() for node in self._nodes],
            started=self._started,
            ended=ended,
            blocks=await self._get_blocks(),
            jurors=self._jurors,
            downtimes=[downtime for node in self._nodes for downtime in node.downtimes],
            faults=(self._companion_fault,) if self._companion_fault else (),
        )
        return judge(self._params, course)

    async def _settle(self) -> None:
        """Look until all that answer show one tip, for a little while."""
        deadline = self._clock.monotonic() + max(SETTLE_S, self._params.slot_s)
        while True:
            await asyncio.gather(*(node.look() for node in self._nodes))
            up = [node for node in self._nodes if not node.is_down]
            tips = {node.report.block_hash if node.report else "" for node in up}
            if (len(tips) == 1 and "" not in tips) or self._clock.monotonic() > deadline:
                return
            await asyncio.sleep(SETTLE_LOOK_S)

    async def _get_blocks(self) -> frozenset[SlotKey]:
        """Slots with a block, from the node that tells the highest chain."""
        up = [(node.report.height, node) for node in self._nodes if node.report is not None]
        for height, node in sorted(up, key=lambda pair: -pair[0]):
            try:
                return frozenset(await node.observer.ask_slots(height))
            except TROUBLE as error:
                self._display.say(f"{node.plan.name}: its headers could not be had: {error}")
        return frozenset()


async def _wait_first_failure(stopping: asyncio.Task[bool], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Until ``stopping`` is done, or one of ``tasks`` failed, whose error is raised."""
    pending: set[asyncio.Task[bool] | asyncio.Task[None]] = {stopping, *tasks}
    while not stopping.done():
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def run_launcher(make: Callable[[], Launcher]) -> DevnetResult | None:
    """Run on an event loop of its own."""

    async def run() -> DevnetResult | None:
        return await make().run()

    return asyncio.run(run())
