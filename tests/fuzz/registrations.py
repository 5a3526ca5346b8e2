"""The registrations target: rows of the companion's ledger that anybody can pay for (spec 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypernode.core.address import compute_address
from hypernode.core.params.networks import testnet
from hypernode.core.registrations.pow_signature import SignedRow, is_valid_pow_signature
from hypernode.core.registrations.registry import OPERATIONS, PowRow, RegistryState
from hypernode.core.registrations.registry_json import decode_state, encode_state
from hypernode.core.registrations.registry_rules import apply_row
from hypernode.node.peers.peer_table import parse_port
from tests.fuzz.cutter import Cutter

_NETWORK: Final = replace(testnet(), first_pow_height=0)
_COLLATERAL: Final = 10_000 * 100_000_000
_POW: Final = "0123456789abcdef" * 3 + "01234567"
_POS: Final = compute_address(bytes(64), _NETWORK.address_byte)


def fuzz_registrations(data: bytes) -> None:
    """Rows in turn, of any text; the list stays what the registry promises, and survives being kept."""
    cutter = Cutter(data)
    state = RegistryState()
    for height in range(6):
        if cutter.is_empty:
            break
        state, result = apply_row(_NETWORK, state, _take_row(cutter, height), lambda address, at: _COLLATERAL)
        if result.ok and not result.reason:
            raise AssertionError("taken without a word")
    for name in ("ip", "pos"):
        taken = [getattr(entry, name) for entry in state.entries]
        if len(set(taken)) != len(taken):
            raise AssertionError(f"two entries with one {name}")
    for entry in state.entries:
        parse_port(entry.port)
    if decode_state(encode_state(state), "the fuzzer") != state:
        raise AssertionError("a list that does not survive being kept")


def _take_row(cutter: Cutter, height: int) -> PowRow:
    kind = cutter.take_number()
    address = _POW[kind & 3 :] + _POW[: kind & 3] if kind & 4 else cutter.take_text()
    operation = cutter.take_text() if kind & 8 else OPERATIONS[kind >> 4 & 3]
    openfield = cutter.take_text()
    if kind & 64:
        openfield = f"10.0.0.{kind & 3}:6969:{_POS}{openfield}"
    if kind & 128:
        signed = SignedRow(0.0, address, "", 0, operation, openfield, cutter.take_text(), cutter.take_text())
        is_valid_pow_signature(signed)
    return PowRow(
        height, 0.0, address, _NETWORK.control_pow if kind & 1 else address, 0, 0, 0, operation, openfield
    )
