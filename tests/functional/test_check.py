"""``hn_check.py`` beside a real daemon, and without it: what it tells, how it ends, what it leaves alone."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypernode.app.system_clock import SystemEntropy
from hypernode.cli.exit_codes import Exit, Health
from hypernode.core.params.chain_params import FixedHypernode
from hypernode.core.params.network_file import network_from_json, network_to_json
from hypernode.wallet.pos_wallet import create_wallet
from tests.functional.daemons import IP, ROOT, make_command, running, write_network


def check(network: Path | None, home: Path, *arguments: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit status, and the findings by row."""
    said = () if network is None else ("--network", str(network))
    command = [sys.executable, str(ROOT / "hn_check.py"), *said, "--home", str(home), "--json"]
    ended = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.stderr == ""
    assert ended.stdout.count("\n") == 1
    answer: dict[str, Any] = json.loads(ended.stdout)
    rows: dict[str, list[dict[str, str]]] = {}
    for finding in answer["node"]["findings"]:
        rows.setdefault(finding["row"], []).append(finding)
    return ended.returncode, rows


def ask(home: Path, *arguments: str) -> tuple[int, str]:
    """Exit status of a client that is told the run folder alone, and what it printed."""
    command = [sys.executable, str(ROOT / "hn_client.py"), "--home", str(home), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    return ended.returncode, ended.stdout


def list_files(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_size) for path in folder.rglob("*"))


def test_a_node_is_found_asked_and_missed(tmp_path: Path) -> None:
    path, home = write_network(tmp_path), tmp_path / "a"
    home.mkdir()
    command = make_command(path, home)
    port = command[command.index("-p") + 1]
    params = network_from_json(path.read_text(encoding="utf-8"), "net.json")
    wallet = create_wallet(
        home / "poswallet.json", params.address_byte, token=SystemEntropy().token, created=1
    )
    ours = FixedHypernode(wallet.address, IP, int(port))
    hypernodes = (ours, *params.hypernodes[1:])
    path.write_text(network_to_json(replace(params, hypernodes=hypernodes)), encoding="utf-8")
    with running(command) as process:
        # where it listens is told by the process, not by us
        status, rows = check(path, home)
        assert f"process {process.pid} has" in rows["lock"][0]["found"]
        open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert f"process {process.pid} may open {open_files} files" in rows["limits"][0]["found"]
        assert rows["port"][0]["found"] == f"{IP}:{port} answers as {wallet.address}"
        assert rows["reachable"][0]["severity"] == "ok"
        assert rows["registration"][0]["found"].startswith(f"registered: {IP}:{port}")
        [state, *_] = rows["node"]
        assert (state["severity"], state["found"][:5]) == ("warning", "START")
        assert status == Health.WARNING
        # and so are its network and its port, by what it left in its folder
        _, untold = check(None, home)
        assert {
            row: found[0]["found"] for row, found in untold.items() if row in ("port", "registration")
        } == {row: found[0]["found"] for row, found in rows.items() if row in ("port", "registration")}
        assert [found["severity"] for found in untold["ledger"]] == ["ok"]
        status, out = ask(home, "--action", "hello")
        assert (status, json.loads(out)["address"]) == (Exit.OK, wallet.address)
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        assert ask(home, "--action", "status") == (Exit.NO_CONNECTION, "'Timeout'\n")
        assert time.monotonic() - begun < 8
        process.kill()
        process.wait()
        assert (home / "data" / "run.json").exists()
        before = list_files(home)
        status, rows = check(path, home, "-I", IP, "-p", port)
        assert list_files(home) == before
    assert status == Health.WARNING
    assert "nobody has" in rows["lock"][0]["found"]
    assert rows["port"][0]["found"] == f"{IP}:{port} is free to start on"
    assert rows["node"][0]["found"] == "no node runs on this folder"
    assert "so that nobody answers" in rows["reachable"][0]["found"]
