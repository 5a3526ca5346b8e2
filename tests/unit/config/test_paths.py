"""Paths that cannot be are faults of the configuration, with the place where they were given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hypernode.config.parameter_table import ConfigError
from hypernode.config.paths import get_start_folder, resolve_path
from hypernode.config.settings import Flags, load_settings
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry

IMPOSSIBLE = ("~nosuchuser/x", "loop/x", "a" * 300, "b/" * 2_100, "file/x", "nul\0x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_what_cannot_be_a_path_is_refused_and_shown_short(folder: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a path") as caught:
        resolve_path(text, folder, "config.txt", 7, "WALLET")
    assert str(caught.value).startswith("config.txt:7: WALLET: ")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


COMPANIONS = ("NODE_PY_PATH", "POW_LEDGER_DB")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *((key, text) for key in ("WALLET", "PASSPHRASE_FILE", "NETWORK") for text in IMPOSSIBLE),
        *((key, text) for key in COMPANIONS for text in ("~nosuchuser/x", "nul\0x")),
    ],
)
def test_so_is_every_path_of_the_file(folder: Path, key: str, text: str) -> None:
    (folder / "config.txt").write_text(f"# mine\n{key}={text}\n", encoding="utf-8")
    place = r": cannot be read: it has NUL" if "\0" in text else rf":2: ({key}: )?"
    with pytest.raises(ConfigError, match=rf"config\.txt{place}"):
        load_settings(Flags(), folder)


@pytest.mark.parametrize("text", ["loop/x", "a" * 300, "b/" * 2_100, "file/x"])
@pytest.mark.parametrize("key", COMPANIONS)
def test_what_is_wrong_with_a_path_of_the_companion_is_waited_out(folder: Path, key: str, text: str) -> None:
    (folder / "config.txt").write_text(f"{key}={text}\n", encoding="utf-8")
    settings = load_settings(Flags(), folder)[0]
    assert LedgerRegistry(LedgerFile(settings.pow_ledger_path), settings.params).get_status(0).problem


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_and_every_path_of_the_command_line(folder: Path, text: str) -> None:
    path = Path(text)
    for flags in (
        Flags(home=path),
        Flags(config=path),
        Flags(wallet=path),
        Flags(network=text),
    ):
        with pytest.raises(ConfigError):
            load_settings(flags, folder)


def test_a_path_of_other_bytes_is_one(folder: Path) -> None:
    path = resolve_path(os.fsdecode(b"bad\xff"), folder, "--home")
    assert os.fsencode(path).endswith(b"/bad\xff")


def test_what_is_not_there_yet_is_no_fault(folder: Path) -> None:
    assert resolve_path("new/w.json", folder, "--wallet") == folder.resolve() / "new" / "w.json"


def test_a_start_in_a_folder_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "cwd", fail)
    with pytest.raises(ConfigError, match="was started in is gone"):
        get_start_folder()
