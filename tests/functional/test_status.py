"""``hypernode status`` and ``duty`` beside a real daemon: running, hanging, killed; words and exit
statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypernode.app.system_clock import SystemEntropy
from hypernode.core.params.chain_params import FixedHypernode
from hypernode.core.params.network_file import network_from_json, network_to_json
from hypernode.wallet.pos_wallet import create_wallet
from tests.functional.daemons import IP, ROOT, make_command, running, write_network


def ask(home: Path, command: str, *arguments: str) -> tuple[int, str]:
    """Exit status, and what it printed."""
    program = [sys.executable, "-m", "hypernode", command, "--home", str(home), *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run(
        program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def ask_until(home: Path, code: str, wait_s: float = 20.0) -> dict[str, Any]:
    """The status once it has a finding with this code."""
    until = time.monotonic() + wait_s
    while True:
        _, out = ask(home, "status", "--json")
        answer: dict[str, Any] = json.loads(out)
        if any(finding["code"] == code for finding in answer.get("findings", ())):
            return answer
        assert time.monotonic() < until, out
        time.sleep(0.5)


def test_a_node_is_shown_running_hanging_and_killed(tmp_path: Path) -> None:
    path, home = write_network(tmp_path), tmp_path / "a"
    home.mkdir()
    command = make_command(path, home)
    params = network_from_json(path.read_text(encoding="utf-8"), "net.json")
    token = SystemEntropy().token
    wallet = create_wallet(home / "poswallet.json", params.address_byte, token=token, created=1)
    ours = FixedHypernode(wallet.address, IP, int(command[command.index("-p") + 1]))
    path.write_text(
        network_to_json(replace(params, hypernodes=(ours, *params.hypernodes[1:]))), encoding="utf-8"
    )
    with running(command) as process:
        answer = ask_until(home, "starting")
        assert answer["duty"]["word"] == "waiting"
        assert not answer["duty"]["ready"]
        status, out = ask(home, "status", "--ascii")
        assert status == 1
        assert out.isascii()
        head, duty, *_, last = out.splitlines()
        assert head.startswith(f"hypernode  {answer['instance']['version']}  {wallet.address[:8]}~")
        assert duty.startswith("DUTY       WAITING  ")
        assert last == "Problems   none"
        assert ask(home, "duty")[0] == 0
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        status, out = ask(home, "status")
        assert status == 3
        assert time.monotonic() - begun < 10  # five where nothing else runs
        assert out.splitlines()[0].startswith("DUTY       FAILING  the node runs and does not answer")
        process.kill()
        process.wait()
    status, out = ask(home, "status")
    assert status == 3
    assert out.splitlines()[0] == "DUTY       FAILING  no node runs"
    assert "Start it: .venv/bin/python hn_instance.py" in out


def test_what_cannot_be_asked_for_is_said(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "hypernode", "status", "--home", str(tmp_path / "none")]
    for arguments, expected in (([], 78), (["--watch", "0.1"], 64), (["--nosuch"], 64)):
        ended = subprocess.run([*program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == expected
        assert ended.stderr
        assert not ended.stdout
