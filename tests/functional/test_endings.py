"""How the daemon ends, as a process: when its loop hangs, its port is taken, its terminal goes, or a fault of
ours comes; each time the log says why."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from hypernode.cli.exit_codes import Exit
from tests.functional.daemons import IP, PATIENCE_S, ROOT, make_command, run, write_network

PLUGGED: Final = """
import asyncio, sys, threading, time
from functools import partial
from hypernode.app import daemon, signals
from hypernode.__main__ import start

async def plug(node, settings):
    daemon.APP_LOG.info("plugged")
    await asyncio.sleep(0)
    {body}

daemon.keep_log_alive = plug
daemon.Signals = partial(signals.Signals, stop_s={stop_s})
sys.exit(start("instance"))
"""
"""The daemon with something else in the place of its heartbeat, and less patience at its end."""
HANG: Final = "lock = threading.Lock(); lock.acquire(); lock.acquire()"
HANG_WITH_THE_LOG: Final = "[h.acquire() for h in daemon.APP_LOG.handlers]; time.sleep(1e6)"


def read_log(home: Path) -> str:
    path = home / "logs" / "pos_app.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def wait_for_log(home: Path, words: str) -> None:
    end = time.monotonic() + PATIENCE_S / 2
    while words not in read_log(home):
        assert time.monotonic() < end, f"{words!r} is not in {read_log(home)}"
        time.sleep(0.05)


@contextmanager
def plugged(body: str, home: Path, stop_s: float = 1.0) -> Iterator[subprocess.Popen[str]]:
    arguments = make_command(write_network(home.parent), home)[2:]
    command = [sys.executable, "-c", PLUGGED.format(body=body, stop_s=stop_s), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for_log(home, "plugged")
            yield process
        finally:
            process.kill()


def test_a_loop_that_hangs_is_looked_into_and_ended_by_a_second_signal(tmp_path: Path) -> None:
    home = tmp_path / "a"
    with plugged(HANG, home, stop_s=9.0) as process:
        process.send_signal(signal.SIGUSR1)
        wait_for_log(home, "the loop does not answer for 2 s")
        assert "in plug\n" in read_log(home)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.4)
        assert process.returncode == Exit.OK
    assert "SIGTERM again: stopping at once (exit status 0)" in read_log(home)


def test_a_loop_that_hangs_with_the_logs_lock_is_ended_by_one_signal(tmp_path: Path) -> None:
    home = tmp_path / "a"
    with plugged(HANG_WITH_THE_LOG, home) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == Exit.OUR_FAULT
    log = read_log(home)
    assert "SIGINT: the node did not end in 1 s: stopping at once" in log
    assert "in plug\n" in log[log.index("SIGINT: the node did not end") :]


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("MemoryError()", Exit.TEMPORARY, "out of memory"),
        ("ValueError('not expected')", Exit.OUR_FAULT, "a fault of ours: ValueError: not expected (at "),
    ],
)
def test_a_fault_that_ends_the_node_is_in_the_log(
    fault: str, status: Exit, words: str, tmp_path: Path
) -> None:
    home = tmp_path / "a"
    body = f"type(node.owner)._next_look = lambda owner: (_ for _ in ()).throw({fault}); node.wake()"
    with plugged(body, home) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == status
    assert f"hn_instance: {words}" in said
    last = read_log(home)
    assert f"hn_instance ends with status {status:d}: {words}" in last
    assert "Traceback" in last[last.index("hn_instance ends") :]


def test_a_port_that_is_taken_is_one_line_and_nobody_said_that_it_listens(tmp_path: Path) -> None:
    home = tmp_path / "a"
    command = make_command(write_network(tmp_path), home)
    port = int(command[command.index("-p") + 1])
    with socket.create_server((IP, port)):
        refused = run([argument for argument in command if argument != "-v"])
    words = f"port {port} of {IP} is taken: stop what listens there, or choose another one (PORT, or -p)"
    assert (refused.returncode, refused.stderr) == (Exit.TEMPORARY, f"hn_instance: {words}\n")
    assert f"hn_instance ends with status 75: {words}" in read_log(home)
    assert "listens on" not in read_log(home)


def test_a_node_whose_terminal_goes_stops(tmp_path: Path) -> None:
    home = tmp_path / "a"
    command = make_command(write_network(tmp_path), home)
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - it becomes the node
        os.chdir(ROOT)
        os.execv(command[0], command)
    wait_for_log(home, "listens on")
    os.close(terminal)
    wait_for_log(home, "stopped")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == Exit.OK
    assert "SIGHUP: stopping" in read_log(home)
