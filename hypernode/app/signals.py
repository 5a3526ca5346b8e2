"""Signals of an operator and of a supervisor (spec 6, under supervision), and the parent we must not outlive.

They are heard by a thread of their own, so a loop that hangs is stopped and looked into like any other.
SIGINT, SIGTERM and SIGQUIT stop the node in order; a second one, or ten seconds, ends it whatever it does.
SIGHUP stops a node that had a terminal when it was started (its ``screen`` died); any other reads log level
and allow lists again and reopens the logs.  SIGUSR1 writes the stacks of all threads and tasks into the log.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from hypernode.app.heartbeat import describe
from hypernode.app.last_words import append_line, open_log, try_within
from hypernode.config.parameter_table import ConfigError
from hypernode.config.settings import Settings
from hypernode.node.base.logs import LogFiles
from hypernode.node.owner.runtime import Node

STOP_S: Final = 9.0
"""From the first signal to the end, whatever hangs: ten seconds, less what ending takes."""
SAME_S: Final = 0.3
"""``timeout`` and some supervisors signal a process and its group: that is one signal."""
ANSWER_S: Final = 2.0
"""A loop that does not list its tasks this long hangs."""
END_TOLD: Final = 0
"""Exit status of a node that was told twice: stopped as it was told."""
END_HUNG: Final = 70
"""Of one that was told once and hung: a fault of ours."""
PARENT_CHECK_S: Final = 1.0
PARENT_VARIABLE: Final = "HN_PARENT_PID"
STOPPING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGQUIT})
MEANINGLESS: Final = (signal.SIGUSR2, signal.SIGALRM)
"""Nothing of ours, and no reason to end without a word."""

APP_LOG: Final = logging.getLogger("tornado.application")


class Stopped(BaseException):
    """A signal to stop came before there was a loop."""


@dataclass(frozen=True, slots=True)
class Process:
    """What belongs to the process rather than to the node.  ``reload`` reads the configuration again and
    raises ConfigError."""

    logs: LogFiles
    verbose: bool
    reload: Callable[[], Settings]


@dataclass(frozen=True, slots=True)
class Reactions:
    """What the loop does after a signal; ``stop`` gets its name."""

    stop: Callable[[str], object]
    reload: Callable[[], object]
    dump: Callable[[], object]


def has_terminal() -> bool:
    """A terminal that can hang up on us controls this process, and nobody said (``nohup``) to outlive it."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Signals:
    """While it is entered, a thread takes the signals.  ``log_path`` gets the thread's own lines; ``end``
    ends the process at once, with a status."""

    def __init__(
        self,
        log_path: Path,
        *,
        had_terminal: bool,
        end: Callable[[int], object] = os._exit,
        stop_s: float = STOP_S,
    ) -> None:
        self.told = ""
        """The signal that said to stop."""
        self._log_path = log_path
        self._stopping = STOPPING | {signal.SIGHUP} if had_terminal else STOPPING
        self._end = end
        self._stop_s = stop_s
        self._told_at = 0.0
        self._is_ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reactions: Reactions | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        for number in (*STOPPING, signal.SIGHUP, signal.SIGUSR1, *MEANINGLESS):
            self._before[number] = signal.signal(number, self._interrupt)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what it was before
        self._writer.close()

    def attach(self, reactions: Reactions) -> None:
        """From now on the running loop reacts.  It may be called again, with other reactions."""
        self._reactions = reactions
        self._loop = asyncio.get_running_loop()
        if self.told:
            self._loop.call_soon(reactions.stop, self.told)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Called in the main thread.  Until there is a loop, what goes on there ends by an exception."""
        if self._loop is None and number in self._stopping:
            raise Stopped(signal.Signals(number).name)

    def _listen(self) -> None:
        with self._reader:
            while numbers := self._reader.recv(64):
                for number in numbers:
                    self._react(number)

    def _react(self, number: int) -> None:
        name = signal.Signals(number).name
        if number in self._stopping:
            self._stop(name)
        elif number == signal.SIGHUP:
            self._call(lambda reactions: reactions.reload())
        elif number == signal.SIGUSR1:
            self._dump()
        elif number in MEANINGLESS:
            self._call(lambda reactions: APP_LOG.warning("%s means nothing to a node", name))

    def _stop(self, name: str) -> None:
        now = time.monotonic()
        if self.told:
            if now - self._told_at >= SAME_S:
                self._end_now(END_TOLD, f"{name} again: stopping at once")
            return
        self.told, self._told_at = name, now
        self.expect_end(name)
        self._call(lambda reactions: reactions.stop(name))

    def expect_end(self, why: str) -> None:
        """From now on the process has ``stop_s`` to end, and the log says where it hung if it did not.  Of
        several calls the first counts."""
        if self._is_ending:
            return
        self._is_ending = True
        overdue = (
            f"{why}: the node did not end in {self._stop_s:g} s: stopping at once; this is where it hangs"
        )
        timer = threading.Timer(self._stop_s, self._end_now, (END_HUNG, overdue), {"is_hung": True})
        timer.daemon = True
        timer.start()

    def _call(self, react: Callable[[Reactions], object]) -> bool:
        """In the loop, if there is one."""
        if self._loop is None or self._reactions is None:
            return False
        reactions = self._reactions
        try:
            self._loop.call_soon_threadsafe(lambda: react(reactions))
        except RuntimeError:  # it was closed meanwhile
            return False
        return True

    def _dump(self) -> None:
        """The loop lists its tasks; where it does not, that is said.  The stacks of the threads are written
        when the signal comes, by ``faulthandler``, which needs nobody's help."""
        answered = threading.Event()

        def dump(reactions: Reactions) -> None:
            answered.set()
            reactions.dump()

        def write_stacks_if_hung() -> None:
            if not answered.wait(ANSWER_S):
                words = f"the loop does not answer for {ANSWER_S:g} s: the stacks above show where it is"
                try_within(lambda: append_line(self._log_path, "W", words))

        self._call(dump)
        threading.Thread(target=write_stacks_if_hung, name="stacks", daemon=True).start()

    def _end_now(self, status: int, words: str, *, is_hung: bool = False) -> None:
        def tell() -> None:
            append_line(self._log_path, "E" if is_hung else "W", f"{words} (exit status {status})")
            if is_hung:
                descriptor = open_log(self._log_path)
                faulthandler.dump_traceback(descriptor, all_threads=True)
                os.close(descriptor)

        try_within(tell)
        self._end(status)


def make_reactions(stop: asyncio.Event, process: Process, node: Node) -> Reactions:
    """Of a node that runs."""

    def on_stop(name: str) -> None:
        APP_LOG.info("%s: stopping", name)
        stop.set()

    return Reactions(on_stop, partial(reload_settings, process, node), partial(dump_tasks, node))


def reload_settings(process: Process, node: Node) -> None:
    """Log level and subjects, allow lists; the logs are opened anew.  A faulty file changes nothing."""
    process.logs.reopen()
    try:
        settings = process.reload()
    except ConfigError as error:
        APP_LOG.error("SIGHUP: the configuration stays as it was: %s", error)
        return
    process.logs.set_level(settings.log_level, settings.log_topics)
    node.serving.take_settings(settings.params.allow_queries_from, takes_updates=settings.auto_update)
    node.tunables.reconfigure("ALLOW_UPDATES_FROM", settings.tunables)
    APP_LOG.info("SIGHUP: log level %s, logs reopened", settings.log_level)


def dump_tasks(node: Node) -> None:
    """Every task's stack and the status line into the log."""
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        text = io.StringIO()
        task.print_stack(file=text)
        APP_LOG.info("task %s\n%s", task.get_name(), text.getvalue())
    APP_LOG.info(describe(node))


async def watch_parent(stop: asyncio.Event) -> None:
    """Stop when the process named by HN_PARENT_PID is gone (a devnet ends with its launcher)."""
    text = os.environ.get(PARENT_VARIABLE, "")
    if not text.isdecimal():
        return
    while os.getppid() == int(text):
        await asyncio.sleep(PARENT_CHECK_S)
    APP_LOG.info("the launcher is gone: stopping")
    stop.set()
