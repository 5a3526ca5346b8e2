"""Archives of strangers are read without trust; ours are whole or not there."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from hypernode.storage.archive import archives
from hypernode.storage.archive.archives import compute_sha256, extract, is_archive, write_archive
from hypernode.storage.interface import StorageError

NAMES = ("chain.db", "manifest.json")


def make_member(name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.size = len(content) if kind == tarfile.REGTYPE else 0
    return member


def pack(path: Path, *members: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # a mode that is computed
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


@pytest.mark.parametrize("mode", ["w:gz", "w"])
@pytest.mark.parametrize("inside", ["chain.db", "./chain.db", "folder/chain.db"])
def test_files_asked_for_are_taken_out_whatever_their_folder(tmp_path: Path, inside: str, mode: str) -> None:
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    path = pack(tmp_path / "a.tar", folder, make_member(inside, b"xxx"), make_member("other"), mode=mode)
    assert is_archive(path)
    (tmp_path / "out").mkdir()
    assert extract(path, NAMES, tmp_path / "out") == {"chain.db": tmp_path / "out" / "chain.db"}
    assert (tmp_path / "out" / "chain.db").read_bytes() == b"xxx"
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["chain.db"]


HARMFUL: dict[str, Callable[[], tarfile.TarInfo]] = {
    "absolute": lambda: make_member("/etc/chain.db"),
    "up": lambda: make_member("../chain.db"),
    "up within": lambda: make_member("a/../../chain.db"),
    "backslash": lambda: make_member("..\\chain.db"),
    "symbolic link": lambda: make_member("chain.db", kind=tarfile.SYMTYPE),
    "hard link": lambda: make_member("chain.db", kind=tarfile.LNKTYPE),
    "device": lambda: make_member("chain.db", kind=tarfile.CHRTYPE),
    "block device": lambda: make_member("chain.db", kind=tarfile.BLKTYPE),
    "pipe": lambda: make_member("chain.db", kind=tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", HARMFUL)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "last"])
def test_archive_with_a_harmful_member_is_refused_whole(name: str, is_first: bool, tmp_path: Path) -> None:
    good = make_member("manifest.json")
    members = (HARMFUL[name](), good) if is_first else (good, HARMFUL[name]())
    path = pack(tmp_path / "a.tar.gz", *members)
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="not safe"):
        extract(path, NAMES, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_sizes_and_numbers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "a.tar.gz", make_member("chain.db", b"x" * 600), make_member("b", b"x" * 600))
    with pytest.raises(StorageError, match="1000 bytes are in it"):
        extract(path, NAMES, tmp_path, max_bytes=1_000)
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(StorageError, match="more than 1 files"):
        extract(path, NAMES, tmp_path)
    assert not (tmp_path / "chain.db").exists()


def test_more_than_the_disk_has_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = tarfile.TarInfo("chain.db")
    member.size = 30 * 1024**3
    path = tmp_path / "a.tar"
    path.write_bytes(member.tobuf() + b"x" * 1_024)
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(StorageError, match="make room"):
        extract(path, NAMES, tmp_path)
    assert not (tmp_path / "chain.db").exists()


def test_header_that_asks_for_gigabytes_of_memory_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 7 * 1024**3
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf() + b"\0" * 4_096))
    with pytest.raises(StorageError, match="damaged"):
        extract(path, NAMES, tmp_path)


def test_damaged_archives_are_told(tmp_path: Path) -> None:
    whole = pack(tmp_path / "a.tar.gz", make_member("chain.db", b"x" * 100_000)).read_bytes()
    for number, content in enumerate(
        (whole[:60], whole[:-30], whole[:40] + b"zzzz" + whole[44:], b"\x1f\x8bno")
    ):
        path = tmp_path / f"{number}.tar.gz"
        path.write_bytes(content)
        with pytest.raises(StorageError, match="damaged"):
            extract(path, NAMES, tmp_path)
        assert not (tmp_path / "chain.db").exists()


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar.gz", make_member("chain.db"), make_member("b/chain.db"))
    with pytest.raises(StorageError, match="two files"):
        extract(path, NAMES, tmp_path)


def test_an_archive_is_read_again_and_equal_for_equal_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content" * 1_000)
    for name in ("one.tar.gz", "two.tar.gz"):
        write_archive(tmp_path / name, {"chain.db": source}, 1_700_000_000)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    (tmp_path / "out").mkdir()
    found = extract(tmp_path / "one.tar.gz", NAMES, tmp_path / "out")
    assert compute_sha256(found["chain.db"]) == compute_sha256(source)
    assert not is_archive(source)


def test_archive_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_archive(tmp_path / "a.tar.gz", {"chain.db": tmp_path / "none"}, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_no_more_bytes_than_its_kind_may(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar.gz", make_member("manifest.json", b"x" * 101))
    with pytest.raises(StorageError, match=r"manifest\.json has more than 100 bytes"):
        extract(path, NAMES, tmp_path, limits={"manifest.json": 100})
    assert not (tmp_path / "manifest.json").exists()
    assert extract(path, NAMES, tmp_path, limits={"manifest.json": 101})


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_little_that_becomes_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_asked_for: bool
) -> None:
    monkeypatch.setattr(archives, "_FREE_BYTES", 1_000_000)
    path = tmp_path / "a.tar.gz"
    member = tarfile.TarInfo("chain.db" if is_asked_for else "other")
    member.size = 20 * 1024**3
    with gzip.open(path, "wb") as packed:
        packed.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(4):
            packed.write(bytes(1_000_000))
    with pytest.raises(StorageError, match="come out of each"):
        extract(path, NAMES, tmp_path)
    assert not (tmp_path / "chain.db").exists()


def pack_headers(path: Path, *comments: str) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number, comment in enumerate(comments):
            member = make_member(f"f{number}")
            member.pax_headers = {"comment": comment}
            archive.addfile(member, io.BytesIO(b"x"))
    return path


def test_headers_are_not_kept(tmp_path: Path) -> None:
    path = pack_headers(tmp_path / "a.tar.gz", *(f"{number:c>1400}" for number in range(150)))
    tracemalloc.start()
    assert extract(path, NAMES, tmp_path) == {}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 1_400


@pytest.mark.parametrize("comments", [("1" * 3_000,), ("c" * 1_400,) * 300])
def test_headers_are_short_and_not_many(tmp_path: Path, comments: tuple[str, ...]) -> None:
    with pytest.raises(StorageError, match="asks for too much"):
        extract(pack_headers(tmp_path / "a.tar.gz", *comments), NAMES, tmp_path)


def test_headers_of_headers_end(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 512
    block = header.tobuf(tarfile.USTAR_FORMAT) + b"8 a=bcd\n".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(block * 480)
    with pytest.raises(StorageError):
        extract(tmp_path / "a.tar", NAMES, tmp_path)
