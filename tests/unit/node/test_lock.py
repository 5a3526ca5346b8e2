"""The lock: one holder at a time, named to whoever comes second, freed by the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hypernode.node.lock import LockHeld, acquire_lock

HOLDER = """
import sys
from pathlib import Path
from hypernode.node.lock import acquire_lock
lock = acquire_lock(Path(sys.argv[1]), "it")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_holder_is_written_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data" / "lock"
    with acquire_lock(path, "the data folder"):
        assert path.read_text() == f"{os.getpid()}\n"
    assert path.read_text() == ""


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    first = acquire_lock(tmp_path / "lock", "it")
    first.release()
    first.release()
    acquire_lock(tmp_path / "lock", "it").release()


def test_a_second_holder_is_told_which_process_holds_it_until_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockHeld, match=f"the wallet is in use by process {holder.pid}") as caught:
            acquire_lock(path, "the wallet")
        assert caught.value.pid == holder.pid
        holder.kill()
    acquire_lock(path, "the wallet").release()


def test_the_second_lock_of_one_process_is_refused_too(tmp_path: Path) -> None:
    with acquire_lock(tmp_path / "lock", "it"), pytest.raises(LockHeld):
        acquire_lock(tmp_path / "lock", "it")


def test_a_file_left_by_a_dead_holder_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("999999999\nand more text than a pid has", encoding="ascii")
    with acquire_lock(path, "it"):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_holder_that_wrote_no_pid_is_another_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with acquire_lock(path, "it"):
        path.write_text("", encoding="ascii")
        with pytest.raises(LockHeld, match="in use by another process"):
            acquire_lock(path, "it")
