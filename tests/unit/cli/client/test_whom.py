"""Whom a client asks where its command line leaves it open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hypernode.cli.client.identity import DEFAULT_WALLET
from hypernode.cli.client.whom import Whom, find_whom
from hypernode.config.parameter_table import ConfigError
from hypernode.config.run_file import describe_run, keep_run_file
from hypernode.config.settings import Flags, load_settings


def _find(folder: Path, **flags: object) -> tuple[str, int, str]:
    whom: Whom = find_whom(Flags(**flags), folder)  # type: ignore[arg-type]
    return whom.ip, whom.port, whom.params.name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A run folder whose node is configured, and does not run."""
    (tmp_path / DEFAULT_WALLET).touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "config.txt").write_text("PORT=7001\nNETWORK=testnet\nIP=127.0.0.5\nOUT_IP=203.0.113.7\n")
    return tmp_path


def test_the_configured_node_is_asked(home: Path) -> None:
    assert _find(home) == ("127.0.0.5", 7001, "testnet")
    assert find_whom(Flags(), home).wallet == home / DEFAULT_WALLET
    assert _find(home / "data", home=home) == ("127.0.0.5", 7001, "testnet")


def test_a_node_that_listens_everywhere_is_asked_over_loopback(home: Path) -> None:
    (home / "config.txt").write_text("IP=ALL\nPORT=7001\n")
    assert _find(home) == ("127.0.0.1", 7001, "mainnet")


def test_the_running_node_goes_before_its_file(home: Path) -> None:
    settings, _ = load_settings(Flags(home=home, port=7002, ip="127.0.0.6", network="mainnet"), home)
    with keep_run_file(home / "data", describe_run(settings, os.getpid(), "1", [])):
        assert _find(home) == ("127.0.0.6", 7002, "mainnet")
        (home / "config.txt").write_text("PORT=none\n")
        with pytest.raises(ConfigError):
            _find(home)


def test_the_command_line_goes_before_both(home: Path) -> None:
    assert _find(home, port=7009) == ("127.0.0.5", 7009, "testnet")
    assert _find(home, ip="127.0.0.1") == ("127.0.0.1", 7001, "testnet")
    assert _find(home, ip="localhost") == ("localhost", 7001, "testnet")
    assert _find(home, ip="203.0.113.7") == ("203.0.113.7", 7001, "testnet")
    # another network's node has that network's port
    assert _find(home, network="mainnet") == ("127.0.0.5", 6969, "mainnet")
    assert _find(home, network="testnet") == ("127.0.0.5", 7001, "testnet")


def test_another_host_has_the_port_of_the_network(home: Path) -> None:
    assert _find(home, ip="203.0.113.8") == ("203.0.113.8", 6969, "testnet")


def test_a_folder_that_is_no_run_folder_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.txt").write_text("port=5658\nledger_path=static/ledger.db\n")
    assert _find(tmp_path) == ("127.0.0.1", 6969, "mainnet")
    assert _find(tmp_path, network="devnet") == ("127.0.0.1", 6969, "devnet")
    assert _find(tmp_path, config=Path("config.txt"))[1] == 5658


def test_a_broken_file_is_not_read_where_nothing_is_left_open(home: Path) -> None:
    (home / "config.txt").write_text("PORT=none\n")
    assert _find(home, ip="10.0.0.1", port=1, network="mainnet") == ("10.0.0.1", 1, "mainnet")
    with pytest.raises(ConfigError):
        _find(home, ip="10.0.0.1", port=1)


def test_a_home_where_no_node_lives_asks_nobody_else(tmp_path: Path) -> None:
    for name, words in (("typo", "there is no such folder"), ("empty", "no hypernode lives here")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=words):
            _find(tmp_path, home=Path(name))
        with pytest.raises(ConfigError, match=words):
            _find(tmp_path, home=Path(name), ip="10.0.0.1", port=1, network="mainnet")
