"""Signatures of registrations, checked on request: what does not verify is left out, and shown."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from Crypto.Hash import SHA1
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from hypernode.core.address import encode_address
from hypernode.core.params.networks import devnet
from hypernode.core.registrations.pow_signature import compute_rsa_address, encode_pow_buffer
from hypernode.core.registrations.registry import REGISTER, VOID
from hypernode.core.types import Registration
from hypernode.devnet.companion_ledger import append_block, append_until, prepare_ledger
from hypernode.devnet.pow_blocks import Transaction
from hypernode.devnet.pow_keys import create_pow_key
from hypernode.devnet.pow_ledger import LedgerRow, open_ledger
from hypernode.ports.registrations import PowStatus, RegisteredList
from hypernode.pow.ledger.registry import RegistryOptions
from hypernode.pow.ledger.source import LedgerPowSource

ORIGIN = 1_700_000_000
CONTROL = create_pow_key(b"\x05" * 32)
NETWORK = devnet(ORIGIN, 6, CONTROL.address, encode_address(bytes(20), 0x55))
HYPERNODES = [(encode_address(bytes([n]) * 20, 0x55), f"127.0.0.{n + 1}", 7000 + n, 1) for n in range(4)]
RSA_POS = encode_address(bytes([9]) * 20, 0x55)
NOW = ORIGIN + 3 * NETWORK.round_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ledger = tmp_path / "ledger.db"
    prepare_ledger(ledger, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    return ledger


def finish(path: Path) -> None:
    append_until(path, NETWORK, NOW + NETWORK.round_s)


def tamper(path: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(sql, parameters).rowcount == 1


def read(path: Path, *, verify: bool = True) -> tuple[RegisteredList, PowStatus]:
    async def ask() -> tuple[RegisteredList, PowStatus]:
        source = LedgerPowSource(path, NETWORK, inline=True, options=RegistryOptions(verify=verify))
        registered = await source.get_registered(4)
        status = await source.get_status(NOW + NETWORK.round_s)
        await source.close()
        return registered, status

    return asyncio.run(ask())


def list_pos(entries: tuple[Registration, ...]) -> list[str]:
    return [entry.pos for entry in entries]


def test_signatures_of_both_curves_verify(path: Path) -> None:
    finish(path)
    registered, status = read(path)
    assert list_pos(registered.entries) == [h[0] for h in HYPERNODES]
    assert {len(entry.collateral) for entry in registered.entries} == {37, 54}
    assert not [remark for remark in status.remarks if "signature" in remark]


@pytest.mark.parametrize("number", [0, 1])
def test_a_registration_that_was_changed_on_disk_is_left_out_and_shown(path: Path, number: int) -> None:
    finish(path)
    openfield = f"127.0.0.{number + 1}:{7000 + number}:{HYPERNODES[number][0]}"
    tamper(
        path,
        "UPDATE transactions SET openfield = replace(openfield, '127.0.0', '66.0.0') WHERE openfield = ?",
        openfield,
    )
    registered, status = read(path)
    assert list_pos(registered.entries) == [h[0] for h in HYPERNODES if h != HYPERNODES[number]]
    assert len([r for r in status.remarks if "left out, its signature is not valid" in r]) == 1
    believed, status = read(path, verify=False)
    assert len(believed.entries) == 4
    assert not [remark for remark in status.remarks if "signature" in remark]


def test_a_void_that_the_control_address_did_not_sign_counts_nothing(path: Path) -> None:
    pos, ip, port, _ = HYPERNODES[2]
    append_until(path, NETWORK, ORIGIN + 60)
    void = Transaction(CONTROL, CONTROL.address, operation=VOID, openfield=f"{ip}:{port}:{pos},reason=test")
    append_block(path, NETWORK, ORIGIN + 61, [void])
    finish(path)
    assert read(path)[0].voided == (pos,)
    tamper(path, "UPDATE transactions SET signature = 'AAAA' WHERE operation = ?", VOID)
    registered, status = read(path)
    assert registered.voided == ()
    assert any(VOID in remark for remark in status.remarks)
    assert read(path, verify=False)[0].voided == (pos,)


@pytest.mark.parametrize("is_good", [True, False])
def test_rsa_registrations_verify(path: Path, is_good: bool) -> None:
    key = RSA.generate(1024)
    pem = key.public_key().export_key()
    address = compute_rsa_address(pem)
    openfield = f"127.0.9.9:7000:{RSA_POS}"
    append_until(path, NETWORK, ORIGIN + 60)
    tip = append_block(path, NETWORK, ORIGIN + 61)
    buffer = encode_pow_buffer(ORIGIN + 61, address, address, 0, REGISTER, openfield)
    signature = pkcs1_15.new(key).sign(SHA1.new(buffer if is_good else buffer + b"x"))
    with open_ledger(path) as ledger:
        ledger.append(
            [
                LedgerRow(
                    block_height=tip.height,
                    timestamp=ORIGIN + 61,
                    address=address,
                    recipient=address,
                    amount=0,
                    signature=base64.b64encode(signature).decode(),
                    public_key=base64.b64encode(pem).decode(),
                    block_hash=tip.block_hash,
                    fee=0.01,
                    reward=0,
                    operation=REGISTER,
                    openfield=openfield,
                )
            ]
        )
    finish(path)
    assert (RSA_POS in list_pos(read(path)[0].entries)) is is_good
    assert RSA_POS in list_pos(read(path, verify=False)[0].entries)
