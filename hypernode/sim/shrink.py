"""Makes a broken run smaller while the same invariant breaks: fewer faults, shorter ones of fewer hosts,
fewer legacy nodes, then fewer hosts.

Every try is a whole run; a smaller scenario that breaks in the same way stands in for the larger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from hypernode.sim.faults.plan import Fault
from hypernode.sim.play import play
from hypernode.sim.report import Report
from hypernode.sim.scenario import Limit, Scenario

MAX_RUNS: Final = 40
MIN_NODES: Final = 4
MIN_DURATION_S: Final = 60.0
_MARGIN_S: Final = 3_600.0
"""A smaller run may break later than the larger did."""

Player = Callable[[Scenario], Report]
OnSmaller = Callable[[Scenario, int], None]
"""Told each smaller scenario that breaks, and after how many runs it was found."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest scenario found that breaks, its report, and how many runs that took."""

    scenario: Scenario
    report: Report
    runs: int
    is_stopped: bool = False
    """Somebody did not want to wait any longer."""


def shrink(
    report: Report,
    player: Player = play,
    max_runs: int = MAX_RUNS,
    on_smaller: OnSmaller = lambda scenario, runs: None,
) -> Shrunk:
    """Of a report with a failure.  A KeyboardInterrupt ends it with the best so far.  Raises ValueError for a
    report without a failure."""
    if report.failure is None:
        raise ValueError("nothing is broken")
    shrinker = _Shrinker(report, report.failure.name, player, max_runs, on_smaller)
    is_stopped = False
    try:
        for step in (
            shrinker.drop_faults,
            shrinker.shorten_faults,
            shrinker.spare_subjects,
            shrinker.drop_legacy,
            shrinker.drop_nodes,
        ):
            step()
    except KeyboardInterrupt:
        is_stopped = True
    best = shrinker.best
    at_s = best.failure.at_s if best.failure is not None else best.scenario.length_s
    return Shrunk(best.scenario.play_until(at_s), best, shrinker.runs, is_stopped)


class _Shrinker:
    def __init__(
        self, report: Report, name: str, player: Player, max_runs: int, on_smaller: OnSmaller
    ) -> None:
        self._name = name
        self._player = player
        self._max_runs = max_runs
        self._on_smaller = on_smaller
        self.best = report
        self.runs = 0

    def drop_faults(self) -> None:
        """Halves first, then quarters, down to single faults."""
        kept = [fault.number for fault in self.best.scenario.make_plan() if self._has_begun(fault.at)]
        if not self._try(kept=kept):
            kept = [fault.number for fault in self.best.scenario.make_plan()]
        size = max(1, len(kept) // 2)
        while kept:
            for start in range(0, len(kept), size):
                fewer = kept[:start] + kept[start + size :]
                if self._try(kept=fewer):
                    kept = fewer
                    break
            else:
                if size == 1:
                    return
                size //= 2
                continue
            size = max(1, min(size, len(kept) // 2))

    def shorten_faults(self) -> None:
        """Each to a half as long as that does, the first ones first: what follows comes to an earlier end."""
        for number in [fault.number for fault in self.best.scenario.make_plan()]:
            while (fault := self._find(number)) is not None and fault.duration_s >= 2 * MIN_DURATION_S:
                if not self._try(limit=Limit(number, int(fault.duration_s / 2), fault.subjects)):
                    break

    def spare_subjects(self) -> None:
        """Half of a fault's hosts, then fewer at a time."""
        for number in [fault.number for fault in self.best.scenario.make_plan()]:
            size = len(fault.subjects) // 2 if (fault := self._find(number)) is not None else 0
            while size:
                size = size if self._spare(number, size) else size // 2

    def _spare(self, number: int, size: int) -> bool:
        """Whether so many of a fault's hosts could be left out, wherever they are among them."""
        fault = self._find(number)
        if fault is None or size >= len(fault.subjects):
            return False
        return any(
            self._try(
                limit=Limit(
                    number,
                    ceil(fault.duration_s),
                    fault.subjects[:start] + fault.subjects[start + size :],
                )
            )
            for start in range(0, len(fault.subjects), size)
        )

    def _find(self, number: int) -> Fault | None:
        """A fault of the best scenario."""
        return next((fault for fault in self.best.scenario.make_plan() if fault.number == number), None)

    def drop_legacy(self) -> None:
        """None of them first, then fewer at a time: their hosts run our node instead."""
        step = self.best.scenario.legacy
        while step := min(step, self.best.scenario.legacy):
            if not self._try(legacy=self.best.scenario.legacy - step):
                step //= 2

    def drop_nodes(self) -> None:
        """Half of them, then fewer at a time."""
        step = self.best.scenario.nodes // 2
        while step:
            nodes = self.best.scenario.nodes - step
            if nodes < max(MIN_NODES, self.best.scenario.legacy + 1) or not self._try(nodes=nodes):
                step //= 2

    def _has_begun(self, at: float) -> bool:
        return self.best.failure is not None and at <= self.best.failure.at_s

    def _try(
        self,
        *,
        kept: list[int] | None = None,
        limit: Limit | None = None,
        nodes: int | None = None,
        legacy: int | None = None,
    ) -> bool:
        """Whether it still breaks; then it is the best."""
        if self.runs >= self._max_runs or self.best.failure is None:
            return False
        scenario, at_s = self.best.scenario, self.best.failure.at_s
        if at_s < scenario.length_s:
            scenario = replace(scenario, until_s=float(ceil(at_s + _MARGIN_S)))
        if kept is not None:
            scenario = replace(scenario, keep=tuple(kept))
        if limit is not None:
            others = (other for other in scenario.limits if other.number != limit.number)
            scenario = replace(scenario, limits=(*others, limit))
        if legacy is not None:
            scenario = replace(scenario, legacy=legacy)
        if nodes is not None:
            scenario = replace(scenario, plan_nodes=scenario.plan_nodes or scenario.nodes, nodes=nodes)
        self.runs += 1
        report = self._player(scenario)
        if report.failure is None or report.failure.name != self._name:
            return False
        self.best = report
        self._on_smaller(report.scenario.play_until(report.failure.at_s), self.runs)
        return True
