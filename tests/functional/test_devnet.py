"""A devnet of real processes on loopback, judged from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

PATIENCE_S = 60.0
"""For what takes seconds on an idle host."""

ROOT = str(Path(__file__).parents[2])

Event = dict[str, Any]


@contextmanager
def launch(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The launcher in a folder of its own; killed when it takes longer than any test has patience."""
    command = [sys.executable, "-m", "hypernode", "devnet", "--json", *arguments]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def read_events(process: subprocess.Popen[str]) -> Iterator[Event]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def wait_for_start(events: Iterator[Event]) -> tuple[Event, list[psutil.Process]]:
    """The first event, and every process that was started."""
    start = next(event for event in events if event["event"] == "start")
    return start, [psutil.Process(pid) for pid in (*start["pids"].values(), start["companion"])]


def list_heights(event: Event) -> list[tuple[int, str]]:
    """Height and hash of every node that answers."""
    reports = [node["status"] for node in event["nodes"].values() if node["status"]]
    return [(report["height"], report["block_hash"]) for report in reports]


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are left after ten seconds."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return alive


def ask_status(folder: Path, start: Event, node: Event) -> Any:
    """A node's status as ``hn_client.py`` prints it in the launcher's folder."""
    command = [sys.executable, str(Path(ROOT) / "hn_client.py"), "--network", start["network"]]
    command += ["-I", node["ip"], "-p", str(node["port"]), "--action", "status", "--json"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)
    return json.loads(run.stdout)


def test_nodes_forge_one_chain_and_leave_nothing_after_ctrl_c(tmp_path: Path) -> None:
    with launch(tmp_path, "--nodes", "5", "--slot", "1") as process:
        events = read_events(process)
        start, processes = wait_for_start(events)
        assert len({node["ip"] for node in start["nodes"]}) == 5
        for event in events:
            heights = list_heights(event) if event["event"] == "slot" else []
            if len(heights) == 5 and len(set(heights)) == 1 and heights[0][0] >= 2:
                break
        for node in start["nodes"]:
            status = ask_status(tmp_path, start, node)
            assert status["client"]["identity"] == "proved"
            told = status["peers"]["told"].values()
            assert {peer["identity"] for peer in told} == {"proved"}
            assert {peer["address"] for peer in told} < {node["address"] for node in start["nodes"]}
            assert status["peers"]["findings"] == []
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert wait_until_gone(processes) == []
    assert list(tmp_path.iterdir()) == []


def test_everything_ends_when_the_launcher_is_killed(tmp_path: Path) -> None:
    with launch(tmp_path, "--nodes", "3", "--slot", "1") as process:
        events = read_events(process)
        _, processes = wait_for_start(events)
        next(event for event in events if event["event"] == "slot" and len(list_heights(event)) == 3)
        process.kill()
        assert wait_until_gone(processes) == []


def test_killed_node_is_told_and_stopping_early_is_no_success(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    with launch(tmp_path, "--nodes", "3", "--slot", "1", "--rounds", "5", "--folder", str(folder)) as process:
        events = read_events(process)
        start, _ = wait_for_start(events)
        os.kill(start["pids"]["node2"], signal.SIGKILL)
        notes = (event["text"] for event in events if event["event"] == "note")
        assert "node2: ended by SIGKILL" in notes
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 1
    assert (folder / "network.json").exists()


def test_two_devnets_run_side_by_side(tmp_path: Path) -> None:
    arguments = ("--nodes", "3", "--slot", "1")
    with launch(tmp_path, *arguments) as first, launch(tmp_path, *arguments) as second:
        processes = [first, second]
        starts = [wait_for_start(read_events(process))[0] for process in processes]
        ips = [{node["ip"] for node in start["nodes"]} for start in starts]
        assert ips[0].isdisjoint(ips[1])
        assert starts[0]["folder"] != starts[1]["folder"]
        for process in processes:
            process.send_signal(signal.SIGINT)
        assert [process.wait(timeout=10) for process in processes] == [0, 0]


@pytest.mark.parametrize(
    "arguments",
    [["--nodes", "2"], ["--slot", "0"], ["--rounds", "x"], ["--port", "80"], ["--unknown"]],
)
def test_bad_arguments_are_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    with launch(tmp_path, *arguments) as process:
        assert process.wait(timeout=PATIENCE_S) == 2
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with launch(tmp_path, "--folder", str(tmp_path)) as process:
        assert process.wait(timeout=PATIENCE_S) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def read_terminal(controller: int, wanted: bytes, process: subprocess.Popen[bytes]) -> bytes:
    """What a terminal showed, until ``wanted`` is in it, or nothing more comes."""
    seen = b""
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        while not wanted or wanted not in seen:
            seen += os.read(controller, 65_536)
    except OSError:
        """A terminal that nobody writes to any more gives this."""
    finally:
        watchdog.cancel()
    return seen


def test_terminal_gets_the_live_table(tmp_path: Path) -> None:
    controller, terminal = os.openpty()
    command = [sys.executable, "-m", "hypernode", "devnet", "--nodes", "3", "--slot", "1"]
    environment = {**os.environ, "PYTHONPATH": ROOT, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=terminal, stdin=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        seen = read_terminal(controller, b"SYNCING", process)
        process.send_signal(signal.SIGINT)
        seen += read_terminal(controller, b"", process)
        assert process.wait(timeout=10) == 0
    os.close(controller)
    for part in (b"node1", b"SYNCING", b"mempool", b"forged", b"to ask a node:", b"stopped"):
        assert part in seen
