"""Statuses of a node's ends, and where the log gets the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hypernode.app.signals import Stopped
from hypernode.cli.ends import find_home, judge_end, note_end
from hypernode.cli.exit_codes import Exit
from hypernode.cli.instance import main
from hypernode.config.parameter_table import ConfigError
from hypernode.core.errors import InvariantBroken
from hypernode.files.own_files import explain
from hypernode.node.peers.listening import CannotListen
from hypernode.ports.storage_faults import StorageFault
from hypernode.wallet.locks import LockHeld
from hypernode.wallet.pos_wallet import WalletError

LISTEN = "1.2.3.4 is not an address of this host"
FULL = explain(OSError(28, "full")).split(" (")[0]
REFUSED = explain(PermissionError(13, "no")).split(" (")[0]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            ImportError("No module named 'x'"),
            Exit.CONFIGURATION,
            "a package is missing (No module named 'x')",
        ),
        (MemoryError(), Exit.TEMPORARY, "out of memory"),
        (KeyboardInterrupt(), Exit.OK, "interrupted"),
        (Stopped("SIGTERM"), Exit.OK, "SIGTERM: stopped before it was up"),
        (CannotListen(LISTEN, is_temporary=False), Exit.CONFIGURATION, LISTEN),
        (CannotListen("taken", is_temporary=True), Exit.TEMPORARY, "taken"),
        (ConfigError("config.txt", 3, "PORT", "no number", "Set one"), Exit.CONFIGURATION, "config.txt:3"),
        (WalletError("w.json", "pubkey differs", "Restore it"), Exit.CONFIGURATION, "w.json"),
        (LockHeld(Path("data/lock"), "the data folder", 77), Exit.TEMPORARY, "the data folder is in use"),
        (StorageFault("the disk is full"), Exit.TEMPORARY, "the disk is full"),
        (OSError(28, "No space left on device"), Exit.TEMPORARY, FULL),
        (PermissionError(13, "Permission denied"), Exit.CONFIGURATION, REFUSED),
        (InvariantBroken("two tips"), Exit.OUR_FAULT, "a fault of ours: InvariantBroken: two tips"),
        (RecursionError(), Exit.OUR_FAULT, "a fault of ours: RecursionError"),
        (
            ExceptionGroup("", [OSError(28, "full"), ValueError("x")]),
            Exit.OUR_FAULT,
            "a fault of ours: ValueError",
        ),
        (ExceptionGroup("", [ExceptionGroup("", [OSError(28, "full")])]), Exit.TEMPORARY, FULL),
    ],
)
def test_each_end_has_its_status_and_words(error: BaseException, status: Exit, words: str) -> None:
    end = judge_end(error)
    assert end.status == status
    assert end.words.startswith(words)
    assert bool(end.trace) == (status == Exit.OUR_FAULT or isinstance(error, MemoryError))


def test_a_run_folder_gets_its_log_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "config.txt").write_text("PROT=1\n", encoding="utf-8")
    assert main(["--home", str(tmp_path)]) == Exit.CONFIGURATION
    log = (tmp_path / "logs" / "pos_app.log").read_text(encoding="utf-8")
    assert "hn_instance ends with status 78: " in log
    assert "config.txt:1: PROT" in log


def test_a_folder_that_is_none_of_ours_gets_nothing(tmp_path: Path) -> None:
    assert main(["--home", str(tmp_path), "--network", "nosuch"]) == Exit.CONFIGURATION
    assert main(["--home", str(tmp_path / "mistyped"), "--network", "nosuch"]) == Exit.CONFIGURATION
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_another_process_that_runs_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    holder = f"""
import sys
from pathlib import Path
from hypernode.wallet.locks import acquire_lock
lock = acquire_lock(Path({str(tmp_path / "data" / "lock")!r}), "it")
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        note_end(judge_end(OSError(28, "full")), tmp_path)
        assert not (tmp_path / "logs").exists()
        process.communicate(b"")
    note_end(judge_end(OSError(28, "full")), tmp_path)
    assert (tmp_path / "logs" / "pos_app.log").exists()


def test_a_log_that_cannot_be_written_changes_no_end(tmp_path: Path) -> None:
    (tmp_path / "logs" / "pos_app.log").mkdir(parents=True)
    note_end(judge_end(ValueError("x")), tmp_path)


def test_the_run_folder_is_found_as_the_settings_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find_home(None, None) == tmp_path
    assert find_home(Path("~/other"), 3) == tmp_path / "other" / "node3"
    assert find_home(Path("~nosuch/x"), None) is None
    note_end(judge_end(ValueError("x")), None)


def test_a_package_that_is_missing_is_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "config.txt").touch()
    code = """
import sys
sys.modules["hypernode.config.settings"] = None
from hypernode.cli.instance import main
sys.exit(main(sys.argv[1:]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "--home", str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == Exit.CONFIGURATION
    assert "a package is missing" in ended.stderr
    log = (tmp_path / "logs" / "pos_app.log").read_text(encoding="utf-8")
    assert "hn_instance ends with status 78: a package is missing" in log
