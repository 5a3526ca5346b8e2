"""Files of ours: opened and made so that nothing else is touched."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hypernode.files.own_files import (
    LastingFault,
    UnsafeFile,
    check_own,
    explain,
    is_lasting,
    keep_from_others,
    make_folder,
    make_new,
    naming,
    open_own,
    place_new,
    prepare_database,
    read_bounded,
    read_own,
    replacing,
    sync_folder,
)

PRECIOUS = b"precious"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put(kind: str, path: Path) -> Path:
    """Something of ``kind`` in the place ``path``; the file that must not change."""
    victim = path.with_name("victim")
    victim.write_bytes(PRECIOUS)
    match kind:
        case "link":
            path.symlink_to(victim)
        case "dangling link":
            path.symlink_to(path.with_name("nowhere"))
        case "loop":
            path.symlink_to(path)
        case "hard link":
            path.hardlink_to(victim)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    return victim


KINDS = pytest.mark.parametrize("kind", ["link", "dangling link", "loop", "hard link", "folder", "pipe"])


@KINDS
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_APPEND])
def test_what_is_no_file_of_ours_is_not_opened(tmp_path: Path, kind: str, flags: int) -> None:
    path = tmp_path / "lock"
    victim = put(kind, path)
    with pytest.raises(UnsafeFile, match=f"{path} is ") as caught:
        open_own(path, flags)
    assert is_lasting(caught.value)
    assert victim.read_bytes() == PRECIOUS
    assert not (tmp_path / "nowhere").exists()


@KINDS
def test_what_is_no_file_of_ours_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mempool.bin"
    victim = put(kind, path)
    with pytest.raises(UnsafeFile), replacing(path) as file:
        file.write(b"new")
    assert victim.read_bytes() == PRECIOUS


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "file"])
def test_a_link_in_place_of_a_temporary_file_goes_and_its_target_stays(tmp_path: Path, kind: str) -> None:
    path, beside = tmp_path / "mempool.bin", tmp_path / ".mempool.bin.new"
    victim = put(kind, beside)
    if kind == "file":
        beside.write_bytes(b"left by a process that was killed")
    with replacing(path) as file:
        file.write(b"new")
    assert (path.read_bytes(), victim.read_bytes()) == (b"new", PRECIOUS)
    assert not beside.exists()
    assert mode_of(path) == 0o600


def test_a_link_on_the_way_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    with replacing(tmp_path / "data" / "x") as file:
        file.write(b"new")
    assert (tmp_path / "disk" / "x").read_bytes() == b"new"


def test_a_file_is_read_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert read_own(path, 3) is None
    path.write_bytes(b"abc")
    assert read_own(path, 3) == b"abc"
    with pytest.raises(ValueError, match="more than 2 bytes"):
        read_own(path, 2)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_is_placed_over_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    temporary, path = tmp_path / "t", tmp_path / "w"
    with make_new(temporary) as file:
        file.write(b"one")
    place_new(temporary, path)
    assert [one.name for one in tmp_path.iterdir()] == ["w"]
    assert (path.read_bytes(), path.stat().st_nlink, mode_of(path)) == (b"one", 1, 0o600)
    with make_new(temporary) as file:
        file.write(b"two")
    with pytest.raises(FileExistsError):
        place_new(temporary, path)
    assert path.read_bytes() == b"one"


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(tmp_path)
    with replacing(tmp_path / "x") as file:
        file.write(b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)


def test_the_rights_of_others_go_and_those_of_the_group_stay(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_folder(folder)
    assert mode_of(folder) == 0o700
    folder.chmod(0o755)
    make_folder(folder)
    assert mode_of(folder) == 0o750
    (folder / "f").write_bytes(b"")
    (folder / "f").chmod(0o646)
    keep_from_others(folder / "f")
    assert mode_of(folder / "f") == 0o640
    with pytest.raises(NotADirectoryError):
        make_folder(folder / "f")


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
def test_a_link_in_the_place_of_a_database_or_beside_it_is_refused(tmp_path: Path, suffix: str) -> None:
    victim = put("link", tmp_path / f"x.db{suffix}")
    with pytest.raises(UnsafeFile, match="is a link"):
        prepare_database(tmp_path / "x.db")
    assert victim.read_bytes() == PRECIOUS


def test_a_database_is_for_us_alone(tmp_path: Path) -> None:
    prepare_database(tmp_path / "new.db")
    assert mode_of(tmp_path / "new.db") == 0o600
    (tmp_path / "old.db").write_bytes(b"")
    (tmp_path / "old.db").chmod(0o644)
    prepare_database(tmp_path / "old.db")
    assert mode_of(tmp_path / "old.db") == 0o640


@pytest.mark.parametrize(
    ("code", "words", "lasts"),
    [
        (errno.ENOSPC, "make room", False),
        (errno.EROFS, "mount the disk writable", False),
        (errno.ENOENT, "mount the disk, or make the folder", False),
        (errno.EACCES, "run as the user that owns the run folder", True),
        (errno.ENAMETOOLONG, "give a shorter path", True),
        (errno.ENOTCONN, "", False),
    ],
)
def test_what_an_error_means(tmp_path: Path, code: int, words: str, lasts: bool) -> None:
    with pytest.raises(OSError, match=os.strerror(code)) as caught, naming(tmp_path / "x"):
        raise OSError(code, os.strerror(code))
    assert str(tmp_path / "x") in explain(caught.value)
    assert words in explain(caught.value)
    assert is_lasting(caught.value) is lasts


def test_words_of_our_own_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(LastingFault) as caught, naming(tmp_path / "x"):
        raise LastingFault("this and that")
    assert explain(caught.value) == "this and that"
    check_own(tmp_path / "nothing")


def test_the_process_that_holds_the_key_is_not_dumped() -> None:
    code = (
        "import ctypes, os, resource\n"
        "from hypernode.app.hardening import forbid_dumps, keep_files_private\n"
        "forbid_dumps(); keep_files_private()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), os.umask(0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["(0,", "0)", "0", str(0o027)]


def test_what_the_operator_names_is_read_unless_it_would_keep_us_waiting(tmp_path: Path) -> None:
    path = tmp_path / "config.txt"
    path.write_bytes(b"PORT=1")
    assert read_bounded(path, 6) == b"PORT=1"
    with pytest.raises(ValueError, match="more than 5 bytes"):
        read_bounded(path, 5)
    assert read_bounded(Path(os.devnull), 5) == b""
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: reading would never end
    for waiting in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ValueError, match="no file, but a pipe or a device"):
            read_bounded(waiting, 5)
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 5)
