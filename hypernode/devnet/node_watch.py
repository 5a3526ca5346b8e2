"""One node of a devnet, watched: its process, what it reports, and when it was down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from hypernode.core.types import Round
from hypernode.devnet.children import Child
from hypernode.devnet.observer import TROUBLE, NodeReport, Observer
from hypernode.devnet.plan import NodePlan
from hypernode.devnet.verdict import Downtime, NodeEnd
from hypernode.devnet.view import NodeRow
from hypernode.ports.clock import Clock

RESTART_S: Final = 3.0
"""With --restart, how long a node that was killed stays down."""


class NodeWatch:
    """Asks, and notes what it sees.  ``on_jurors`` gets the jurors of a round as the node draws them;
    ``say`` prints a line."""

    def __init__(
        self,
        plan: NodePlan,
        child: Child,
        observer: Observer,
        clock: Clock,
        *,
        on_jurors: Callable[[Round, tuple[str, ...]], None],
        say: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.child = child
        self.observer = observer
        self.report: NodeReport | None = None
        self.fault = ""
        self.has_started = False
        self.downtimes: list[Downtime] = []
        self._clock = clock
        self._on_jurors = on_jurors
        self._say = say
        self._asked_slot: tuple[int, int] | None = None

    @property
    def is_down(self) -> bool:
        """Its process ended, and nobody answers in its place."""
        return not self.child.is_running and self.report is None

    @property
    def was_killed(self) -> bool:
        """It is down or was, by somebody's will."""
        return bool(self.downtimes)

    async def look(self) -> None:
        """Ask once."""
        try:
            report = await self.observer.ask_status()
            if (report.round, report.sir) != self._asked_slot:
                self._on_jurors(*await self.observer.ask_jurors())
                self._asked_slot = (report.round, report.sir)
        except TROUBLE:
            self.report = None
            return
        self.report = report
        if report.has_started:
            self.has_started = True
            self._end_downtime()

    async def watch_process(self, is_stopping: Callable[[], bool], *, restart: bool) -> None:
        """Until the process ended for good.  One that was killed is started again if so told."""
        while True:
            await self.child.wait()
            if is_stopping():
                return
            self._note_end()
            if not (restart and self.child.was_killed):
                return
            await asyncio.sleep(RESTART_S)
            if is_stopping():
                return
            await self.child.start()
            self._say(f"{self.plan.name}: started again, process {self.child.pid}")

    def make_row(self) -> NodeRow:
        """The node as it is shown."""
        plan = self.plan
        if self.report is not None:
            return NodeRow(plan.name, plan.address, plan.ip, self.report)
        if not self.child.is_running:
            return NodeRow(plan.name, plan.address, plan.ip, note=self.child.describe_end())
        note = "does not answer" if self.has_started else "starting"
        return NodeRow(plan.name, plan.address, plan.ip, note=note)

    def make_end(self) -> NodeEnd:
        """The node as it is judged."""
        report = self.report or NodeReport()
        return NodeEnd(
            name=self.plan.name,
            address=self.plan.address,
            height=report.height,
            block_hash=report.block_hash,
            state=report.state,
            is_down=self.is_down and not self.fault,
            fault=self.fault,
        )

    def _note_end(self) -> None:
        words = self.child.describe_end()
        if self.child.was_killed:
            self.downtimes.append(Downtime(self.plan.address, self._clock.now()))
            self._say(f"{self.plan.name}: {words}")
        else:
            self.fault = words
            self._say(f"{self.plan.name}: {words}; the end of its log:\n{self.child.read_tail()}")

    def _end_downtime(self) -> None:
        if self.downtimes and self.downtimes[-1].until is None:
            last = self.downtimes[-1]
            self.downtimes[-1] = Downtime(last.address, last.since, self._clock.now())
