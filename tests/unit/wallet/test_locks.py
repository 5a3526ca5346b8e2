"""The lock: one holder at a time, named to whoever comes second, freed by the kernel."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hypernode.files.own_files import UnsafeFile, explain, is_lasting
from hypernode.wallet.locks import LockHeld, acquire_lock, find_holder, find_unfinished

HOLDER = """
import sys
from pathlib import Path
from hypernode.wallet.locks import acquire_lock
lock = acquire_lock(Path(sys.argv[1]), "it")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_holder_is_written_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
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
    assert find_unfinished(path) == holder.pid
    acquire_lock(path, "the wallet").release()
    assert find_unfinished(path) is None
    assert find_unfinished(tmp_path / "nowhere") is None


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


def test_a_folder_is_locked_itself_and_a_removed_lock_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with acquire_lock(path, "it", guarded=tmp_path):
        path.unlink()
        with pytest.raises(LockHeld):
            acquire_lock(path, "it", guarded=tmp_path)
    acquire_lock(path, "it", guarded=tmp_path).release()


def test_a_wallet_of_two_names_is_locked_once(tmp_path: Path) -> None:
    wallet, other = tmp_path / "w.json", tmp_path / "other.json"
    wallet.write_text("{}")
    other.hardlink_to(wallet)
    with (
        acquire_lock(tmp_path / "w.json.lock", "it", guarded=wallet),
        pytest.raises(LockHeld),
    ):
        acquire_lock(tmp_path / "other.json.lock", "it", guarded=other)


def test_a_lock_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with acquire_lock(path, "it") as lock:
        assert not lock.renew()
        path.unlink()
        assert lock.renew()
        assert path.read_text() == f"{os.getpid()}\n"
        assert not lock.renew()
        path.unlink()
        with acquire_lock(path, "it"), pytest.raises(LockHeld):
            lock.renew()


def test_who_locks_a_file_that_goes_at_the_same_moment_locks_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "lock", fcntl.flock
    calls: list[int] = []

    def flock(descriptor: int, operation: int) -> None:
        if not calls:
            path.unlink()
        calls.append(descriptor)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with acquire_lock(path, "it"):
        assert len(calls) == 2
        with pytest.raises(LockHeld):
            acquire_lock(path, "it")


@pytest.mark.parametrize(
    ("code", "lasts", "words"),
    [
        (errno.EOPNOTSUPP, True, "put the run folder and the wallet on a local disk"),
        (errno.ENOSYS, True, "two nodes could sign with one key"),
        (errno.ENOLCK, False, "start the service of file locks"),
    ],
)
def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, lasts: bool, words: str
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="lock") as caught:
        acquire_lock(tmp_path / "lock", "it")
    assert is_lasting(caught.value) is lasts
    assert words in explain(caught.value)
    assert str(tmp_path / "lock") in explain(caught.value)


@pytest.mark.parametrize("text", ["0\n", "9" * 31, "-1", "99999999999\n", "\0" * 32])
def test_a_number_that_no_process_has_names_nobody(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    path.write_text(text)
    assert find_holder(path) is None


def test_a_link_in_the_place_of_a_lock_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(UnsafeFile, match="is a link"):
        acquire_lock(tmp_path / "lock", "it")
    assert victim.read_text() == "precious"
