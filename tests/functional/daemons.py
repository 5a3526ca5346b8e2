"""Daemons as processes on loopback, for tests that judge them from outside."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.network_file import network_to_json
from hypernode.core.timeline import compute_round_start
from hypernode.sim.cluster import make_network

ROOT: Final = Path(__file__).parents[2]


PATIENCE_S: Final = 60.0


IP: Final = "127.0.0.1"


def write_network(folder: Path, next_round_in_s: int = 600) -> Path:
    """A network of three that are not there, with slots of a second."""
    params: ChainParams = make_network(3, 1, 1)
    round_s = compute_round_start(params, 1) - compute_round_start(params, 0)
    origin = int(time.time()) + next_round_in_s - 1_000 * round_s
    path = folder / "net.json"
    path.write_text(network_to_json(replace(params, origin_of_time=origin)), encoding="utf-8")
    return path


def choose_port() -> int:
    with socket.socket() as probe:
        probe.bind((IP, 0))
        return int(probe.getsockname()[1])


def make_command(network: Path, home: Path, *arguments: str) -> list[str]:
    home.mkdir(exist_ok=True)
    script = str(ROOT / "hn_instance.py")
    start = [sys.executable, script, "--network", str(network), "--home", str(home), "-I", IP, "-v"]
    return [*start, "-p", str(choose_port()), *arguments]


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A daemon that listens; killed at the end, and when it takes longer than any test has patience."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "listens on" in line:
                    break
            else:
                pytest.fail(said)
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            yield process
            process.kill()
            drain.join()
        finally:
            watchdog.cancel()
            process.kill()


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
