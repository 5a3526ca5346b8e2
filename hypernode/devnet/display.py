"""Where a devnet's launcher prints: a live table on a terminal, plain lines or JSON elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from rich.console import Console
from rich.live import Live

from hypernode.core.params.chain_params import ChainParams
from hypernode.devnet.view import NodeRow, SlotClock, format_json, format_line, make_screen, read_clock

Form = Literal["table", "lines", "json"]
Draw = Callable[[float, Sequence[NodeRow], str], None]

TABLE_PAUSE_S: Final = 0.25
LINES_PAUSE_S: Final = 0.1
"""To find a slot's end in time, also where slots take a second."""


class Display:
    """``header``: what is said once, for people; ``facts``: the same for programs."""

    def __init__(
        self, console: Console, form: Form, params: ChainParams, header: str, facts: Mapping[str, object]
    ) -> None:
        self._console = console
        self._form = form
        self._params = params
        self._header = header
        self._facts = facts
        self._shown: SlotClock | None = None
        self._last_rows: Sequence[NodeRow] = ()
        self.pause_s = TABLE_PAUSE_S if form == "table" else LINES_PAUSE_S

    def show_start(self, pids: Mapping[str, int], companion_pid: int) -> None:
        """Everything was started."""
        if self._form == "json":
            self._print_json({"event": "start", **self._facts, "pids": pids, "companion": companion_pid})
        else:
            self._print(self._header)

    def say(self, text: str) -> None:
        """Something happened."""
        if self._form == "json":
            self._print_json({"event": "note", "text": text})
        else:
            self._print(text)

    def show_raw(self, line: str) -> None:
        """A line that is made for this form already."""
        self._print(line)

    @contextmanager
    def live(self) -> Iterator[Draw]:
        """What is called with (now, rows, address of the slot's juror) again and again."""
        if self._form != "table":
            yield self._draw_line
            return
        with Live(console=self._console, auto_refresh=False) as live:

            def draw(now: float, rows: Sequence[NodeRow], juror: str) -> None:
                clock = read_clock(self._params, now)
                live.update(
                    make_screen(clock, rows, juror, "Ctrl-C stops everything", self._console.width),
                    refresh=True,
                )

            yield draw

    def _draw_line(self, now: float, rows: Sequence[NodeRow], _juror: str) -> None:
        """A line at the end of each slot, with what was seen last in it."""
        clock = read_clock(self._params, now)
        last, self._shown = self._shown, clock
        if last is not None and (last.round, last.sir) != (clock.round, clock.sir):
            format_slot = format_json if self._form == "json" else format_line
            self._print(format_slot(last, self._last_rows))
        self._last_rows = rows

    def _print_json(self, event: Mapping[str, object]) -> None:
        self._print(json.dumps(event))

    def _print(self, text: str) -> None:
        """As it is: no wrapping, no markup, no colours."""
        if self._form == "table":
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._console.file, flush=True)
