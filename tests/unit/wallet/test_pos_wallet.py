"""The wallet file: loaded as operators have it, verified, made safely, and never shown."""

from __future__ import annotations

import errno
import io
import itertools
import json
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from hypernode.core.signing import CURVE_ORDER, is_valid_signature
from hypernode.files.own_files import is_lasting
from hypernode.ports.signing import Signer
from hypernode.wallet.passphrase import VARIABLE, get_new_passphrase, get_passphrase
from hypernode.wallet.pos_wallet import (
    Wallet,
    WalletError,
    create_wallet,
    draw_privkey,
    find_exposure,
    load_wallet,
    make_wallet,
    read_wallet_address,
)

MAIN, TEST = 0x19, 0x55
# a case of vectors/addresses.json
PRIVKEY = bytes.fromhex("8dc1abea891481c69d5c0e416fb6a3df7ef6808a2a94ecbb360f61f3f82aac31")
ADDRESS_MAIN = "B87ZtFb3KJq3B4WZ2sgLyQcRG8x7cjuZW4"
ADDRESS_TEST = "bGPkxmUKv8dcF4skW3fU4vwd2QQiGdugcF"


def no_passphrase() -> str:
    raise AssertionError("nobody asked for a passphrase")


def count_tokens() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def write_wallet(path: Path, **changes: object) -> Path:
    wallet = make_wallet(PRIVKEY, MAIN)
    content: dict[str, object] = {
        "encrypted": False,
        "pubkey": b64encode(wallet.pubkey).decode(),
        "privkey": b64encode(PRIVKEY).decode(),
        "address": wallet.address,
        "label": "",
        "created": 1_534_716_000,
    }
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_a_wallet_of_an_existing_operator_loads_as_it_is(tmp_path: Path) -> None:
    wallet = load_wallet(write_wallet(tmp_path / "poswallet.json"), MAIN, no_passphrase)
    signer: Signer = wallet
    assert signer.address == ADDRESS_MAIN
    assert wallet.created == 1_534_716_000
    assert not wallet.is_encrypted
    assert is_valid_signature(signer.pubkey, signer.sign(b"text"), b"text")


def test_the_address_is_that_of_the_network(tmp_path: Path) -> None:
    path = write_wallet(tmp_path / "w.json", address=ADDRESS_TEST)
    assert load_wallet(path, TEST, no_passphrase).address == ADDRESS_TEST
    with pytest.raises(WalletError, match=r"address differs: the file says 'bGPk.*the key gives B87Z"):
        load_wallet(path, MAIN, no_passphrase)


def test_the_text_of_a_wallet_never_shows_the_key() -> None:
    wallet = make_wallet(PRIVKEY, MAIN)
    for shown in (repr(wallet), str(wallet), f"{wallet}"):
        assert PRIVKEY.hex() not in shown
        assert repr(PRIVKEY) not in shown
        assert "privkey" not in shown
    assert ADDRESS_MAIN in repr(wallet)


OTHER = make_wallet(b"\x01" * 32, MAIN)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pubkey": b64encode(OTHER.pubkey).decode()}, "pubkey differs"),
        ({"address": OTHER.address}, "address differs"),
        ({"privkey": b64encode(b"\x01" * 32).decode()}, "pubkey differs"),
        ({"privkey": b64encode(bytes(32)).decode()}, "privkey is no private key"),
        ({"privkey": b64encode(b"\x01" * 31).decode()}, "privkey has 31 bytes, not 32"),
        ({"privkey": "?"}, "privkey is no base64"),
        ({"privkey": 5}, "privkey is missing or no text"),
        ({"pubkey": b64encode(b"\x01" * 65).decode()}, "pubkey has 65 bytes, not 64"),
        ({"address": None}, "address is missing or no text"),
        ({"encrypted": True}, "the wallet says encrypted, but"),
    ],
)
def test_a_wallet_that_does_not_match_its_key_names_the_field(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    path = write_wallet(tmp_path / "w.json", **changes)
    with pytest.raises(WalletError, match=problem) as caught:
        load_wallet(path, MAIN, lambda: "secret")
    assert caught.value.remedy
    assert b64encode(PRIVKEY).decode() not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "1", '{"a":' * 100_000, "[" * 50_000])
def test_a_file_that_is_no_wallet_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "w.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(WalletError, match=r"w\.json: "):
        load_wallet(path, MAIN, no_passphrase)


def test_a_new_wallet_loads_again_and_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "poswallet.json"
    made = create_wallet(path, MAIN, token=count_tokens(), created=7, label="mine")
    assert load_wallet(path, MAIN, no_passphrase) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == ["encrypted", "pubkey", "privkey", "address", "label", "created"]
    assert len(b64decode(content["pubkey"])) == 64
    assert [p.name for p in tmp_path.iterdir()] == ["poswallet.json"]


def test_a_wallet_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = write_wallet(tmp_path / "poswallet.json")
    before = path.read_bytes()
    with pytest.raises(WalletError, match="is there already"):
        create_wallet(path, MAIN, token=count_tokens(), created=7)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["poswallet.json"]


def test_a_wallet_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="cannot be written"):
        create_wallet(tmp_path / "absent" / "w.json", MAIN, token=count_tokens(), created=7)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_refuses_now_may_take_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="poswallet") as caught:
        create_wallet(tmp_path / "poswallet.json", MAIN, token=count_tokens(), created=7)
    assert not is_lasting(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_hard_links_has_wallets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "poswallet.json"
    made = create_wallet(path, MAIN, token=count_tokens(), created=7)
    assert load_wallet(path, MAIN, no_passphrase) == made
    with pytest.raises(WalletError, match="is there already"):
        create_wallet(path, MAIN, token=count_tokens(), created=7)
    assert [p.name for p in tmp_path.iterdir()] == ["poswallet.json"]


def test_what_killed_starts_left_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "poswallet.json"
    (tmp_path / ".poswallet.json.1").write_text("{")
    made = create_wallet(path, MAIN, token=count_tokens(), created=7)
    # killed between the two names of a new wallet
    (tmp_path / ".poswallet.json.0102.new").hardlink_to(path)
    assert load_wallet(path, MAIN, no_passphrase) == made
    assert path.stat().st_nlink == 1


def test_a_wallet_with_a_second_name_is_refused(tmp_path: Path) -> None:
    path = write_wallet(tmp_path / "poswallet.json")
    (tmp_path / "other.json").hardlink_to(path)
    for name in ("poswallet.json", "other.json"):
        with pytest.raises(WalletError, match="has 2 names") as caught:
            load_wallet(tmp_path / name, MAIN, no_passphrase)
        assert "cp -p" in str(caught.value)
    assert read_wallet_address(path, MAIN) == ADDRESS_MAIN


@pytest.mark.parametrize(
    "text", ["1e999", "NaN", "-Infinity", "-1", "1" + "0" * 30, "true", "null", '"x"', "[]"]
)
def test_a_time_that_is_none_is_accepted(tmp_path: Path, text: str) -> None:
    path = write_wallet(tmp_path / "poswallet.json", created="MARK")
    path.write_text(path.read_text(encoding="utf-8").replace('"MARK"', text), encoding="utf-8")
    assert load_wallet(path, MAIN, no_passphrase).created in (0, 1)


def test_what_is_no_wallet_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name, words in (
        ("empty", "is empty: a start was killed"),
        ("folder", "is no file"),
        ("pipe", "is no file"),
    ):
        with pytest.raises(WalletError, match=words):
            load_wallet(tmp_path / f"{name}.json", MAIN, no_passphrase)


def test_a_key_outside_the_curves_order_is_drawn_again() -> None:
    draws = iter([bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\xff" * 32, PRIVKEY])
    assert draw_privkey(lambda size: next(draws)) == PRIVKEY


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Wallet]:
    path = tmp_path_factory.mktemp("sealed") / "w.json"
    return path, create_wallet(path, TEST, token=count_tokens(), created=7, passphrase="Grüße 1")


def test_an_encrypted_wallet_opens_with_its_passphrase(sealed: tuple[Path, Wallet]) -> None:
    path, made = sealed
    assert load_wallet(path, TEST, lambda: "Grüße 1") == made
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["encrypted"] is True
    assert content["kdf"]["name"] == "scrypt"
    assert content["cipher"]["name"] == "aes-256-gcm"
    assert made.privkey not in b64decode(content["privkey"])


def test_an_encrypted_wallet_stays_shut_for_another_passphrase(sealed: tuple[Path, Wallet]) -> None:
    with pytest.raises(WalletError, match="wrong passphrase"):
        load_wallet(sealed[0], TEST, lambda: "Grüße 2")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"address": ADDRESS_TEST}, "wrong passphrase, or the wallet was changed"),
        ({"kdf": None}, "kdf, cipher or privkey are damaged"),
        ({"privkey": "AAAA"}, "sealed key is damaged"),
        ({"kdf": {"name": "scrypt", "n": 2**30, "r": 8, "p": 1, "salt": ""}}, "asks for too much"),
        ({"kdf": {"name": "scrypt", "n": 3, "r": 8, "p": 1, "salt": ""}}, "asks for too much"),
        ({"kdf": {"name": "md5"}}, "not sealed with scrypt"),
    ],
)
def test_a_changed_encrypted_wallet_is_refused(
    sealed: tuple[Path, Wallet], tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    path = tmp_path / "w.json"
    content = json.loads(sealed[0].read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    with pytest.raises(WalletError, match=problem):
        load_wallet(path, TEST, lambda: "Grüße 1")


def test_the_address_can_be_read_without_the_passphrase(sealed: tuple[Path, Wallet]) -> None:
    path, made = sealed
    assert read_wallet_address(path, TEST) == made.address
    with pytest.raises(WalletError, match="none of this network"):
        read_wallet_address(path, MAIN)


def test_a_file_that_others_may_read_is_pointed_out(tmp_path: Path) -> None:
    path = write_wallet(tmp_path / "w.json")
    path.chmod(0o600)
    assert find_exposure(path) == ""
    path.chmod(0o644)
    assert "chmod 600" in find_exposure(path)
    path.chmod(0o600)
    tmp_path.chmod(0o777)
    assert f"chmod o-w {tmp_path}" in find_exposure(path)
    tmp_path.chmod(0o1777)
    assert find_exposure(path) == ""


def test_the_passphrase_comes_from_the_file_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from file\nsecond line\n", encoding="utf-8")
    environment = {VARIABLE: "from environment"}
    assert get_passphrase(tmp_path / "w", file, environment) == "from file"
    assert get_passphrase(tmp_path / "w", None, environment) == "from environment"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_passphrase_file_without_one_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WalletError, match="secret: "):
        get_passphrase(tmp_path / "w", file, {VARIABLE: "x"})


def test_without_a_terminal_nobody_is_prompted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(WalletError, match="needs a passphrase and there is none"):
        get_passphrase(tmp_path / "w", None, {})


def test_a_new_passphrase_from_a_prompt_must_be_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["one", "two", "same", "same", "", ""])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(WalletError, match="two passphrases differ"):
        get_new_passphrase(tmp_path / "w", None, {})
    assert get_new_passphrase(tmp_path / "w", None, {}) == "same"
    with pytest.raises(WalletError, match="empty passphrase"):
        get_new_passphrase(tmp_path / "w", None, {})
    assert get_new_passphrase(tmp_path / "w", None, {VARIABLE: "set"}) == "set"


class Terminal(io.StringIO):
    """Standard input on a terminal."""

    def isatty(self) -> bool:
        return True
