"""What a running node tells the tools of itself."""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hypernode.config.run_file import (
    RUN_NAME,
    RunFacts,
    describe_run,
    follow_running,
    keep_run_file,
    read_run,
    read_start,
)
from hypernode.config.settings import Flags, load_settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def _describe(home: Path, **flags: object) -> RunFacts:
    settings, _ = load_settings(Flags(home=home, **flags), home)  # type: ignore[arg-type]
    return describe_run(settings, os.getpid(), "1.2.3", ["hn_instance.py", "-p", "7001"])


def test_it_is_there_while_the_node_runs_and_of_its_user_alone(home: Path) -> None:
    facts = _describe(home, port=7001, ip="127.0.0.5", network="testnet")
    path = home / "data" / RUN_NAME
    with keep_run_file(home / "data", facts) as problem:
        assert problem == ""
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert read_run(home / "data") == facts
        assert (facts.port, facts.ip, facts.network) == (7001, "127.0.0.5", "testnet")
        assert facts.argv == ("hn_instance.py", "-p", "7001")
    assert list((home / "data").iterdir()) == []


def test_it_goes_also_when_the_node_ends_by_a_fault(home: Path) -> None:
    with pytest.raises(RuntimeError), keep_run_file(home / "data", _describe(home)):
        raise RuntimeError
    assert read_run(home / "data") is None


@pytest.mark.parametrize("change", [{"start": "another boot"}, {"pid": 2**22 + 1}])
def test_what_a_killed_node_left_is_not_believed(home: Path, change: dict[str, object]) -> None:
    path = home / "data" / RUN_NAME
    path.write_text(json.dumps(asdict(replace(_describe(home), **change))))  # type: ignore[arg-type]
    assert read_run(home / "data") is None
    flags = Flags(home=home)
    assert follow_running(flags, home) is flags


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"pid": "1"}', "[" * 100_000, '{"pid": 1, "argv": 3}', "\0" * 9]
)
def test_a_damaged_one_says_nothing(home: Path, text: str) -> None:
    (home / "data" / RUN_NAME).write_text(text)
    assert read_run(home / "data") is None


def test_every_wrong_field_is_seen(home: Path) -> None:
    facts = asdict(_describe(home))
    wrong: dict[str, object] = {"pid": -1, "port": 0, "argv": [1]}
    for name in facts:
        (home / "data" / RUN_NAME).write_text(json.dumps({**facts, name: wrong.get(name, 7)}))
        assert read_run(home / "data") is None, name
        (home / "data" / RUN_NAME).write_text(json.dumps({k: v for k, v in facts.items() if k != name}))
        assert read_run(home / "data") is None, name


def test_a_folder_that_cannot_be_written_stops_no_node(home: Path) -> None:
    with keep_run_file(home / "none", _describe(home)) as problem:
        assert "cannot be written" in problem
        assert str(home / "none" / RUN_NAME) in problem


def test_a_start_is_that_of_one_process() -> None:
    own = read_start(os.getpid())
    assert own
    assert own == read_start(os.getpid())
    # whoever ran us may have started in the same hundredth of a second
    assert any(own != read_start(other) for other in (os.getppid(), 1))
    assert read_start(2**22 + 1) == ""


def test_tools_follow_the_node_where_the_command_line_says_nothing(home: Path) -> None:
    facts = _describe(home, port=7001, ip="127.0.0.5", network="testnet", wallet=home / "other.json")
    with keep_run_file(home / "data", facts):
        settings, _ = load_settings(follow_running(Flags(home=home), home), home)
        assert (settings.port, settings.listen_ip, settings.params.name) == (7001, "127.0.0.5", "testnet")
        assert settings.wallet_path == home / "other.json"
        said = follow_running(Flags(home=home, port=7002, network="mainnet"), home)
        settings, _ = load_settings(said, home)
        assert (settings.port, settings.listen_ip, settings.params.name) == (7002, "127.0.0.5", "mainnet")
        # of another run folder it says nothing
        assert follow_running(Flags(index=1), home) == Flags(index=1)
    assert load_settings(follow_running(Flags(home=home), home), home)[0].port == 6969


def test_a_network_file_is_found_from_every_folder(home: Path) -> None:
    other = home / "other"
    other.mkdir()
    (other / "config.txt").write_text("NETWORK=testnet\n")
    assert load_settings(Flags(home=other), home)[0].network_name == "testnet"
    from hypernode.core.params.network_file import network_to_json
    from hypernode.core.params.networks import testnet

    (home / "net.json").write_text(network_to_json(testnet()))
    assert load_settings(Flags(home=other, network="net.json"), home)[0].network_name == str(
        home / "net.json"
    )
    (other / "config.txt").write_text("NETWORK=../net.json\n")
    assert load_settings(Flags(home=other), home)[0].network_name == str(home / "net.json")


def test_what_a_killed_node_left_counts_until_its_configuration_changes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    config = home / "config.txt"
    config.write_text("")
    facts = RunFacts(
        pid=2**22 + 1,
        start="1",
        version="0",
        home=str(home),
        config=str(config),
        network="testnet",
        wallet=str(home / "w.json"),
        ledger="",
        pow_ledger="p.db",
        ip="127.0.0.9",
        port=7_000,
    )
    run = home / "data" / RUN_NAME
    run.write_text(json.dumps(asdict(facts)))
    os.utime(config, (1_000, 1_000))
    followed = follow_running(Flags(home=home), tmp_path)
    assert (followed.network, followed.port) == ("testnet", 7_000)
    assert follow_running(Flags(home=home, network="mainnet"), tmp_path).network == "mainnet"
    os.utime(run, (500, 500))
    assert follow_running(Flags(home=home), tmp_path).network is None
    os.utime(run, (2_000, 2_000))
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    assert follow_running(Flags(home=copy), tmp_path).network is None
