"""Whom a client speaks as: the wallet, or a throw-away key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hypernode.cli.client.identity import DEFAULT_WALLET, Speaker, get_signer, get_speaker
from hypernode.core.address import is_valid_address
from hypernode.core.params.networks import mainnet
from hypernode.wallet.pos_wallet import WalletError, create_wallet

MAIN = mainnet()


def make(path: Path, address_byte: int = MAIN.address_byte, passphrase: str = "") -> str:
    wallet = create_wallet(
        path, address_byte, token=lambda size: b"\x09" * size, created=1, passphrase=passphrase
    )
    return wallet.address


def test_the_wallet_of_the_folder_is_taken(tmp_path: Path) -> None:
    address = make(tmp_path / DEFAULT_WALLET)
    signer = get_signer(MAIN, None, tmp_path / DEFAULT_WALLET)
    assert signer.address == address
    assert get_speaker(MAIN, None, tmp_path / DEFAULT_WALLET) == Speaker(address, signer)


def test_an_encrypted_wallet_gives_its_address_and_asks_for_no_passphrase(tmp_path: Path) -> None:
    address = make(tmp_path / DEFAULT_WALLET, passphrase="secret")
    assert get_speaker(MAIN, None, tmp_path / DEFAULT_WALLET) == Speaker(address, None)
    assert get_speaker(MAIN, tmp_path / DEFAULT_WALLET, tmp_path / "other") == Speaker(address, None)


def test_without_a_wallet_each_address_is_thrown_away(tmp_path: Path) -> None:
    speaker, second = (
        get_speaker(MAIN, None, tmp_path / DEFAULT_WALLET),
        get_signer(MAIN, None, tmp_path / DEFAULT_WALLET).address,
    )
    first = speaker.address
    assert speaker.signer is not None
    assert speaker.signer.address == first
    assert first != second
    assert is_valid_address(first, MAIN.address_byte)
    assert is_valid_address(second, MAIN.address_byte)
    assert list(tmp_path.iterdir()) == []


def test_a_wallet_of_another_network_that_merely_lies_there_is_left_alone(tmp_path: Path) -> None:
    address = make(tmp_path / DEFAULT_WALLET, 0x55)
    assert get_speaker(MAIN, None, tmp_path / DEFAULT_WALLET).address != address


def test_a_damaged_wallet_that_merely_lies_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / DEFAULT_WALLET
    address = make(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"privkey": "AA=="}))
    assert get_speaker(MAIN, None, tmp_path / DEFAULT_WALLET).address != address
    with pytest.raises(WalletError, match="privkey"):
        get_speaker(MAIN, path, path)


def test_a_wallet_that_was_named_must_be_good(tmp_path: Path) -> None:
    make(tmp_path / "other.json", 0x55)
    for name in ("absent.json", "other.json"):
        with pytest.raises(WalletError):
            get_speaker(MAIN, tmp_path / name, tmp_path / DEFAULT_WALLET)
        with pytest.raises(WalletError):
            get_signer(MAIN, tmp_path / name, tmp_path / DEFAULT_WALLET)
