"""Signals of an operator and of a supervisor (spec 6, under supervision), and the parent we must not outlive.

SIGINT and SIGTERM stop the node in order, a second one at once.  SIGHUP with a terminal (its ``screen``
died) stops it; without one it reads log level and allow
lists again and reopens the logs.  SIGUSR1 writes every task's stack into the log.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from hypernode.app.heartbeat import describe
from hypernode.node.config_table import ConfigError
from hypernode.node.logs import LogFiles
from hypernode.node.runtime import Node
from hypernode.node.settings import Settings

PARENT_CHECK_S = 1.0
PARENT_VARIABLE = "HN_PARENT_PID"
EXIT_AT_ONCE = 1

APP_LOG = logging.getLogger("tornado.application")


@dataclass(frozen=True, slots=True)
class Process:
    """What belongs to the process rather than to the node.  ``reload`` reads the configuration again and
    raises ConfigError."""

    logs: LogFiles
    verbose: bool
    reload: Callable[[], Settings]


def install_signals(stop: asyncio.Event, process: Process, node: Node) -> None:
    """Hook the signals into the running loop."""
    loop = asyncio.get_running_loop()

    def on_stop(name: str) -> None:
        if stop.is_set():
            APP_LOG.warning("%s again: stopping at once", name)
            os._exit(EXIT_AT_ONCE)
        APP_LOG.info("%s: stopping", name)
        stop.set()

    def on_hangup() -> None:
        if sys.stdin is not None and sys.stdin.isatty():
            on_stop("SIGHUP")
        else:
            reload_settings(process, node)

    loop.add_signal_handler(signal.SIGINT, on_stop, "SIGINT")
    loop.add_signal_handler(signal.SIGTERM, on_stop, "SIGTERM")
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    loop.add_signal_handler(signal.SIGUSR1, dump_tasks, node)


def reload_settings(process: Process, node: Node) -> None:
    """Log level and subjects, allow lists; the logs are opened anew.  A faulty file changes nothing."""
    process.logs.reopen()
    try:
        settings = process.reload()
    except ConfigError as error:
        APP_LOG.error("SIGHUP: the configuration stays as it was: %s", error)
        return
    process.logs.set_level(settings.log_level, settings.log_topics)
    node.serving.allow_queries_from = settings.network.allow_queries_from
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
