"""Text of any editor, and passphrases of any alphabet."""

from __future__ import annotations

import codecs
import itertools
import json
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt

from hypernode.config.config_files import load_config, parse_config
from hypernode.config.networks import load_network
from hypernode.config.parameter_table import ConfigError, load_table
from hypernode.core.params.network_file import NetworkFileError, network_from_json, network_to_json
from hypernode.core.params.networks import testnet as make_testnet
from hypernode.files.text_files import TwiceSaid, decode_text, load_json, split_lines
from hypernode.wallet import seal as wallet_seal
from hypernode.wallet.passphrase import get_passphrase
from hypernode.wallet.pos_wallet import Wallet, WalletError, create_wallet, load_wallet
from hypernode.wallet.seal import SealBroken, open_seal, seal_key

TABLE = load_table()
TEST = 0x55
FEW = 2**4


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seals that take no time; what they are made of is the same."""
    monkeypatch.setattr(wallet_seal, "SCRYPT_N", FEW)


def count_tokens() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def write_as(text: str) -> dict[str, bytes]:
    """A text as editors write it."""
    return {
        "utf-8": text.encode(),
        "utf-8 with a mark": codecs.BOM_UTF8 + text.encode(),
        "utf-16": codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        "big-endian": codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
    }


@pytest.mark.parametrize("way", write_as(""))
def test_each_file_of_the_operator_is_read_as_any_editor_writes_it(tmp_path: Path, way: str) -> None:
    config = tmp_path / "config.txt"
    config.write_bytes(write_as("# Knoten für zu Hause\nPORT=7001\nOUT_IP=10.0.0.1\n")[way])
    assert load_config(config, TABLE).values == {"PORT": 7001, "OUT_IP": "10.0.0.1"}
    assert load_config(config, TABLE).lines == {"PORT": 2, "OUT_IP": 3}
    path = tmp_path / "poswallet.json"
    wallet = create_wallet(path, TEST, token=count_tokens(), created=1)
    path.write_bytes(write_as(path.read_text())[way])
    assert load_wallet(path, TEST, str).address == wallet.address
    network = tmp_path / "net.json"
    network.write_bytes(write_as(network_to_json(make_testnet()))[way])
    assert load_network(str(network), tmp_path, "--network") == make_testnet()
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(write_as("Grüße\nand a second line")[way])
    assert get_passphrase(path, passphrase, {}) == "Grüße"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PORT=7001\n# f\xfcr\n", "line 2 is no UTF-8 text"),
        ("PORT=7001\n".encode("utf-16-le"), "NUL characters"),
        (codecs.BOM_UTF16_LE + b"odd", "no UTF-16-LE text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode_text(raw)
    path = tmp_path / "config.txt"
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match=words):
        load_config(path, TABLE)


def test_only_line_ends_end_lines() -> None:
    assert split_lines("a\r\nb\rc\nd\u2028e\x0bf") == ["a", "b", "c", "d\u2028e\x0bf"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('WALLET="my wallet.json"', "my wallet.json"),
        ("WALLET='w.json'  # mine", "w.json"),
        ('WALLET = "a # b.json"', "a # b.json"),
        ("WALLET=\u201cw.json\u201d", "w.json"),
        ("WALLET=it's.json", "it's.json"),
        ('WALLET="w.json"# mine', "w.json"),
    ],
)
def test_quotes_around_a_value_are_none_of_it(line: str, value: str) -> None:
    assert parse_config(line, "config.txt", TABLE).values == {"WALLET": value}
    assert parse_config("PORT=\"7001\"\nSTATUS_LONG='1'", "c", TABLE).values == {
        "PORT": 7001,
        "STATUS_LONG": True,
    }


@pytest.mark.parametrize("line", ['WALLET="w.json', "WALLET='w.json\"", 'LOG="hello","mempool"'])
def test_half_a_pair_of_quotes_is_an_error(line: str) -> None:
    with pytest.raises(ConfigError, match=r"c:1: (WALLET|LOG): a value that begins with .* Take the quotes"):
        parse_config(line, "c", TABLE)


def test_a_name_that_is_there_twice_is_named() -> None:
    with pytest.raises(TwiceSaid, match="'a' is there twice"):
        load_json('{"b": {"a": 1, "a": 2}}')
    text = network_to_json(make_testnet())
    with pytest.raises(NetworkFileError, match=r"net\.json: 'slot_s' is there twice"):
        network_from_json(text.replace("{", '{"slot_s": 7, "slot_s": 8,', 1), "net.json")


def test_a_wallet_with_a_field_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    create_wallet(path, TEST, token=count_tokens(), created=1)
    path.write_text(path.read_text().replace("{", '{"address": "x",', 1))
    with pytest.raises(WalletError, match="'address' is there twice"):
        load_wallet(path, TEST, str)


# --- passphrases ------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", ["пароль", "密码", "€uro", "naïve", "\U0001f511", "a\udcff"])
def test_a_passphrase_of_any_alphabet_opens_what_it_sealed(passphrase: str) -> None:
    sealed = seal_key(b"k" * 32, passphrase, b"bound", count_tokens())
    assert open_seal(sealed, passphrase, b"bound") == b"k" * 32
    with pytest.raises(SealBroken):
        open_seal(sealed, passphrase + "x", b"bound")


def test_an_accent_may_be_written_apart() -> None:
    """As keyboards and editors of macOS do."""
    whole, apart = "Grüße é", unicodedata.normalize("NFD", "Grüße é")
    assert whole != apart
    for first, second in ((whole, apart), (apart, whole)):
        sealed = seal_key(b"k" * 32, first, b"", count_tokens())
        assert open_seal(sealed, second, b"") == b"k" * 32


def _seal_as_before(passphrase: str, bound: bytes) -> dict[str, object]:
    """What the library made of a text: Latin-1."""
    sealed: dict[str, Any] = seal_key(b"k" * 32, "any", bound, count_tokens())
    salt, nonce = b64decode(sealed["kdf"]["salt"]), b64decode(sealed["cipher"]["nonce"])
    key = scrypt(passphrase.encode("latin-1"), salt, 32, N=FEW, r=8, p=1)
    assert isinstance(key, bytes)
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=16)
    cipher.update(bound)
    raw, tag = cipher.encrypt_and_digest(b"k" * 32)
    return {**sealed, "privkey": b64encode(raw + tag).decode()}


@pytest.mark.parametrize("given", ["Grüße", unicodedata.normalize("NFD", "Grüße"), "Gr\udcfc\udcdfe"])
def test_a_wallet_that_was_sealed_in_latin_1_still_opens(given: str) -> None:
    """Also by a file that is in Latin-1 itself."""
    assert open_seal(_seal_as_before("Grüße", b"b"), given, b"b") == b"k" * 32


def test_a_passphrase_file_in_latin_1_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes("Grüße\n".encode("latin-1"))
    path = tmp_path / "w.json"
    made: Wallet = create_wallet(path, TEST, token=count_tokens(), created=1, passphrase="Grüße")
    content = json.loads(path.read_text())
    assert get_passphrase(path, file, {}) == "Gr\udcfc\udcdfe"
    assert load_wallet(path, TEST, lambda: "Grüße") == made
    assert content["encrypted"]
