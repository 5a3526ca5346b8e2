"""The daemon as a process: alone on its folder and wallet, and on a disk that refuses."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hypernode.cli.exit_codes import Exit
from tests.functional.daemons import (
    IP,
    PATIENCE_S,
    ROOT,
    make_command,
    run,
    running,
    write_network,
)


def test_a_second_daemon_on_a_folder_or_wallet_is_refused_in_words(tmp_path: Path) -> None:
    network, home, other = write_network(tmp_path), tmp_path / "a", tmp_path / "b"
    wallet = str(home / "poswallet.json")
    with running(make_command(network, home)) as first:
        same = run(make_command(network, home))
        assert same.returncode == Exit.TEMPORARY
        assert f"data folder {home / 'data'} is in use by process {first.pid} " in same.stderr
        assert "stop it first, or use another one" in same.stderr
        shared = run(make_command(network, other, "--wallet", wallet))
        assert shared.returncode == Exit.TEMPORARY
        assert f"wallet {wallet} is in use by process {first.pid} " in shared.stderr
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=10)
    # The lock of a process that is gone is none.
    with running(make_command(network, home)):
        log = (home / "logs" / "pos_app.log").read_text(encoding="utf-8")
        assert f"the run before this one (process {first.pid}) did not end in order" in log


@pytest.mark.parametrize("kind", ["zeros", "link"])
def test_a_journal_that_cannot_be_used_ends_with_78_and_a_remedy(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "a"
    command = make_command(write_network(tmp_path), home)
    assert run([*command, "--action", "wallet"]).returncode == Exit.OK
    journal = home / "poswallet.signed.db"
    if kind == "zeros":
        journal.write_bytes(bytes(12_288))
    else:
        journal.symlink_to(home / "elsewhere.db")
    refused = run(command)
    assert refused.returncode == Exit.CONFIGURATION
    assert "Restore the journal from a backup; or move it away" in refused.stderr
    assert str(journal) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (home / "elsewhere.db").exists()


def ask_state(command: list[str]) -> dict[str, Any]:
    """What ``hn_client.py`` gets from the daemon of this command."""
    port = command[command.index("-p") + 1]
    client = [sys.executable, str(ROOT / "hn_client.py"), "--network", command[3], "-I", IP, "-p", port]
    answer = run([*client, "--action", "status", "--json"])
    state: dict[str, Any] = json.loads(answer.stdout)["state"]
    return state


def wait_for(command: list[str], holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first state of which ``holds`` is true; asking takes its time, so there is no need to wait."""
    end = time.monotonic() + PATIENCE_S / 2
    while not holds(state := ask_state(command)):
        assert time.monotonic() < end, state
    return state


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_disk_that_takes_nothing_is_said_and_outlived_by_the_process(tmp_path: Path) -> None:
    command = make_command(write_network(tmp_path, next_round_in_s=5), tmp_path / "a")
    with running(command) as process:
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        # No file may grow: with the next round there is something to store.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, hard))
        state = wait_for(command, lambda state: state["state"] == "HALTED")
        assert ".db: the disk fails, or is full" in state["reason"]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        wait_for(command, lambda state: state["state"] == "START")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == os.EX_OK
