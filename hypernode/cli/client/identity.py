"""Who a client says it is: the wallet's address, or a throw-away one (spec 6, folders)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hypernode.app.system_clock import SystemEntropy
from hypernode.core.params.chain_params import ChainParams
from hypernode.wallet.passphrase import get_passphrase
from hypernode.wallet.pos_wallet import (
    Wallet,
    WalletError,
    draw_privkey,
    load_open_wallet,
    load_wallet,
    make_wallet,
    read_wallet_address,
)

DEFAULT_WALLET = "poswallet.json"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks: an address, and the key to prove it with; None where only the address can be had."""

    address: str
    signer: Wallet | None


def get_signer(params: ChainParams, wallet: Path | None, default: Path) -> Wallet:
    """The key to sign with: that of the wallet, or a throw-away one where there is none.  Raises
    WalletError."""
    path = wallet or default
    if wallet is None and not path.exists():
        return make_throwaway(params)
    return load_wallet(path, params.address_byte, lambda: get_passphrase(path, None, os.environ))


def get_speaker(params: ChainParams, wallet: Path | None, default: Path) -> Speaker:
    """Who says hello.  An encrypted wallet gives its address alone: no passphrase is asked for a question.
    A wallet that was named must be good (raises WalletError); one that merely lies there may be of another
    network."""
    path = wallet or default
    try:
        address = read_wallet_address(path, params.address_byte)
        signer = load_open_wallet(path, params.address_byte)
    except WalletError:
        if wallet is not None:
            raise
        signer = make_throwaway(params)
        address = signer.address
    return Speaker(address, signer)


def make_throwaway(params: ChainParams) -> Wallet:
    """A key that is forgotten with the process."""
    return make_wallet(draw_privkey(SystemEntropy().token), params.address_byte)
