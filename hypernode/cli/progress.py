"""The progress of long work: a bar on a terminal, elsewhere a line on standard error every ten seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO, cast

from hypernode.cli.output import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

LINE_EVERY_S: Final = 10.0


class Meter:
    """Shows blocks of ``total`` done since ``first``, with messages, percent, rate and time left; nothing
    when ``quiet``, or ``only_terminal`` and there is none."""

    def __init__(
        self,
        what: str,
        first: int,
        total: int,
        *,
        quiet: bool = False,
        only_terminal: bool = False,
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._first, self._total = first, total
        self._stream = Words(stream or sys.stderr)
        self._quiet = quiet or (only_terminal and not self._stream.isatty())
        self._now = now
        self._begun = self._said = now()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._quiet and self._stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn(
                    "{task.completed}/{task.total} blocks {task.percentage:>3.0f} % {task.fields[rate]}"
                ),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(file=cast(TextIO, self._stream)))
            self._task = self._bar.add_task(self._what, total=self._total, completed=self._first, rate="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, height: int, messages: int) -> None:
        """``height`` blocks are done, with ``messages`` since the start."""
        now = self._now()
        seconds = max(now - self._begun, 1e-6)
        rate = f"{messages} messages, {messages / seconds:,.0f}/s"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=height, rate=rate)
        elif not self._quiet and now - self._said >= LINE_EVERY_S:
            self._said = now
            left = (self._total - height) * seconds / max(height - self._first, 1)
            percent = 100 * height // max(self._total, 1)
            self._stream.write(
                f"{self._what}: block {height} of {self._total}, {percent} %, {rate}, {left:.0f} s left\n"
            )
            self._stream.flush()
