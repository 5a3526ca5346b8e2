"""An asyncio event loop on virtual time: when nothing is ready it jumps to the next timer.

It has no sockets, no threads and no signals of its own; all waiting is asyncio's timers and futures.  So a
run takes the time its computing takes, and replays exactly: callbacks run in the order in which they were
scheduled, and tasks hash by their number (sets of tasks, as in ``asyncio.TaskGroup``, iterate the same way
in every process, which an identity hash does not give).
"""

from __future__ import annotations

import asyncio
import gc
import math
from asyncio import base_events
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_RESOLUTION_S: Final = 1e-9
_INSTANT_S: Final = 1e-6
"""Less than that is no progress."""
MAX_TURNS: Final = 100_000
"""Of the loop in one instant; a network of twenty nodes takes some forty."""
_MAX_NAMED: Final = 12
_COLLECTIONS: Final = (50_000, 50, 50)
"""For ``gc.set_threshold``: a network is millions of objects, and the usual thresholds cost a tenth of its
time."""


class Stuck(RuntimeError):
    """Time cannot go on."""


class Deadlock(Stuck):
    """Tasks wait, and nothing is scheduled that could ever wake them."""


class Spinning(Stuck):
    """Tasks go on and on without letting any time pass."""


class _NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its number."""

    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Any], **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self._number


class _VirtualSelector:
    """Stands where a loop has its selector: "waiting for events" is letting the time pass."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._instant = -math.inf
        self._turns = 0
        """Since then."""

    def select(self, timeout: float | None) -> list[NoReturn]:
        """Pass ``timeout`` seconds; None means that there is nothing to wait for at all."""
        if timeout is None:
            self._loop.raise_deadlock()
        elif timeout > 0:
            self._loop.pass_time(timeout)
        self._count(self._loop.time())
        return []

    def _count(self, now: float) -> None:
        """One turn more, unless time has passed."""
        if now - self._instant > _INSTANT_S:
            self._instant, self._turns = now, 0
        elif self._turns < MAX_TURNS:
            self._turns += 1
        else:
            # Counted anew: tasks that are cancelled then may need some turns.
            self._turns = 0
            self._loop.raise_spinning()


class VirtualTimeLoop(base_events.BaseEventLoop):
    """The loop; ``start`` is its first ``time()``."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self._set_time(start)
        self._selector = _VirtualSelector(self)
        self._tasks_made = 0
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self._virtual_time

    def pass_time(self, seconds: float) -> None:
        """Go on by ``seconds``, at least by the smallest step that a float can show."""
        later = self._virtual_time + seconds
        self._set_time(max(later, math.nextafter(self._virtual_time, math.inf)))

    def _set_time(self, time_s: float) -> None:
        """The base class takes a timer for due when its time is below ``time() + _clock_resolution``, which
        must therefore be a sum that differs from ``time()``, however late it is."""
        self._virtual_time = time_s
        self._clock_resolution = max(_RESOLUTION_S, math.ulp(time_s))

    def raise_deadlock(self) -> NoReturn:
        """Raises Deadlock with the names of the tasks that wait."""
        names = _list_names(asyncio.all_tasks(self))
        raise Deadlock(f"at {self._virtual_time:.3f} s nothing is scheduled, and these wait: {names}")

    def raise_spinning(self) -> NoReturn:
        """Raises Spinning with the names of the tasks that have their turn."""
        handles: Any = self._ready  # type: ignore[attr-defined]
        # What a task's callback belongs to, as asyncio itself finds it for its log.
        owners = [getattr(handle._callback, "__self__", None) for handle in handles]
        names = _list_names({owner for owner in owners if isinstance(owner, asyncio.Task)})
        raise Spinning(
            f"at {self._virtual_time:.3f} s the loop took {MAX_TURNS} turns, and these go on: {names}"
        )

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Raises RuntimeError: what a thread does takes real time and does not replay."""
        raise RuntimeError("there are no threads on virtual time")

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        /,
        *,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        self._tasks_made += 1
        if options.get("name") is None:
            options["name"] = f"task-{self._tasks_made}"
        return _NumberedTask(self._tasks_made, coroutine, loop=loop, context=context, **options)

    # What the base class asks of a loop that has a selector.

    def _process_events(self, event_list: list[NoReturn]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Wakes a selector that sleeps; this one never does."""


def _list_names(tasks: Collection[asyncio.Task[Any]]) -> str:
    """The first ones, and how many there are more."""
    names = sorted(task.get_name() for task in tasks)
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


@contextmanager
def _rare_collections() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(*_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def run(
    coroutine: Coroutine[Any, Any, T],
    start: float = 0.0,
    loop_type: type[VirtualTimeLoop] = VirtualTimeLoop,
    on_stuck: Callable[[Stuck], T] | None = None,
) -> T:
    """Run to the end on a loop of its own and return the result.  Raises Stuck when it can never end, or
    returns what ``on_stuck`` makes of it, which is called while all is as it was."""
    with _rare_collections(), asyncio.Runner(loop_factory=lambda: loop_type(start)) as runner:
        try:
            return runner.run(coroutine)
        except Stuck as problem:
            if on_stuck is None:
                raise
            return on_stuck(problem)
