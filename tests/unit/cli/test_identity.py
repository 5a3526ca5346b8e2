"""Whom a client speaks as: the wallet, or a throw-away key."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypernode.cli.identity import DEFAULT_WALLET, get_address, get_signer
from hypernode.core.address import is_valid_address
from hypernode.core.params import mainnet
from hypernode.node.wallet import WalletError, create_wallet

MAIN = mainnet()


def make(path: Path, address_byte: int = MAIN.address_byte) -> str:
    return create_wallet(path, address_byte, token=lambda size: b"\x09" * size, created=1).address


def test_the_wallet_of_the_folder_is_taken(tmp_path: Path) -> None:
    address = make(tmp_path / DEFAULT_WALLET)
    assert get_address(MAIN, None, tmp_path) == address
    assert get_signer(MAIN, None, tmp_path).address == address


def test_without_a_wallet_each_address_is_thrown_away(tmp_path: Path) -> None:
    first, second = get_address(MAIN, None, tmp_path), get_signer(MAIN, None, tmp_path).address
    assert first != second
    assert is_valid_address(first, MAIN.address_byte)
    assert is_valid_address(second, MAIN.address_byte)
    assert list(tmp_path.iterdir()) == []


def test_a_wallet_of_another_network_that_merely_lies_there_is_left_alone(tmp_path: Path) -> None:
    address = make(tmp_path / DEFAULT_WALLET, 0x55)
    assert get_address(MAIN, None, tmp_path) != address


def test_a_wallet_that_was_named_must_be_good(tmp_path: Path) -> None:
    make(tmp_path / "other.json", 0x55)
    for name in ("absent.json", "other.json"):
        with pytest.raises(WalletError):
            get_address(MAIN, Path(name), tmp_path)
        with pytest.raises(WalletError):
            get_signer(MAIN, Path(name), tmp_path)
