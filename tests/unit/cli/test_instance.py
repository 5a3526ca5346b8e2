"""The daemon's command line: what it configures, and the exit codes that supervisors go by."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from hypernode.app import daemon
from hypernode.cli.exit_codes import Exit
from hypernode.cli.instance import main
from hypernode.config.settings import Settings
from hypernode.core.params.network_file import network_to_json
from hypernode.core.params.networks import testnet as make_testnet
from hypernode.files.own_files import UnsafeFile
from hypernode.node.sync.sync_progress import OnProgress, SyncProgress
from hypernode.ports.storage_faults import StorageFault
from hypernode.storage.interface import StorageError
from hypernode.wallet.locks import LockHeld
from hypernode.wallet.pos_wallet import WalletError


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.txt").write_text("", encoding="utf-8")
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, bool]]:
    """What the daemon was started with, in place of starting it."""
    calls: list[tuple[Settings, bool]] = []

    def run(settings: Settings, remarks: object, *, verbose: bool, **rest: object) -> int:
        calls.append((settings, verbose))
        return 0

    monkeypatch.setattr(daemon, "run", run)
    return calls


def test_the_node_is_run_with_the_settings_of_the_command_line(
    started: list[tuple[Settings, bool]], run_folder: Path
) -> None:
    (run_folder / "net.json").write_text(network_to_json(make_testnet()), encoding="utf-8")
    (run_folder / "run").mkdir()
    argv = [
        "-I",
        "127.0.0.5",
        "-p",
        "7000",
        "-v",
        "--network",
        "net.json",
        "--wallet",
        "w.json",
        "--pow-ledger",
        "l.db",
        "--home",
        "run",
    ]
    assert main(argv) == Exit.OK
    ((settings, verbose),) = started
    assert verbose
    assert (settings.listen_ip, settings.port) == ("127.0.0.5", 7000)
    assert settings.params == make_testnet()
    assert settings.wallet_path == run_folder.resolve() / "w.json"
    assert settings.pow_ledger_path == run_folder.resolve() / "l.db"
    assert settings.home == run_folder.resolve() / "run"


def test_an_interface_stands_for_its_address(started: list[tuple[Settings, bool]]) -> None:
    assert main(["-N", "lo"]) == Exit.OK
    assert started[0][0].listen_ip == "127.0.0.1"


def test_all_listens_everywhere(started: list[tuple[Settings, bool]]) -> None:
    assert main(["--ip", "ALL"]) == Exit.OK
    assert started[0][0].listen_ip == "0.0.0.0"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-N", "nosuch0"], "expected a network interface"),
        (["-I", "nowhere"], "expected an IPv4 address"),
        (["--network", "devnet"], "a devnet has no times"),
        (["--config", "absent.txt"], "absent.txt: cannot be read"),
    ],
)
def test_a_configuration_that_cannot_be_used_ends_with_78(
    started: list[tuple[Settings, bool]], argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == Exit.CONFIGURATION
    assert words in capsys.readouterr().err
    assert started == []


def test_a_typo_ends_with_78_and_names_file_line_and_nearest_name(
    started: list[tuple[Settings, bool]], run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_folder / "config.txt").write_text("# mine\nSTATUS_EVRY=5\n", encoding="utf-8")
    assert main([]) == 78
    error = capsys.readouterr().err
    assert "config.txt:2: STATUS_EVRY: " in error
    assert "STATUS_EVERY" in error
    assert started == []


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (LockHeld(Path("data/lock"), "the data folder", 77), Exit.TEMPORARY, "in use by process 77"),
        (OSError(28, "No space left on device", "data/x"), Exit.TEMPORARY, "data/x: the disk is full"),
        (OSError(30, "Read-only file system", "data"), Exit.TEMPORARY, "data: it can only be read: mount"),
        (PermissionError(13, "Permission denied", "data"), Exit.CONFIGURATION, "data: it may not be used"),
        (OSError(36, "File name too long", "a" * 300), Exit.CONFIGURATION, "give a shorter path"),
        (UnsafeFile("data/lock is a link"), Exit.CONFIGURATION, "data/lock is a link"),
        (StorageError("the journal is damaged. Restore it"), Exit.CONFIGURATION, "Restore it"),
        (StorageFault("the disk is full: make room"), Exit.TEMPORARY, "make room"),
        (WalletError("w.json", "pubkey differs", "Restore it"), Exit.CONFIGURATION, "w.json: pubkey differs"),
    ],
)
def test_a_fault_of_the_daemon_has_the_exit_code_that_fits(
    error: Exception,
    status: Exit,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(settings: Settings, remarks: object, *, verbose: bool, **rest: object) -> int:
        raise error

    monkeypatch.setattr(daemon, "run", run)
    assert main([]) == status
    assert words in capsys.readouterr().err


def test_why_it_ends_is_said_below_a_bar_that_was_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def run(settings: Settings, remarks: object, *, show_sync: OnProgress, **rest: object) -> int:
        show_sync(SyncProgress(100, 300, 200, messages=5, seconds=2.0))
        raise OSError("the sky fell")

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(daemon, "run", run)
    assert main([]) == Exit.TEMPORARY
    shown = terminal.getvalue()
    assert "catching up" in shown
    assert shown.endswith("hn_instance: the sky fell\n")


@pytest.mark.parametrize("argv", [["--port", "many"], ["--action", "dance"], ["extra"]])
def test_a_command_line_that_is_none_ends_with_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == Exit.USAGE


def test_check_config_says_what_is_configured(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run_folder / "config.txt").write_text("PORT=7001\nIGNORE_POLYSIGN=1\nHOST=1", encoding="utf-8")
    assert main(["--action", "check-config"]) == Exit.OK
    out = capsys.readouterr().out
    assert "0.0.0.0 port 7001" in out
    assert "IGNORE_POLYSIGN has no purpose any more" in out
    assert "HOST is unknown and not used" in out
    assert [path.name for path in run_folder.iterdir()] == ["config.txt"]


def test_check_config_looks_whether_the_companions_ledger_can_be_read(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = run_folder / "pow.db"

    def check() -> str:
        assert main(["--action", "check-config", "--pow-ledger", str(ledger)]) == Exit.OK
        return capsys.readouterr().out

    assert f"there is no companion's ledger {ledger}" in check()
    ledger.write_bytes(b"no database at all")
    assert f"{ledger} is no SQLite database" in check()
    ledger.unlink()
    ledger.mkdir()
    assert f"{ledger} is no file, but a folder" in check()
    ledger.rmdir()
    os.mkfifo(ledger)  # and nobody waits for who writes to it
    assert f"{ledger} is no file, but a folder, a pipe" in check()
    ledger.unlink()
    with sqlite3.connect(ledger) as database:
        database.execute("CREATE TABLE transactions (block_height INTEGER)")
    database.close()
    assert "warning" not in check()


def test_check_config_looks_whether_out_ip_can_be_one(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = run_folder / "config.txt"
    for ip, words in (("192.168.1.7", "private"), ("127.0.0.1", "loopback")):
        config.write_text(f"POW_SOURCE=node\n\nOUT_IP={ip}\n", encoding="utf-8")
        assert main(["--action", "check-config"]) == Exit.OK
        out = capsys.readouterr().out
        assert f"config.txt:3: OUT_IP {ip} is a {words} address" in out
    config.write_text("POW_SOURCE=node\nOUT_IP=198.41.0.4\n", encoding="utf-8")
    assert main(["--action", "check-config"]) == Exit.OK
    assert "warning" not in capsys.readouterr().out
    for ip in ("224.0.0.1", "2001:db8::1", "0.0.0.0"):
        config.write_text(f"OUT_IP={ip}\n", encoding="utf-8")
        assert main(["--action", "check-config"]) == Exit.CONFIGURATION
        assert f"config.txt:1: OUT_IP: {ip} is an" in capsys.readouterr().err.replace("is a m", "is an m")


def test_check_config_says_that_no_wallet_would_be_made(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--action", "check-config"]) == Exit.OK
    assert "(will be made)" in capsys.readouterr().out
    assert main(["--action", "check-config", "--wallet", "typo.json"]) == Exit.CONFIGURATION
    assert "typo.json: is not there" in capsys.readouterr().err
    (run_folder / "poswallet.signed.db").write_bytes(b"")
    for action in ("check-config", "wallet"):
        assert main(["--action", action]) == Exit.CONFIGURATION
        assert "but the journal" in capsys.readouterr().err
    assert not (run_folder / "poswallet.json").exists()


def test_a_foreign_folder_and_a_missing_one_start_nothing(
    started: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for argv in ([], ["--home", "typo"], ["--home", "~nosuchuser"], ["--action", "check-config"]):
        assert main(argv) == Exit.CONFIGURATION
        assert capsys.readouterr().err.startswith("hn_instance: ")
    assert main(["--home", "new", "--action", "wallet"]) == Exit.OK
    assert main(["--home", "new"]) == Exit.OK
    assert main(["--home", "a/b", "--action", "wallet"]) == Exit.TEMPORARY
    assert "mount the disk, or make the folder" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert len(started) == 1


def test_the_wallet_action_makes_one_and_then_shows_it(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--action", "wallet"]) == Exit.OK
    made = capsys.readouterr().out
    content = json.loads((run_folder / "poswallet.json").read_text(encoding="utf-8"))
    assert content["address"] in made
    assert content["privkey"] not in made
    assert main(["--action", "wallet"]) == Exit.OK
    assert capsys.readouterr().out.split()[0] == content["address"]


def test_an_encrypted_wallet_is_made_and_opened_by_a_passphrase_file(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_folder / "config.txt").write_text("PASSPHRASE_FILE=secret", encoding="utf-8")
    (run_folder / "secret").write_text("open sesame\n", encoding="utf-8")
    assert main(["--action", "wallet", "--encrypt"]) == Exit.OK
    assert json.loads((run_folder / "poswallet.json").read_text(encoding="utf-8"))["encrypted"] is True
    assert main(["--action", "wallet"]) == Exit.OK
    (run_folder / "secret").write_text("wrong\n", encoding="utf-8")
    assert main(["--action", "wallet"]) == Exit.CONFIGURATION
    assert "wrong passphrase" in capsys.readouterr().err


def test_a_wallet_that_others_may_read_is_warned_about(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--action", "wallet"])
    (run_folder / "poswallet.json").chmod(0o644)
    assert main(["--action", "wallet"]) == Exit.OK
    assert "chmod 600" in capsys.readouterr().err
